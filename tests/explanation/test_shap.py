from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.errors import DataError, UsageError
from bedside.explanation import Explanation, explainer, shap

Predict = Callable[[np.ndarray], np.ndarray]
LARGE = 10**9


def network(variables: int, seed: int = 0) -> Predict:
    """A smooth function with strong interactions; unknown values act as 0.3."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(variables, 6)), rng.normal(size=6)

    def predict(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.tanh(np.where(np.isnan(rows), 0.3, rows) @ first) @ second))

    return predict


def explained(
    predict: Predict, case: np.ndarray, background: np.ndarray, weights: np.ndarray, **options: object
) -> Explanation:
    names = [f"v{j}" for j in range(len(case))]
    return shap(predict, case, background, weights, names, output="p", compared_with="b", **options)  # type: ignore[arg-type]


def vector(explanation: Explanation) -> np.ndarray:
    return np.array(list(explanation.values.values()))


def by_definition(predict: Predict, case: np.ndarray, background: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shapley's formula, subset by subset, row by row."""
    players = range(len(case))

    def worth(subset: Sequence[int]) -> float:
        total = 0.0
        for row, weight in zip(background, weights, strict=True):
            mixed = [case[j] if j in subset else row[j] for j in players]
            total += weight * predict(np.array([mixed]))[0]
        return total

    values = []
    for j in players:
        others = [i for i in players if i != j]
        value = 0.0
        for size in range(len(others) + 1):
            share = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(len(case))
            for subset in itertools.combinations(others, size):
                value += share * (worth((*subset, j)) - worth(subset))
        values.append(value)
    return np.array(values)


def data(variables: int, prototypes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.random(prototypes) + 0.1
    return rng.normal(size=variables), rng.normal(size=(prototypes, variables)), weights / weights.sum()


@settings(max_examples=12, deadline=None)
@given(variables=st.integers(1, 5), prototypes=st.integers(1, 4), seed=st.integers(0, 1000), holes=st.booleans())
def test_exact_values_follow_the_definition(variables: int, prototypes: int, seed: int, holes: bool) -> None:
    case, background, weights = data(variables, prototypes, seed)
    if holes:
        case[0] = np.nan
        background[-1, -1] = np.nan
    predict = network(variables, seed)
    found = explained(predict, case, background, weights)
    np.testing.assert_allclose(vector(found), by_definition(predict, case, background, weights), atol=1e-10)
    assert found.error == 0.0
    assert found.base_value == pytest.approx(float(weights @ predict(background)), abs=1e-12)


def sampled(
    predict: Predict, case: np.ndarray, background: np.ndarray, weights: np.ndarray, **options: object
) -> Explanation:
    found = explained(predict, case, background, weights, **({"target_error": 1e-9, "max_samples": 30_000} | options))
    assert found.error > 0
    return found


def test_sampled_values_near_the_exact_ones() -> None:
    case, background, weights = data(12, 10, 5)
    case[3], background[2, 5] = np.nan, np.nan
    predict = network(12, 5)
    exact = exact_by_enumeration(predict, case, background, weights)
    found = sampled(predict, case, background, weights)
    assert np.abs(vector(found) - exact).max() < 5 * found.error
    assert found.error < 0.01


def exact_by_enumeration(predict: Predict, case: np.ndarray, background: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The definition again, with one call of the model; checked against `by_definition` below."""
    players = len(case)
    masks = np.array(list(itertools.product([False, True], repeat=players)))
    worth = np.zeros(len(masks))
    for row, weight in zip(background, weights, strict=True):
        worth += weight * predict(np.where(masks, case, row))
    values, size = np.zeros(players), masks.sum(axis=1)
    table = {tuple(mask): value for mask, value in zip(masks.tolist(), worth, strict=True)}
    for mask, n in zip(masks.tolist(), size, strict=True):
        for j in range(players):
            if not mask[j]:
                inside = [*mask[:j], True, *mask[j + 1 :]]
                values[j] += (table[tuple(inside)] - table[tuple(mask)]) / players / math.comb(players - 1, n)
    return values


def test_the_two_oracles_agree() -> None:
    case, background, weights = data(4, 3, 9)
    one, two = (f(network(4), case, background, weights) for f in (by_definition, exact_by_enumeration))
    np.testing.assert_allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("variables", [6, 40])
def test_linear_model_in_closed_form(variables: int) -> None:
    case, background, weights = data(variables, 20, 2)
    slopes = np.random.default_rng(0).normal(size=variables)
    found = explained(lambda rows: rows @ slopes + 3.0, case, background, weights)
    np.testing.assert_allclose(vector(found), slopes * (case - weights @ background), atol=1e-9)


def test_pairs_of_orders_leave_no_error_in_pairwise_interactions() -> None:
    """For a polynomial of degree two, an order and its reverse halve every interaction: no noise."""
    case, background, weights = data(30, 20, 2)
    slopes = np.random.default_rng(1).normal(size=(30, 30))
    found = explained(lambda rows: np.einsum("ni,ij,nj->n", rows, slopes, rows), case, background, weights)
    both, change = slopes + slopes.T, case - background
    # Taylor's expansion between prototype and case: slope half-way times the way.
    expected = weights @ (((case + background) / 2 @ both) * change)
    np.testing.assert_allclose(vector(found), expected, atol=1e-9)
    assert found.error < 1e-9


@pytest.mark.parametrize("variables", [5, 30])
def test_dummies_get_exactly_nothing(variables: int) -> None:
    case, background, weights = data(variables, 8, 3)
    background[:, 1] = case[1]
    background[:, 4] = case[4] = np.nan
    inner = network(variables, 1)
    predict: Predict = lambda rows: inner(np.where(np.arange(variables) == 2, 0.0, rows))  # noqa: E731
    found = vector(explained(predict, case, background, weights))
    assert found[1] == found[4] == 0.0
    assert found[2] == 0.0  # differs, but the model does not look at it
    assert (found != 0).sum() == variables - 3


def test_symmetric_variables_share_alike() -> None:
    case, background, weights = data(5, 6, 4)
    case[1], background[:, 1] = case[0], background[:, 0]
    inner = network(4, 2)
    predict: Predict = lambda rows: inner(np.column_stack([rows[:, 0] * rows[:, 1], rows[:, 2:]]))  # noqa: E731
    found = vector(explained(predict, case, background, weights))
    assert found[0] == pytest.approx(found[1], abs=1e-12) and found[0] != 0


@settings(max_examples=15, deadline=None)
@given(variables=st.integers(1, 60), prototypes=st.integers(1, 30), seed=st.integers(0, 1000))
def test_values_add_up(variables: int, prototypes: int, seed: int) -> None:
    case, background, weights = data(variables, prototypes, seed)
    predict = network(variables, seed)
    found = explained(predict, case, background, weights, max_samples=4000)
    assert found.base_value + sum(found.values.values()) == pytest.approx(predict(case[None])[0], abs=1e-9)


def test_stated_error_covers_the_true_one() -> None:
    """|value - exact| against the stated error, over seeds: each variable within 1 in at least about 68 % of runs."""
    case, background, weights = data(11, 12, 7)
    predict = network(11, 7)
    exact = exact_by_enumeration(predict, case, background, weights)
    within_one, within_three, squares = [], [], []
    for seed in range(150):
        found = sampled(predict, case, background, weights, seed=seed, max_samples=2000)
        off = np.abs(vector(found) - exact)
        worst = int(off.argmax())
        within_one.append(off <= found.error)
        within_three.append(off[worst] <= 3 * found.error)
        squares.append((vector(found) - exact) ** 2)
    # The stated error is the largest of the variables: none may really have a larger one.
    true = np.sqrt(np.mean(squares, axis=0)).max()
    stated = np.mean([sampled(predict, case, background, weights, seed=s, max_samples=2000).error for s in range(20)])
    assert 0.8 * true < stated < 1.4 * true
    assert np.mean(within_one, axis=0).min() > 0.58
    assert np.mean(within_three) > 0.95


def test_sampling_is_unbiased() -> None:
    case, background, weights = data(11, 5, 8)
    predict = network(11, 8)
    exact = exact_by_enumeration(predict, case, background, weights)
    found = np.array([vector(sampled(predict, case, background, weights, seed=s, max_samples=700)) for s in range(200)])
    bias, error = found.mean(axis=0) - exact, found.std(axis=0, ddof=1) / math.sqrt(len(found))
    assert (np.abs(bias) < 4 * error).all()


def test_more_samples_until_the_target() -> None:
    case, background, weights = data(25, 20, 6)
    predict = network(25, 6)
    rough = explained(predict, case, background, weights, target_error=0.01, max_samples=LARGE)
    fine = explained(predict, case, background, weights, target_error=0.002, max_samples=LARGE)
    assert rough.error <= 0.01 and fine.error <= 0.002 and rough.samples < fine.samples
    spent = explained(predict, case, background, weights, target_error=1e-6, max_samples=5000)
    assert spent.error > 1e-6 and spent.samples <= 5000


@pytest.mark.parametrize("variables", [5, 30])
def test_counts_the_rows_it_asked(variables: int) -> None:
    case, background, weights = data(variables, 7, 1)
    asked, inner = [], network(variables)

    def predict(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return inner(rows)

    found = explained(predict, case, background, weights)
    assert sum(asked) == found.samples
    assert max(asked) <= 8192


def test_seeded() -> None:
    case, background, weights = data(30, 10, 1)
    first, again, other = (explained(network(30), case, background, weights, seed=s) for s in (1, 1, 2))
    assert first.values == again.values != other.values


def test_case_like_the_whole_background() -> None:
    case = np.array([1.0, np.nan])
    found = explained(network(2), case, np.stack([case, case]), np.array([0.5, 0.5]))
    assert found.values == {"v0": 0.0, "v1": 0.0} and found.error == 0.0
    one = explained(network(2), np.array([2.0, np.nan]), case[None], np.array([1.0]))
    assert one.values["v1"] == 0.0 and one.values["v0"] != 0.0


def test_single_precision_stays_single() -> None:
    case, background, weights = data(20, 6, 1)
    kinds = set()

    def predict(rows: np.ndarray) -> np.ndarray:
        kinds.add(rows.dtype)
        return network(20)(rows).astype(np.float32)

    found = explained(predict, case.astype(np.float32), background.astype(np.float32), weights)
    assert kinds == {np.dtype(np.float32)}
    assert found.base_value + sum(found.values.values()) == pytest.approx(predict(case[None])[0], abs=1e-6)


def test_refuses_what_does_not_fit() -> None:
    case, background, weights = data(3, 4, 1)
    for wrong in (weights * 2, -weights, np.array([2.0, -1.0, 0.0, 0.0])):
        with pytest.raises(DataError, match="weights must not be negative"):
            explained(network(3), case, background, wrong)
    with pytest.raises(DataError, match="2 names for 3 values"):
        shap(network(3), case, background, weights, ["a", "b"], output="p", compared_with="b")
    with pytest.raises(DataError, match="no number"):
        explained(lambda rows: np.full(len(rows), np.nan), case, background, weights)


def test_registry() -> None:
    assert explainer("shap").__name__ == "shap"
    with pytest.raises(UsageError, match="Use one of: shap"):
        explainer("tea-leaves")


@pytest.mark.filterwarnings("ignore")
def test_shap_package_agrees() -> None:
    package = pytest.importorskip("shap")
    case, background, _ = data(11, 12, 3)
    weights = np.full(12, 1 / 12)
    predict = network(11, 3)
    found = sampled(predict, case, background, weights, max_samples=200_000)
    theirs = package.KernelExplainer(predict, background).shap_values(case, nsamples=4000, l1_reg=0, silent=True)
    np.testing.assert_allclose(vector(found), theirs, atol=5 * found.error)  # theirs is exact: 4000 > 2**11
    few, six = background[:, :6], network(6, 3)
    theirs = package.KernelExplainer(six, few).shap_values(case[:6], nsamples=4000, l1_reg=0, silent=True)
    np.testing.assert_allclose(vector(explained(six, case[:6], few, weights)), theirs, atol=1e-9)
