"""Preparation against scikit-learn and by hand; nothing unusual makes it fail or leave a hole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import skew
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from bedside.errors import StudyError
from bedside.network import TorchOperations
from bedside.preparation import Preparation, as_served, chosen_scale, features, in_single_precision
from bedside.preparation.preparation import skewness
from bedside.sources import Schema, Variable

NAN = float("nan")


def numbers(count: int) -> Schema:
    return Schema(variables=tuple(Variable(name=f"v{i}", kind="number", label="") for i in range(count)))


def category(*names: str) -> Schema:
    return Schema(variables=(Variable(name="c", kind="category", label="", categories=names),))


def column(prepared: Preparation, name: str, values: np.ndarray) -> np.ndarray:
    return prepared.transform(values)[:, prepared.names.index(name)]


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(3).normal([5.0, -100.0, 0.01], [2.0, 30.0, 0.002], size=(80, 3))


def test_standard_is_scikit_learns(values: np.ndarray) -> None:
    prepared = Preparation.fit(numbers(3), values, dict.fromkeys(("v0", "v1", "v2"), "standard"))
    np.testing.assert_allclose(prepared.transform(values), StandardScaler().fit_transform(values), atol=2e-6)


def test_minmax_is_scikit_learns(values: np.ndarray) -> None:
    prepared = Preparation.fit(numbers(3), values, dict.fromkeys(("v0", "v1", "v2"), "minmax"))
    np.testing.assert_allclose(prepared.transform(values), MinMaxScaler().fit_transform(values), atol=2e-6)


def test_none_leaves_values_alone(values: np.ndarray) -> None:
    prepared = Preparation.fit(numbers(3), values, dict.fromkeys(("v0", "v1", "v2"), "none"))
    np.testing.assert_allclose(prepared.transform(values), values, rtol=1e-6)


def test_log_is_standardised_after_log1p_over_the_fifth_percentile() -> None:
    x = np.random.default_rng(1).lognormal(0, 1.2, size=(200, 1))
    prepared = Preparation.fit(numbers(1), x, {"v0": "log"})
    logged = np.log1p(x / np.quantile(x, 0.05))
    np.testing.assert_allclose(prepared.transform(x), StandardScaler().fit_transform(logged), atol=1e-5)
    assert abs(skew(prepared.transform(x)[:, 0])) < skew(x[:, 0])


def test_log_takes_zero_and_refuses_negative_values() -> None:
    x = np.concatenate([np.zeros(10), np.random.default_rng(1).lognormal(size=50)])[:, None]
    assert np.isfinite(Preparation.fit(numbers(1), x, {"v0": "log"}).transform(x)).all()
    with pytest.raises(StudyError, match="v0"):
        Preparation.fit(numbers(1), x - 1, {"v0": "log"})


def test_the_scale_is_chosen_by_skewness() -> None:
    rng = np.random.default_rng(2)
    assert chosen_scale(rng.lognormal(size=300)) == "log"
    assert chosen_scale(rng.normal(10, 1, size=300)) == "standard"
    assert chosen_scale(-rng.lognormal(size=300)) == "standard"
    assert chosen_scale(np.array([])) == "standard"
    x = rng.gamma(2, size=100)
    assert skewness(x) == pytest.approx(skew(x))


def test_an_asked_scale_goes_before_the_chosen_one() -> None:
    x = np.random.default_rng(2).lognormal(size=(300, 2))
    prepared = Preparation.fit(numbers(2), x, {"v0": "minmax"})
    assert prepared.scales == {"v0": "minmax", "v1": "log"}


def test_unknown_numbers_are_the_median_and_flagged() -> None:
    x = np.array([[1.0], [2.0], [10.0], [NAN], [NAN]])
    prepared = Preparation.fit(numbers(1), x, {"v0": "none"})
    assert prepared.names == ("v0", "v0 unknown")
    out = prepared.transform(x)
    np.testing.assert_allclose(out[:, 0], [1, 2, 10, 2, 2])
    np.testing.assert_allclose(out[:, 1] + 0.4, [0, 0, 0, 1, 1], atol=1e-7)


def test_no_flag_where_nothing_was_unknown() -> None:
    prepared = Preparation.fit(numbers(1), np.array([[1.0], [2.0], [4.0]]), {"v0": "none"})
    np.testing.assert_allclose(prepared.transform(np.array([[NAN]])), [[2.0]])


def test_categories_are_scikit_learns_one_hot_about_their_share() -> None:
    codes = np.random.default_rng(4).integers(0, 3, size=(60, 1)).astype(float)
    prepared = Preparation.fit(category("a", "b", "c"), codes)
    hot = OneHotEncoder(sparse_output=False).fit_transform(codes)
    np.testing.assert_allclose(prepared.transform(codes), hot - hot.mean(axis=0), atol=1e-6)
    assert prepared.names == ("c = a", "c = b", "c = c")


def test_an_unknown_category_is_all_zero_but_for_its_flag() -> None:
    codes = np.array([[0.0], [1.0], [1.0], [NAN]])
    prepared = Preparation.fit(category("a", "b"), codes)
    np.testing.assert_allclose(prepared.transform(np.array([[NAN]])), [[0, 0, 0.75]])


@pytest.mark.parametrize(
    ("schema", "fitting"),
    [
        (numbers(1), np.full((5, 1), 7.25)),
        (numbers(1), np.full((5, 1), NAN)),
        (numbers(1), np.zeros((5, 1))),
        (category("a", "b"), np.zeros((5, 1))),
        (category("a", "b"), np.full((5, 1), NAN)),
    ],
)
def test_a_feature_that_does_not_vary_is_exactly_zero(schema: Schema, fitting: np.ndarray) -> None:
    prepared = Preparation.fit(schema, fitting)
    assert not prepared.transform(fitting).any()
    assert np.isfinite(prepared.transform(np.array([[NAN], [1.0], [1e38]]))).all()


def test_a_category_or_value_nobody_had_is_novel() -> None:
    prepared = Preparation.fit(category("a", "b", "c"), np.array([[0.0], [1.0], [NAN]]))
    assert prepared.novel.tolist() == [False, False, True, False]
    assert Preparation.fit(numbers(1), np.full((4, 1), 3.0)).novel.tolist() == [True]
    assert Preparation.fit(numbers(1), np.full((4, 1), NAN)).novel.tolist() == [False]


def test_each_feature_knows_its_variable() -> None:
    schema = Schema(variables=(*category("a", "b").variables, Variable(name="n", kind="number", label="")))
    prepared = Preparation.fit(schema, np.array([[0.0, 1.0], [1.0, NAN], [NAN, 3.0]]))
    assert prepared.names == ("c = a", "c = b", "c unknown", "n", "n unknown")
    assert prepared.feature_of.tolist() == [0, 0, 0, 1, 1]


def test_only_fitting_patients_shape_it(values: np.ndarray) -> None:
    prepared = Preparation.fit(numbers(3), values)
    together = prepared.transform(np.vstack([values[:2], np.full((1, 3), 1e9)]))
    np.testing.assert_array_equal(together[:2], prepared.transform(values[:2]))


def test_values_far_outside_are_drawn_in_to_one_range_beyond() -> None:
    x = np.linspace(10, 20, 11)[:, None]
    prepared = Preparation.fit(numbers(1), x, {"v0": "none"})
    np.testing.assert_allclose(prepared.transform(np.array([[1e9], [-1e9], [25.0]]))[:, 0], [30, 0, 25])


SCHEMA = Schema(
    variables=(
        Variable(name="a", kind="number", label=""),
        Variable(name="b", kind="number", label=""),
        Variable(name="c", kind="category", label="", categories=("x", "y", "z")),
    )
)
ANY = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.just(NAN), st.sampled_from([0.0, 1.0]))
CODE = st.sampled_from([0.0, 1.0, 2.0, NAN])
ROW = st.tuples(ANY, ANY, CODE)
SCALES = st.sampled_from([{}, {"a": "standard", "b": "minmax"}, {"a": "none"}])


@given(st.lists(ROW, min_size=1, max_size=12), st.lists(ROW, min_size=1, max_size=5), SCALES)
@settings(max_examples=150, deadline=None)
def test_whatever_is_fitted_or_comes_every_feature_is_a_number(fitting: list, coming: list, scales: dict) -> None:
    prepared = Preparation.fit(SCHEMA, np.array(fitting), scales)
    assert np.isfinite(prepared.transform(np.array(coming))).all()
    assert np.isfinite(prepared.transform(np.array(fitting))).all()


@given(arrays(np.float64, (9, 3), elements=st.floats(-1000, 1000, width=32)), st.integers(0, 2**27 - 1), SCALES)
@settings(max_examples=60, deadline=None)
def test_torch_agrees_with_the_reference(values: np.ndarray, holes: int, scales: dict) -> None:
    values[:, 2] = np.abs(values[:, 2]) % 3 // 1
    values[np.array([holes >> i & 1 for i in range(27)], dtype=bool).reshape(9, 3)] = NAN
    prepared = Preparation.fit(SCHEMA, values[:6], scales)
    ops = TorchOperations()
    out = features(ops, prepared, ops.constant(as_served(values))).numpy()
    reference = prepared.transform(values)
    np.testing.assert_allclose(out, reference, rtol=1e-5, atol=1e-5)


def test_numbers_beyond_single_precision_become_its_largest() -> None:
    found = in_single_precision(np.array([3.4028235677973366e38, -1e300, 0.1, NAN]))
    largest = float(np.finfo(np.float32).max)
    np.testing.assert_array_equal(found, [largest, -largest, float(np.float32(0.1)), NAN])
