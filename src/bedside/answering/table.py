"""Answers for tables: columns, as ``bedside predict`` writes them."""

from __future__ import annotations

import datetime as dt

import numpy as np

from bedside.answering.judgement import Judgement, judge
from bedside.answering.reasons import reason_codes
from bedside.release import Manifest, Model
from bedside.sources import Reading


def predictions(model: Model, reading: Reading, *, today: dt.date) -> dict[str, np.ndarray]:
    """Columns for the patients of a reading, in their order.

    ``probability`` (of the positive class; with more than two classes ``probability_<class>`` each; of a course
    ``risk_<horizon>`` each; ``nan`` where the model abstains), ``abstained``, and ``reasons``: codes joined by a
    semicolon. None of them has an interval of its own, so there is no ``low`` and no ``high``.
    """
    judged = judge(model, reading, today=today)
    return _probabilities(model.manifest, judged) | {"abstained": judged.abstained, "reasons": _reason_column(judged)}


def _probabilities(manifest: Manifest, judged: Judgement) -> dict[str, np.ndarray]:
    shown, outputs = np.where(judged.abstained[:, None], np.nan, judged.estimates), manifest.outputs
    if outputs.course is not None:
        return {f"risk_{horizon:g}": shown[:, j] for j, horizon in enumerate(outputs.course.horizons)}
    if outputs.positive is not None:
        return {"probability": shown[:, 1]}
    return {f"probability_{name}": shown[:, j] for j, name in enumerate(outputs.classes)}


def _reason_column(judged: Judgement) -> np.ndarray:
    """Texts are made once per pattern of bits, however long the table."""
    patterns, position = np.unique(judged.reasons, return_inverse=True)
    texts = np.array([";".join(reason_codes(int(bits))) for bits in patterns], dtype=object)
    return texts[position] if len(texts) else np.array([], dtype=object)
