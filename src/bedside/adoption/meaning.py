"""What a model's outputs mean: a probability for each class of the study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import AdoptionPlan, Study
from bedside.errors import DataError, StudyError
from bedside.preparation import Array, Operations

SUM_TOLERANCE = 1e-4
"""Probabilities of one patient may miss the sum 1 by as much as packing lets them."""


@dataclass(frozen=True)
class Meaning:
    """How output columns become probabilities.

    Attributes
    ----------
    logits: whether a softmax (or, of a single column, a logistic function) is still to be taken.
    single: position of the class that the single column is about; None where there is a column for each class.
    column_of: for each class of the study, the column that holds it; unused with a single column.
    """

    logits: bool
    single: int | None
    column_of: Int[np.ndarray, " class"]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.column_of)


def probabilities(ops: Operations, meaning: Meaning, outputs: Array) -> Array:
    """Outputs [patient, column] → probability [patient, class]."""
    if meaning.single is not None:
        toward = np.array([-1.0, 1.0] if meaning.single == 1 else [1.0, -1.0])
        if not meaning.logits:
            return outputs * ops.constant(toward) + ops.constant((1.0 - toward) / 2)
        return ops.softmax(outputs * ops.constant((toward + 1.0) / 2))
    in_order = np.array_equal(meaning.column_of, np.arange(len(meaning.column_of)))
    ordered = outputs if in_order else ops.columns(outputs, meaning.column_of)
    return ops.softmax(ordered) if meaning.logits else ordered


def meaning_of(study: Study, plan: AdoptionPlan, columns: int) -> Meaning:
    """What the study says the columns are.

    Raises
    ------
    StudyError: the model has another number of outputs than the study has classes.
    """
    classes = study.outcome.classes
    named = plan.classes
    if columns == 1 and len(classes) == 2 and (named is None or len(named) == 1):
        about = 1 if named is None else classes.index(named[0])
        return Meaning(plan.outputs == "logits", about, np.zeros(2, dtype=np.int64))
    if columns != len(classes) or (named is not None and len(named) != columns):
        said = f", and [adoption] classes names {len(named)}" if named is not None and len(named) != columns else ""
        raise StudyError(
            f"the model gives {columns} {'number' if columns == 1 else 'numbers'} for each patient, and the study has "
            f"{len(classes)} classes ({', '.join(classes)}){said}",
            where=f"{study.path}, adoption.classes",
            remedy="The outcome must have the classes that the model was trained for, in its order",
        )
    column_of = np.array([(named or classes).index(name) for name in classes], dtype=np.int64)
    return Meaning(plan.outputs == "logits", None, column_of)


def refuse_no_probabilities(study: Study, meaning: Meaning, outputs: Float[np.ndarray, "row column"]) -> None:
    """Hold what the model gave for plausible patients to what the study says it gives.

    Raises
    ------
    DataError: something is not finite, no probability, or no logit.
    """
    where = f"{study.path}, adoption.outputs"
    if not np.isfinite(outputs).all():
        rows = int((~np.isfinite(outputs)).any(axis=1).sum())
        raise DataError(
            f"for {rows} of {len(outputs)} plausible rows the model gives no number",
            where=where,
            remedy='If it cannot take unknown values, give fills or write unknown = "median" in [adoption]',
        )
    low, high = float(outputs.min()), float(outputs.max())
    proper = _proper(meaning, outputs)
    if not meaning.logits and not proper.all():
        raise DataError(
            f"the model's outputs are no probabilities: they run from {low:.4g} to {high:.4g}"
            + (
                ""
                if meaning.single is not None
                else f", and {int((~proper).sum())} of {len(proper)} rows do not sum to 1"
            ),
            where=where,
            remedy='Write outputs = "logits" in [adoption] if they are; anything else cannot be adopted',
        )
    if meaning.logits and proper.all():
        raise DataError(
            f"the model's outputs are probabilities already: they run from {low:.4g} to {high:.4g}",
            where=where,
            remedy='Drop outputs = "logits"',
        )


def _proper(meaning: Meaning, outputs: Float[np.ndarray, "row column"]) -> Bool[np.ndarray, " row"]:
    within = ((outputs >= 0) & (outputs <= 1)).all(axis=1)
    if meaning.single is not None:
        return np.asarray(within)
    return np.asarray(within & (np.abs(outputs.astype(np.float64).sum(axis=1) - 1) <= SUM_TOLERANCE))
