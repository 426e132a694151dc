"""A bare file of predictions, from any model: outcome, probability and, where there is one, group."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Float, Int

from bedside.cohort import AttritionStep
from bedside.errors import DataError, UsageError
from bedside.validation.assembling import assemble_evidence
from bedside.validation.columns import group_of, probabilities, texts
from bedside.validation.diagnosis import Predictions, threshold_positions
from bedside.validation.evidence import DataFacts, Evidence, ReleaseFacts
from bedside.validation.facts import class_counts, environment, events
from bedside.validation.given import Given
from bedside.validation.predicted_courses import PREFIX as RISK
from bedside.validation.predicted_courses import CourseTable, holds_courses, read_courses
from bedside.validation.registry import measures_of
from bedside.validation.subgroups import groups_of_column

BINARY = ("0", "1")
YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})
PREFIX = "probability_"


@dataclass(frozen=True)
class PredictionTable:
    """A file of predictions as it was read.

    Attributes
    ----------
    name: of the file, without its folder. digest: SHA-256 of its bytes, in hexadecimal.
    outcome: class position. probability: one column per class of `classes`; positive: None with more than two.
    group: text per row, None where the file has no such column.
    attrition: from rows read to rows used.
    """

    name: str
    digest: str
    outcome: Int[np.ndarray, " patient"]
    probability: Float[np.ndarray, "patient class"]
    classes: tuple[str, ...]
    positive: str | None
    group: np.ndarray | None
    attrition: tuple[AttritionStep, ...]

    def given(self, threshold: float | dict[str, float] | None, seed: int) -> Predictions:
        """As it is judged.

        Raises
        ------
        UsageError: the threshold is not between 0 and 1, or names an unknown class.
        """
        _checked_threshold(threshold, self)
        return Predictions(
            outcome=self.outcome,
            probability=self.probability,
            classes=self.classes,
            positive=None if self.positive is None else self.classes.index(self.positive),
            thresholds=threshold_positions(self.classes, self.positive, threshold),
            sets=None,
            abstained=np.zeros(len(self.outcome), dtype=bool),
            seed=seed,
        )

    def about(self, threshold: float | dict[str, float] | None) -> ReleaseFacts:
        """All that is known of the model."""
        return ReleaseFacts(
            name=self.name,
            classes=self.classes,
            positive=self.positive,
            threshold=threshold,
            environment=environment(),
        )


def _binary_outcome(column: list[str | None], path: Path) -> Int[np.ndarray, " row"]:
    """0 or 1; -1 where empty."""
    found = np.full(len(column), -1)
    for row, text in enumerate(column):
        lower = "" if text is None else text.lower()
        if lower and lower not in YES | NO:
            raise DataError(
                f"outcome {text!r} is neither 0 nor 1",
                where=f"{path}, row {row + 1}",
                remedy=f"Code the outcome as 0 and 1, or give one column {PREFIX}CLASS for each class",
            )
        if lower:
            found[row] = int(lower in YES)
    return found


def _class_outcome(column: list[str | None], classes: tuple[str, ...], path: Path) -> Int[np.ndarray, " row"]:
    found = np.full(len(column), -1)
    for row, text in enumerate(column):
        if text is not None and text not in classes:
            raise DataError(
                f"outcome {text!r} has no column {PREFIX}{text}",
                where=f"{path}, row {row + 1}",
                remedy=f"The classes are: {', '.join(classes)}",
            )
        if text is not None:
            found[row] = classes.index(text)
    return found


def _classes(columns: dict[str, list[str | None]], path: Path) -> tuple[str, ...]:
    classes = tuple(name.removeprefix(PREFIX) for name in columns if name.startswith(PREFIX))
    needed = ["outcome"] if len(classes) > 1 else ["outcome", "probability"]
    for name in needed:
        if name not in columns:
            raise DataError(
                f"has no column {name!r}",
                where=str(path),
                remedy=f"Columns are: outcome (0 or 1) and probability, or outcome (a class) and one {PREFIX}CLASS for "
                f"each class; time, event and one {RISK}HORIZON for each horizon; and group, if there are groups. "
                "Treatments and doses are judged as candidates, or at another hospital, but not as bare files",
            )
    return classes if len(classes) > 1 else ()


def _checked_sums(P: Float[np.ndarray, "row class"], path: Path) -> None:
    off = np.abs(P.sum(axis=1) - 1.0) > 0.02
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise DataError(f"probabilities sum to {P[row].sum():.4g} instead of 1", where=f"{path}, row {row + 1}")


def read_predictions(path: Path) -> PredictionTable | CourseTable:
    """Read ``outcome``, ``probability`` (or ``probability_CLASS`` for each class) and ``group`` of a table.

    A table with a column ``risk_HORIZON`` is about risks over time: see `read_courses`. Rows without an outcome or a
    probability are left out and counted.

    Raises
    ------
    UsageError: there is no such file. DataError: a column is missing, or a cell is not an outcome or a probability.
    """
    columns = texts(path)
    if holds_courses(columns):
        return read_courses(columns, path)
    classes = _classes(columns, path)
    if classes:
        outcome = _class_outcome(columns["outcome"], classes, path)
        P = np.stack([probabilities(columns[PREFIX + name], PREFIX + name, path) for name in classes], axis=1)
        _checked_sums(P, path)
    else:
        outcome = _binary_outcome(columns["outcome"], path)
        p = probabilities(columns["probability"], "probability", path)
        P = np.stack([1.0 - p, p], axis=1)
    known, given = outcome >= 0, ~np.isnan(P).any(axis=1)
    used = known & given
    if not used.any():
        raise DataError("has no row with both an outcome and a probability", where=str(path))
    steps = (
        AttritionStep(step="rows read", rows=len(outcome), removed=0),
        AttritionStep(step="with an outcome", rows=int(known.sum()), removed=int((~known).sum())),
        AttritionStep(step="with a probability", rows=int(used.sum()), removed=int((known & ~given).sum())),
    )
    return PredictionTable(
        name=path.name,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        outcome=outcome[used],
        probability=P[used],
        classes=classes or BINARY,
        positive=None if classes else BINARY[1],
        group=group_of(columns, used, path),
        attrition=steps,
    )


def evidence_for_predictions(
    table: PredictionTable | CourseTable,
    *,
    threshold: float | dict[str, float] | None = None,
    seed: int = 0,
    today: dt.date,
) -> Evidence:
    """The report alone: every measure that needs no model. Nothing is judged, as no gates are declared.

    Parameters
    ----------
    threshold: risk at which one would act; per class with more than two classes. seed: of the bootstraps.

    Raises
    ------
    UsageError: the threshold is not between 0 and 1, or names an unknown class.
    """
    given: Given = table.given(threshold, seed)
    task = measures_of(given)
    evidence = assemble_evidence(
        kind="predictions",
        date=today.isoformat(),
        release=table.about(threshold),
        data=DataFacts(
            digest=table.digest,
            source=f"predictions in the file {table.name}",
            n=len(given),
            n_patients=None,
            n_events=events(given),
            class_counts=class_counts(given),
            attrition=table.attrition,
            **task.about(given),
        ),
        given=given,
        groups=[] if table.group is None else groups_of_column(table.group, "group", "group"),
        gates=(),
        reasons={},
    )
    return msgspec.structs.replace(evidence, recalibration=task.recalibration(given, evidence.measures))


def _checked_threshold(threshold: float | dict[str, float] | None, table: PredictionTable) -> None:
    named = threshold if isinstance(threshold, dict) else {} if threshold is None else {"": threshold}
    for name, value in named.items():
        if name and name not in table.classes:
            raise UsageError(
                f"there is no class {name!r}", where="threshold", remedy=f"One of: {', '.join(table.classes)}"
            )
        if not 0.0 < value < 1.0:
            raise UsageError(f"{value} is not between 0 and 1", where="threshold")
    if isinstance(threshold, dict) == (table.positive is not None) and threshold is not None:
        shape = "one number" if table.positive is not None else "one number per class"
        raise UsageError(f"these predictions need {shape}", where="threshold")
