"""A prognosis against Cox, a random survival forest and age alone, on three public data sets, by repeated 5-fold.

    python benchmarks/prognosis.py [--data NAME ...] [--repeats N] [--seed N] [--no-forest] [--json FILE]

The data come with scikit-survival. In each outer fold everything is fitted, calibrated and chosen on the other four, as
``bedside train`` does, and judged on this one. What is constant in that training was chosen on other data (Rotterdam,
pbc2, colon) and on simulations; but that recalibration once drew slopes down was noticed in runs on WHAS500 and GBSG2.
All models see the same folds and the same patients.

C (IPCW) and the integrated Brier score are means over outer folds. The score is integrated from 0 on, as it is defined
(Graf, Stat Med 1999;18:2529-45) and as every evidence of ours gives it, here until the 90th percentile of the
follow-up. The limits name no window. One that begins at the 10th percentile ("ibs_late") was tried first: it is larger,
as nearly nobody has had the event before, and there no model, Cox and forest included, is within the limits of GBSG2
and FLChain. So the window was fixed after a look at one division into folds (seed 11), and the committed result is of
others (seed 2026), on which nothing was chosen; it holds both scores. The calibration slope at a horizon is that of all
out-of-fold risks of one repeat, meant over repeats.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sksurv import datasets
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from bedside.cohort import (
    Cohort,
    Data,
    FollowUp,
    Outcome,
    Study,
    TargetLimits,
    Training,
    ValidationPlan,
    task,
)
from bedside.measures import c_ipcw, calibration_slope_at, ibs, kaplan_meier
from bedside.preparation import Preparation
from bedside.release import Course
from bedside.sources import Reading, Schema, Variable
from bedside.training import Fit, fit
from bedside.training.folds import stratified_folds
from bedside.training.model import Model, predicted

LIMITS = {
    "whas500": {"c": 0.75, "ibs": 0.17, "horizons": (365.0, 1095.0)},
    "gbsg2": {"c": 0.65, "ibs": 0.175, "horizons": (730.0, 1460.0)},
    "flchain": {"c": 0.79, "ibs": 0.094, "horizons": (1825.0, 3650.0)},
}
WORSE, SLOPE, SECONDS = 0.005, (0.8, 1.25), 60.0
POINTS = 50

Curves = tuple[np.ndarray, np.ndarray, bool]
"""Cumulative incidence [patient, time], its times, and whether it is level between them."""


def load(name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    x, y = getattr(datasets, f"load_{name}")()
    event, followed = (y[column] for column in y.dtype.names)
    x = x.drop(columns="chapter") if name == "flchain" else x
    return x, event.astype(np.int64), np.maximum(followed.astype(np.float64), 0.5)


def table(x: pd.DataFrame) -> tuple[Schema, np.ndarray]:
    variables, columns = [], []
    for name in x.columns:
        if isinstance(x[name].dtype, pd.CategoricalDtype) or x[name].dtype.kind in "OU":
            texts = tuple(sorted(str(text) for text in x[name].dropna().unique()))
            variables.append(Variable(name=name, kind="category", label=name, categories=texts))
            columns.append([float(texts.index(str(text))) if pd.notna(text) else np.nan for text in x[name]])
        else:
            variables.append(Variable(name=name, kind="number", label=name))
            columns.append(x[name].to_numpy(float))
    return Schema(variables=tuple(variables)), np.array(columns, dtype=np.float64).T


def study(schema: Schema, horizons: tuple[float, ...], seed: int, network: str = "residual") -> Study:
    return Study(
        path=Path("study.toml"),
        digest="0" * 64,
        name="benchmark",
        version="0.0.0",
        task=task("prognosis"),
        intended_use="",
        population="",
        valid_until=None,
        data=Data(table=Path("table.csv")),
        schema=schema,
        scales={},
        outcome=Outcome(
            column="event",
            classes=("none", "event"),
            positive="event",
            codes={},
            follow_up=FollowUp(time="time", unit="d", horizons=horizons),
        ),
        training=Training(network=network),
        validation=ValidationPlan(seed=seed),
        gates=(),
        target_limits=TargetLimits(),
        targets=("server-cpu",),
    )


def cohort(values: np.ndarray, event: np.ndarray, followed: np.ndarray) -> Cohort:
    rows = np.arange(1, len(event) + 1)
    return Cohort(
        reading=Reading(rows=rows, values=values, problems=np.isnan(values).astype(np.uint8)),
        patient=rows.astype(str),
        outcome=event,
        site=None,
        time=None,
        attrition=(),
        digest="1" * 64,
        source_digest="2" * 64,
        followed=followed,
    )


def ours(made: Fit, model: Model, values: np.ndarray, at: np.ndarray) -> Curves:
    """Within an interval hazards are constant, so that what is left is log-linear in time."""
    assert made.course is not None
    edges = made.course.edges
    course = Course(events=("event",), edges=edges, unit="d", horizons=(), decision=edges[-1], time="time")
    left = np.log(np.maximum(course.survival(predicted(model, values)), 1e-12))
    # Beyond the last edge the last hazard goes on; a released model gives no risk there.
    slope = (left[:, -1] - left[:, -2]) / (edges[-1] - edges[-2])
    beyond = np.maximum(at - edges[-1], 0.0)
    inside = np.array([np.interp(np.minimum(at, edges[-1]), edges, row) for row in left])
    return 1 - np.exp(inside + slope[:, None] * beyond), at, False


def stepped(functions: Any, at: np.ndarray) -> Curves:
    return np.array([1 - one(np.clip(at, *one.domain)) for one in functions]), at, True


def judge(curves: Curves, event: np.ndarray, followed: np.ndarray, window: tuple[float, float]) -> dict[str, float]:
    incidence, at, steps = curves
    return {
        "c": c_ipcw(followed, event, incidence[:, -1], window[1], repeats=0).value,
        "ibs": ibs(followed, event, incidence, at, (0.0, window[1]), steps=steps, repeats=0).value,
        "ibs_late": ibs(followed, event, incidence, at, window, steps=steps, repeats=0).value,
    }


def outer_fold(
    name: str, data: tuple[Schema, np.ndarray, np.ndarray, np.ndarray], out: np.ndarray, seed: int, forest: bool
) -> tuple[dict[str, Curves], dict[str, float], str]:
    schema, values, event, followed = data
    horizons, fitting = LIMITS[name]["horizons"], ~out
    at = times(followed, horizons)
    started = time.perf_counter()
    made = fit(study(schema, horizons, seed), cohort(values[fitting], event[fitting], followed[fitting]))
    seconds = {"ours": time.perf_counter() - started}
    assert made.network is not None
    found = {
        "packed": ours(made, made.model, values[out], at),
        "network": ours(made, made.network, values[out], at),
        "cox floor": ours(made, made.floor, values[out], at),
    }
    age = schema.names.index("age")
    alone = Schema(variables=(schema.variables[age],))
    one = values[:, [age]]
    by_age = fit(study(alone, horizons, seed, "floor"), cohort(one[fitting], event[fitting], followed[fitting]))
    found["age alone"] = ours(by_age, by_age.model, one[out], at)
    target = Surv.from_arrays(event[fitting] == 1, followed[fitting])
    preparation = Preparation.fit(schema, values[fitting])
    x, new = preparation.transform(values[fitting]), preparation.transform(values[out])
    cox = CoxPHSurvivalAnalysis(alpha=0.01, ties="efron").fit(x, target)
    found["scikit-survival cox"] = stepped(cox.predict_survival_function(new), at)
    if forest:
        started = time.perf_counter()
        grown = RandomSurvivalForest(100, min_samples_leaf=15, max_features="sqrt", random_state=seed).fit(x, target)
        found["scikit-survival forest"] = stepped(grown.predict_survival_function(new), at)
        seconds["forest"] = time.perf_counter() - started
    marginal = 1 - kaplan_meier(followed[fitting], event[fitting]).at(at)
    found["kaplan-meier"] = np.tile(marginal, (out.sum(), 1)), at, True
    return found, seconds, made.packed


def times(followed: np.ndarray, horizons: tuple[float, ...]) -> np.ndarray:
    low, high = window_of(followed)
    return np.unique([*np.linspace(0.0, high, POINTS)[1:], low, *(h for h in horizons if h < high)])


def window_of(followed: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(followed, [0.1, 0.9])
    return float(low), float(high)


def measure(name: str, repeats: int, seed: int, forest: bool) -> dict[str, Any]:
    x, event, followed = load(name)
    data = (*table(x), event, followed)
    window, horizons = window_of(followed), LIMITS[name]["horizons"]
    at = times(followed, horizons)
    found: dict[str, dict[str, list[float]]] = {}
    seconds: list[dict[str, float]] = []
    packed: list[str] = []
    for repeat in range(repeats):
        fold = stratified_folds(event, np.arange(len(event)), 5, np.random.default_rng([seed, repeat]))
        risks: dict[str, np.ndarray] = {}
        for k in range(5):
            out = fold == k
            curves, took, chosen = outer_fold(name, data, out, seed * 1000 + repeat * 5 + k, forest)
            seconds.append(took)
            packed.append(chosen)
            for model, one in curves.items():
                own = found.setdefault(
                    model, {"c": [], "ibs": [], "ibs_late": [], **{f"slope_at_{h:g}": [] for h in horizons}}
                )
                for what, value in judge(one, event[out], followed[out], window).items():
                    own[what].append(value)
                risks.setdefault(model, np.zeros((len(event), len(at))))[out] = one[0]
            print(f"{name}: {len(packed)} of {5 * repeats} outer folds", file=sys.stderr)
        for model, risk in risks.items():
            for h in horizons:
                if model != "kaplan-meier":
                    at_h = np.clip(risk[:, np.searchsorted(at, h)], 1e-6, 1 - 1e-6)
                    slope = calibration_slope_at(followed, event, at_h, h, repeats=0)
                    found[model][f"slope_at_{h:g}"].append(slope.value)
    means = {
        model: {what: float(np.mean(values)) for what, values in own.items() if values} for model, own in found.items()
    }
    return {
        "data": name,
        "patients": len(event),
        "events": int(event.sum()),
        "predictors": len(data[0].variables),
        "window_days": (0.0, window[1]),
        "late_window_days": window,
        "horizons_days": horizons,
        "repeats": repeats,
        "seed": seed,
        "models": means,
        "network_packed": float(np.mean([one != "floor" for one in packed])),
        "seconds_per_fit": float(np.mean([one["ours"] for one in seconds])),
        "seconds_per_forest": float(np.mean([one["forest"] for one in seconds])) if forest else None,
        "limits": limits(name, means),
    }


def limits(name: str, means: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Each limit, the figure, and whether it holds."""
    ours, asked = means["packed"], LIMITS[name]
    rows = [
        ("C (IPCW)", ours["c"], f">= {asked['c']}", ours["c"] >= asked["c"]),
        ("IBS", ours["ibs"], f"<= {asked['ibs']}", ours["ibs"] <= asked["ibs"]),
        ("C above age alone", ours["c"] - means["age alone"]["c"], "> 0", ours["c"] > means["age alone"]["c"]),
        ("IBS below Kaplan-Meier", means["kaplan-meier"]["ibs"] - ours["ibs"], "> 0", None),
    ]
    rows[-1] = (*rows[-1][:3], rows[-1][1] > 0)
    for cox in ("cox floor", "scikit-survival cox"):
        behind, above = means[cox]["c"] - ours["c"], ours["ibs"] - means[cox]["ibs"]
        rows.append((f"C behind {cox}", behind, f"<= {WORSE}", behind <= WORSE))
        rows.append((f"IBS above {cox}", above, f"<= {WORSE}", above <= WORSE))
    for what, value in ours.items():
        if what.startswith("slope"):
            rows.append((what, value, f"{SLOPE[0]} to {SLOPE[1]}", SLOPE[0] <= value <= SLOPE[1]))
    return [{"what": a, "value": b, "limit": c, "held": bool(d)} for a, b, c, d in rows]


def training_time(patients: int = 7000) -> dict[str, Any]:
    """FLChain again and again until there are so many rows; each counts as a patient."""
    x, event, followed = load("flchain")
    schema, values = table(x)
    rows = np.random.default_rng(0).permutation(len(event))[:patients]
    started = time.perf_counter()
    fit(study(schema, LIMITS["flchain"]["horizons"], 0), cohort(values[rows], event[rows], followed[rows]))
    took = time.perf_counter() - started
    return {"patients": len(rows), "seconds": took, "limit": f"<= {SECONDS:g}", "held": took <= SECONDS}


def show(row: dict[str, Any]) -> None:
    low, high = row["window_days"]
    print(f"\n{row['data']}: {row['patients']} patients, {row['events']} events; window {low:.0f} to {high:.0f} days")
    for model, own in row["models"].items():
        print(f"  {model:24} " + "  ".join(f"{what} {value:.4f}" for what, value in own.items()))
    print(f"  network packed in {row['network_packed']:.0%} of fits; {row['seconds_per_fit']:.1f} s a fit")
    for limit in row["limits"]:
        print(
            f"  {limit['what']:34} {limit['value']:8.4f}  {limit['limit']:12} {'held' if limit['held'] else 'MISSED'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", choices=sorted(LIMITS), default=list(LIMITS))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--no-forest", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = [measure(name, asked.repeats, asked.seed, not asked.no_forest) for name in asked.data]
    for row in rows:
        show(row)
    trained = training_time()
    print(f"\ntraining on {trained['patients']} patients: {trained['seconds']:.1f} s  {trained['limit']} s")
    if asked.json:
        machine = {"processor": platform.machine(), "scikit-survival": version("scikit-survival")}
        asked.json.write_text(json.dumps({"rows": rows, "training": trained, **machine}, indent=2) + "\n")
    missed = [f"{row['data']}: {one['what']}" for row in rows for one in row["limits"] if not one["held"]]
    missed += [] if trained["held"] else ["training time"]
    sys.exit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
