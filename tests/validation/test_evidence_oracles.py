"""Every measure in the evidence against an independent computation on the same predictions."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import logit
from sklearn import metrics
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.proportion import proportion_confint

from bedside.validation.curves import roc_curve


def predicted(scene, model) -> np.ndarray:
    return np.asarray(model.predict(scene.cohort.reading.values).columns, dtype=np.float64)


def answered(scene) -> np.ndarray:
    """Who gets an estimate, by the manifest's words: near enough, and at most 40 % of three predictors unknown."""
    values = scene.cohort.reading.values
    manifest = scene.model.manifest
    near = np.abs(np.nan_to_num(values[:, 0] - 15.0)).astype(np.float32) <= manifest.distance_limit
    return near & (np.isnan(values).sum(axis=1) <= 1)


def oracle_one_class(y: np.ndarray, p: np.ndarray, threshold: float | None) -> dict[str, float]:
    fit_slope = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-12)
    fit_intercept = sm.GLM(y, np.ones((len(y), 1)), offset=logit(p), family=sm.families.Binomial()).fit(tol=1e-12)
    smooth = np.clip(lowess(y, p, frac=0.75, it=0, delta=0.0, return_sorted=False), 0, 1)
    found = {
        "auroc": metrics.roc_auc_score(y, p),
        "average_precision": metrics.average_precision_score(y, p),
        "calibration_slope": fit_slope.params[1],
        "calibration_intercept": fit_intercept.params[0],
        "ici": np.mean(np.abs(smooth - p)),
    }
    if threshold is not None:
        tn, fp, fn, tp = metrics.confusion_matrix(y, p >= threshold).ravel()
        odds, n = threshold / (1 - threshold), len(y)
        found |= {
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "net_benefit": tp / n - fp / n * odds,
            "net_benefit_gain:treat-none": tp / n - fp / n * odds,
            "net_benefit_gain:treat-all": tp / n - fp / n * odds - (y.mean() - (1 - y.mean()) * odds),
        }
    return found


def oracle_binary(y: np.ndarray, P: np.ndarray, threshold: float) -> dict[str, float]:
    return oracle_one_class(y, P[:, 1], threshold) | {
        "brier": metrics.brier_score_loss(y, P[:, 1]),
        "log_loss": metrics.log_loss(y, P[:, 1]),
        "accuracy": metrics.accuracy_score(y, P.argmax(axis=1)),
    }


def assert_values(measures: dict, expected: dict[str, float], *, beyond: set[str] = frozenset()) -> None:
    assert set(measures) == set(expected) | beyond
    for name, value in expected.items():
        rel = 1e-3 if name.startswith("ici") else 1e-6
        assert measures[name]["value"] == pytest.approx(value, rel=rel, abs=1e-9), name


def test_binary_measures_are_those_of_the_answered_patients(binary, binary_evidence):
    kept = answered(binary)
    assert 20 < (~kept).sum() < 80
    y, P = binary.cohort.outcome[kept], predicted(binary, binary.model)[kept]
    assert_values(binary_evidence["measures"], oracle_binary(y, P, 0.4), beyond={"conformal_coverage", "abstained"})
    assert_values(binary_evidence["floor"], oracle_binary(y, predicted(binary, binary.floor)[kept], 0.4))


def test_as_if_answered_covers_everybody(binary, binary_evidence):
    y, P = binary.cohort.outcome, predicted(binary, binary.model)
    expected = oracle_binary(y, P, 0.4)
    assert_values(binary_evidence["abstentions"]["as_if_answered"], expected, beyond={"conformal_coverage"})


def test_sets_and_abstentions(binary, binary_evidence):
    kept = answered(binary)
    y, P = binary.cohort.outcome[kept], predicted(binary, binary.model)[kept]
    sets = (1 - P <= 0.8) | (P.max(axis=1, keepdims=True) == P)
    covered = sets[np.arange(len(y)), y]
    assert binary_evidence["measures"]["conformal_coverage"]["value"] == pytest.approx(covered.mean())
    found = binary_evidence["conformal"]
    assert found["by_class"]["malignant"]["value"] == pytest.approx(covered[y == 1].mean())
    assert found["sizes"] == {str(k): int((sets.sum(axis=1) == k).sum()) for k in range(3)}
    silent = binary_evidence["abstentions"]
    assert silent["n"] == (~kept).sum()
    assert silent["reasons"]["unlike-training"] == (~kept).sum()
    assert silent["outcome_abstained"]["value"] == pytest.approx(binary.cohort.outcome[~kept].mean())
    assert binary_evidence["measures"]["abstained"]["value"] == pytest.approx((~kept).mean())


def test_intervals(binary, binary_evidence):
    kept = answered(binary)
    y, p = binary.cohort.outcome[kept], predicted(binary, binary.model)[kept][:, 1]
    measures = binary_evidence["measures"]
    alert = p >= 0.4
    for name, hits, n in (
        ("sensitivity", (alert & (y == 1)).sum(), (y == 1).sum()),
        ("npv", (~alert & (y == 0)).sum(), (~alert).sum()),
        ("abstained", (~kept).sum(), len(kept)),
    ):
        low, high = proportion_confint(hits, n, method="wilson")
        assert (measures[name]["low"], measures[name]["high"]) == (pytest.approx(low), pytest.approx(high)), name
    squares = (p - y) ** 2
    low, high = stats.t.interval(0.95, len(y) - 1, loc=squares.mean(), scale=stats.sem(squares))
    assert (measures["brier"]["low"], measures["brier"]["high"]) == (pytest.approx(low), pytest.approx(high))
    fit = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-12)
    low, high = fit.conf_int()[1]
    slope = measures["calibration_slope"]
    assert (slope["low"], slope["high"]) == (pytest.approx(low, rel=1e-5), pytest.approx(high, rel=1e-5))
    for name, one in measures.items():
        assert one["low"] is not None and one["low"] <= one["value"] <= one["high"], name


def test_floor_difference_is_paired(binary, binary_evidence):
    kept = answered(binary)
    y = binary.cohort.outcome[kept]
    p, q = (predicted(binary, model)[kept][:, 1] for model in (binary.model, binary.floor))
    difference = binary_evidence["floor_difference"]["auroc"]
    assert difference["value"] == pytest.approx(metrics.roc_auc_score(y, p) - metrics.roc_auc_score(y, q))

    def components(score):  # DeLong by the definition: every pair
        pairs = (score[y == 1][:, None] > score[y == 0]) + 0.5 * (score[y == 1][:, None] == score[y == 0])
        return pairs.mean(axis=1), pairs.mean(axis=0)

    (v10, v01), (w10, w01) = components(p), components(q)
    error = np.sqrt(np.var(v10 - w10, ddof=1) / (y == 1).sum() + np.var(v01 - w01, ddof=1) / (y == 0).sum())
    half = (difference["high"] - difference["low"]) / 2
    assert half == pytest.approx(1.959964 * error, rel=1e-4)


def test_subgroup_measures(binary, binary_evidence):
    kept = answered(binary)
    code = binary.cohort.reading.values[:, 2]
    found = {one["group"]: one for one in binary_evidence["subgroups"]}
    assert {"menopause = pre", "menopause = post", "site = north", "site = south"} <= set(found)
    for name, mask in (("menopause = pre", code == 0), ("site = south", binary.cohort.site == "south")):
        chosen = kept & mask
        y, P = binary.cohort.outcome[chosen], predicted(binary, binary.model)[chosen]
        assert found[name]["n"] == chosen.sum()
        assert found[name]["n_events"] == y.sum()
        assert_values(found[name]["measures"], oracle_binary(y, P, 0.4), beyond={"conformal_coverage"})
        others = kept & ~mask
        area = metrics.roc_auc_score(binary.cohort.outcome[others], predicted(binary, binary.model)[others][:, 1])
        assert found[name]["others"]["auroc"]["value"] == pytest.approx(area)


def test_three_classes(three, three_evidence):
    y, P = three.cohort.outcome, predicted(three, three.model)
    rounded = P / P.sum(axis=1, keepdims=True)  # the graph's sums are 1 only to single precision
    measures = three_evidence["measures"]
    expected = {
        "auroc": metrics.roc_auc_score(y, rounded, multi_class="ovr", average="macro"),
        "brier": np.mean(np.sum((P - np.eye(3)[y]) ** 2, axis=1)),
        "log_loss": metrics.log_loss(y, rounded),
        "accuracy": metrics.accuracy_score(y, P.argmax(axis=1)),
    }
    parts: dict[str, list[float]] = {}
    for position, name in enumerate("abc"):
        threshold = {"b": 0.3, "c": 0.25}.get(name)
        one = oracle_one_class((y == position).astype(int), P[:, position], threshold)
        expected |= {f"{measure}:{name}": value for measure, value in one.items()}
        for measure, value in one.items():
            parts.setdefault(measure, []).append(value)
    expected |= {measure: np.mean(values) for measure, values in parts.items() if measure != "auroc"}
    assert_values(measures, expected, beyond={"conformal_coverage", "abstained"})
    assert three_evidence["data"]["n_events"] is None
    assert three_evidence["data"]["class_counts"] == {name: int((y == i).sum()) for i, name in enumerate("abc")}
    assert three_evidence["floor_difference"]["auroc"]["value"] == pytest.approx(
        expected["auroc"]
        - np.mean([metrics.roc_auc_score(y == k, predicted(three, three.floor)[:, k]) for k in range(3)])
    )


def test_curves_and_threshold_table(binary, binary_evidence):
    kept = answered(binary)
    y, p = binary.cohort.outcome[kept], predicted(binary, binary.model)[kept][:, 1]
    roc = binary_evidence["curves"]["roc"]["malignant"]
    fpr, tpr, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    for rate, sensitivity in zip(roc["false_positive_rate"], roc["sensitivity"], strict=True):
        assert sensitivity == pytest.approx(tpr[fpr <= rate + 1e-12].max())
    curve = binary_evidence["curves"]["decision"]["malignant"]
    for threshold, model, everybody in zip(curve["threshold"], curve["model"], curve["treat_all"], strict=True):
        odds = threshold / (1 - threshold)
        assert model == pytest.approx(np.mean((p >= threshold) * np.where(y == 1, 1, -odds)), abs=1e-9)
        assert everybody == pytest.approx(np.mean(np.where(y == 1, 1, -odds)), abs=1e-9)
    risk = binary_evidence["curves"]["risk"]["malignant"]
    for position, name in enumerate(("benign", "malignant")):
        counts = np.histogram(p[y == position], np.linspace(0, 1, 11))[0]
        assert risk["counts"][name] == [None if 0 < count < 10 else count for count in counts]
        assert None in risk["counts"][name]
    declared = [row for row in binary_evidence["thresholds"] if row["declared"]]
    assert [row["threshold"] for row in declared] == [0.4]
    tn, fp, fn, tp = metrics.confusion_matrix(y, p >= 0.4).ravel()
    cells = ("true_positive", "false_positive", "false_negative", "true_negative")
    assert [declared[0][cell] for cell in cells] == [tp, fp, fn, tn]
    assert declared[0]["per_100"]["true_positive"] == pytest.approx(100 * tp / len(y), abs=0.05)
    assert declared[0]["net_benefit"] == binary_evidence["measures"]["net_benefit"]


def test_roc_curve_with_ties():
    rng = np.random.default_rng(4)
    y, p = rng.integers(0, 2, 150), rng.integers(0, 6, 150) / 5
    curve = roc_curve(y, p)
    fpr, tpr, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    expected = [tpr[fpr <= rate + 1e-12].max() for rate in curve.false_positive_rate]
    assert curve.sensitivity == pytest.approx(expected)
