"""Answers for tables: columns, as ``bedside predict`` writes them."""

from __future__ import annotations

import datetime as dt

import numpy as np
from jaxtyping import Bool

from bedside.answering.judgement import Judgement, judge
from bedside.answering.reasons import reason_codes
from bedside.answering.vetoes import vetoed_names, vetoes
from bedside.release import Arms, Manifest, Model
from bedside.sources import Reading


def predictions(model: Model, reading: Reading, *, today: dt.date) -> dict[str, np.ndarray]:
    """Columns for the patients of a reading, in their order.

    ``probability`` (of the positive class; with more than two classes ``probability_<class>`` each; of a course
    ``risk_<horizon>`` each; of arms ``expected_<arm>``, ``effect_<arm>`` against the control, its ``low_<arm>`` and
    ``high_<arm>``, and ``recommended``, empty where there is no recommendation; ``dose``, ``low``, ``high``; ``nan``
    where the model abstains, or does not judge an arm), ``abstained``, and ``reasons``: codes joined by a semicolon.

    Where guidance looks at arms or a dose, ``vetoed`` names what it forbids: that is not recommended, and not told.
    """
    judged, vetoed = judge(model, reading, today=today), vetoes(model, reading)
    found = _estimates(model.manifest, judged)
    if vetoed is not None:
        found = _kept(model, judged, found, vetoed)
    return found | {"abstained": judged.abstained, "reasons": _reason_column(judged)}


def _kept(
    model: Model, judged: Judgement, found: dict[str, np.ndarray], vetoed: Bool[np.ndarray, "patient drug"]
) -> dict[str, np.ndarray]:
    """Without what guidance forbids: a vetoed arm is not recommended, a vetoed dose is not told."""
    outputs, names = model.manifest.outputs, np.array(vetoed_names(model, vetoed), dtype=object)
    if outputs.arms is None:
        return {name: np.where(vetoed[:, 0], np.nan, numbers) for name, numbers in found.items()} | {"vetoed": names}
    chosen = outputs.arms.recommended(judged.columns)
    forbidden = (chosen >= 0) & vetoed[np.arange(len(chosen)), np.maximum(chosen, 0)]
    return found | {"recommended": np.where(forbidden, "", found["recommended"]), "vetoed": names}


def _estimates(manifest: Manifest, judged: Judgement) -> dict[str, np.ndarray]:
    shown, outputs = np.where(judged.abstained[:, None], np.nan, judged.estimates), manifest.outputs
    if outputs.arms is not None:
        return _arms(outputs.arms, judged)
    if outputs.dose is not None:
        columns = np.where(judged.abstained[:, None], np.nan, judged.columns)
        return {"dose": columns[:, 0], "low": columns[:, 1], "high": columns[:, 2]}
    if outputs.course is not None:
        return {f"risk_{horizon:g}": shown[:, j] for j, horizon in enumerate(outputs.course.horizons)}
    if outputs.positive is not None:
        return {"probability": shown[:, 1]}
    return {f"probability_{name}": shown[:, j] for j, name in enumerate(outputs.classes)}


def _arms(arms: Arms, judged: Judgement) -> dict[str, np.ndarray]:
    """Of an arm that is not judged there is no number."""
    columns = judged.columns
    told = arms.judged(columns) & ~judged.abstained[:, None]
    found = {
        f"expected_{name}": np.where(told[:, arm], arms.expected(columns)[:, arm], np.nan)
        for arm, name in enumerate(arms.arms)
    }
    for arm, name in enumerate(arms.arms[1:], start=1):
        both = told[:, 0] & told[:, arm]
        for part, numbers in zip(("effect", "low", "high"), arms.difference(columns, arm, 0), strict=True):
            found[f"{part}_{name}"] = np.where(both, numbers, np.nan)
    names = np.array([*arms.arms, ""], dtype=object)
    return found | {"recommended": np.where(judged.abstained, "", names[arms.recommended(columns)])}


def _reason_column(judged: Judgement) -> np.ndarray:
    """Texts are made once per pattern of bits, however long the table."""
    patterns, position = np.unique(judged.reasons, return_inverse=True)
    texts = np.array([";".join(reason_codes(int(bits))) for bits in patterns], dtype=object)
    return texts[position] if len(texts) else np.array([], dtype=object)
