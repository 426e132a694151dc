"""A silent release's figures beside the live one's, each against a reference that shares no code with ours."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from bedside.validation import Answered, Asked, SilentEvidence, compared, figures, render_silent_report

ASKED = Asked(classes=("benign", "malignant"), positive="malignant", threshold=0.2)


def patients(n: int = 240, seed: int = 3) -> tuple[Any, Answered, Answered]:
    """Outcomes, and two releases that see them with different noise; each keeps silent about some."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-0.5, 1.6, n)
    outcome = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(np.int64)
    return outcome, said(truth + rng.normal(0, 0.5, n), rng), said(truth + rng.normal(0.4, 1.5, n), rng)


def said(logit: Any, rng: Any) -> Answered:
    p = 1 / (1 + np.exp(-logit))
    abstained = rng.random(len(p)) < 0.1
    alert = (p >= 0.2) & ~abstained
    P = np.stack([1 - p, p], axis=1)
    P[abstained] = np.nan
    return Answered(P, abstained, alert)


def delong_by_pairs(y: Any, p: Any, q: Any) -> tuple[float, float]:
    """Difference of two AUROCs and its standard error, by comparing every pair (DeLong et al. 1988, equation 5)."""
    cases, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)

    def kernel(x: Any) -> Any:
        a, b = x[cases][:, None], x[others][None, :]
        return (a > b) + 0.5 * (a == b)

    difference = kernel(p) - kernel(q)
    variance = np.var(difference.mean(axis=1), ddof=1) / len(cases) + np.var(difference.mean(axis=0), ddof=1) / len(
        others
    )
    return float(difference.mean()), float(np.sqrt(variance))


def test_own_figures_are_those_of_scikit_learn_and_statsmodels() -> None:
    outcome, silent, _ = patients()
    found = figures(ASKED, outcome, silent)
    assert found is not None
    kept = ~silent.abstained
    y, p = outcome[kept], silent.columns[kept, 1]
    assert (found.n, found.n_events, found.abstained) == (len(y), int(y.sum()), int((~kept).sum()))
    assert found.measures["auroc"].value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert found.measures["brier"].value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    logit = np.log(p / (1 - p))
    slope = sm.Logit(y, sm.add_constant(logit)).fit(disp=0)
    assert found.measures["calibration_slope"].value == pytest.approx(slope.params[1], abs=1e-6)
    assert found.measures["calibration_slope"].low == pytest.approx(slope.conf_int()[1][0], abs=1e-5)
    intercept = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=logit).fit()
    assert found.measures["calibration_intercept"].value == pytest.approx(intercept.params[0], abs=1e-6)


def test_the_comparison_is_paired_and_on_the_same_patients() -> None:
    outcome, silent, live = patients()
    found = compared(ASKED, outcome, silent, live, ("1.0.0",))
    both = ~(silent.abstained | live.abstained)
    y, p, q = outcome[both], silent.columns[both, 1], live.columns[both, 1]
    assert found.silent is not None and found.live is not None
    assert (found.n, found.n_both, found.live.n, found.silent.n) == (len(outcome), int(both.sum()), len(y), len(y))
    assert found.live.measures["auroc"].value == pytest.approx(roc_auc_score(y, q), abs=1e-12)
    value, error = delong_by_pairs(y, p, q)
    difference = found.difference["auroc"]
    assert difference.value == pytest.approx(value, abs=1e-12)
    assert difference.value == pytest.approx(roc_auc_score(y, p) - roc_auc_score(y, q), abs=1e-12)
    assert difference.low == pytest.approx(value - 1.959963984540054 * error, abs=1e-9)
    assert difference.high == pytest.approx(value + 1.959963984540054 * error, abs=1e-9)
    counts = (found.abstained_silent, found.abstained_live, found.abstained_both)
    assert counts == (silent.abstained.sum(), live.abstained.sum(), (silent.abstained & live.abstained).sum())
    assert set(found.difference) == {"auroc"}


def test_decisions_are_two_confusion_matrices() -> None:
    outcome, silent, live = patients()
    found = {one.group: one for one in compared(ASKED, outcome, silent, live, ()).decisions}
    both = ~(silent.abstained | live.abstained)
    y = outcome[both]
    flagged = silent.columns[both, 1] >= 0.2, live.columns[both, 1] >= 0.2
    everyone = confusion_matrix(flagged[1], flagged[0])
    events = confusion_matrix(flagged[1][y == 1], flagged[0][y == 1])
    for group, at in {
        "flagged by neither": (0, 0),
        "newly flagged": (0, 1),
        "no longer flagged": (1, 0),
        "flagged by both": (1, 1),
    }.items():
        assert (found[group].n, found[group].n_events) == (everyone[at], events[at]), group


def test_few_patients_are_counted_and_nothing_else() -> None:
    outcome, silent, live = patients(240)
    few = np.zeros(240, dtype=bool)
    few[np.flatnonzero(~(silent.abstained | live.abstained))[:9]] = True
    assert figures(ASKED, outcome[few], silent.take(few)) is None
    found = compared(ASKED, outcome[few], silent.take(few), live.take(few), ())
    assert (found.n_both, found.silent, found.live, found.difference, found.decisions) == (9, None, None, {}, ())
    few[np.flatnonzero(~(silent.abstained | live.abstained))[9]] = True
    assert figures(ASKED, outcome[few], silent.take(few)) is not None


def test_three_classes_have_macro_figures_and_no_paired_mean_interval() -> None:
    rng = np.random.default_rng(5)
    outcome = rng.integers(0, 3, 150)

    def answered(noise: float) -> Answered:
        P = np.exp(np.eye(3)[outcome] + rng.normal(0, noise, (150, 3)))
        P /= P.sum(axis=1, keepdims=True)
        return Answered(P, np.zeros(150, dtype=bool), P[:, 2] >= 0.4)

    asked = Asked(classes=("a", "b", "c"), positive=None, threshold={"c": 0.4})
    first, second = answered(0.5), answered(1.0)
    found = compared(asked, outcome, first, second, ("1.0.0",))
    assert found.silent is not None
    P = first.columns
    assert found.silent.measures["auroc"].value == pytest.approx(
        roc_auc_score(outcome, P, multi_class="ovr"), abs=1e-12
    )
    assert found.silent.n_events == int((outcome == 2).sum())
    assert found.difference["auroc"].low is None
    assert found.difference["auroc:c"].low is not None


def evidence(**changes: Any) -> dict[str, Any]:
    outcome, silent, live = patients()
    made = SilentEvidence(
        name="heart <1>", version="1.1.0", digest="d" * 64, classes=ASKED.classes, positive="malignant", threshold=0.2,
        date="2026-03-02", silently=True, with_outcome=240, without_outcome=12, left_out={"erased patients": 1},
        own=figures(ASKED, outcome, silent), compared=compared(ASKED, outcome, silent, live, ("1.0.0",)),
    )  # fmt: skip
    return dict(msgspec.to_builtins(msgspec.structs.replace(made, **changes)))


def test_the_report_shows_the_figures_and_escapes_names() -> None:
    document = evidence()
    html = render_silent_report(document)
    assert html == render_silent_report(document)
    assert "<script" not in html and "heart &lt;1&gt;" in html and "heart <1>" not in html
    difference = document["compared"]["difference"]["auroc"]
    text = f"{difference['value']:.3f} ({difference['low']:.3f} to {difference['high']:.3f})"
    assert text.replace("-", "\N{MINUS SIGN}") in html
    for one in document["compared"]["decisions"]:
        assert f"<td>{one['n']}</td><td>{one['n_events']}</td>" in html
    empty = render_silent_report(evidence(own=None, compared=None))
    assert "no figure is shown" in empty and "No live release was asked" in empty
    assert "Brier" not in empty
