"""A bare file of predicted risks by one horizon or more, with how long each patient was followed and what happened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from bedside.cohort import AttritionStep
from bedside.errors import DataError, UsageError
from bedside.release import Course
from bedside.validation.columns import group_of, numbers, probabilities
from bedside.validation.evidence import ReleaseFacts
from bedside.validation.facts import environment
from bedside.validation.prognosis import Followed

PREFIX = "risk_"
UNIT = "units of time"
CENSORED, SEEN = frozenset({"0", "0.0", "false"}), frozenset({"1", "1.0", "true"})
Columns = Mapping[str, list[str | None]]


@dataclass(frozen=True)
class CourseTable:
    """A file of predicted risks as it was read.

    Attributes
    ----------
    name: of the file, without its folder. digest: SHA-256 of its bytes, in hexadecimal.
    time: of the event or of the end of follow-up. event: 0 not seen, 1 the one asked about, 2 or more: competing.
    horizons: ascending. risk: by each horizon.
    group: text per row, None where the file has no such column. attrition: from rows read to rows used.
    """

    name: str
    digest: str
    time: Float[np.ndarray, " patient"]
    event: Int[np.ndarray, " patient"]
    horizons: tuple[float, ...]
    risk: Float[np.ndarray, "patient horizon"]
    group: np.ndarray | None
    attrition: tuple[AttritionStep, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what may have happened."""
        return ("no event seen", "event", *(f"competing event {code}" for code in range(2, int(self.event.max()) + 1)))

    def given(self, threshold: float | dict[str, float] | None, seed: int) -> Followed:
        """As it is judged.

        Raises
        ------
        UsageError: the threshold is not one number between 0 and 1.
        """
        if isinstance(threshold, dict) or (threshold is not None and not 0.0 < threshold < 1.0):
            raise UsageError(f"{threshold} is not one number between 0 and 1", where="threshold")
        cells = np.diff(self.risk, axis=1, prepend=0.0, append=1.0)
        return Followed(
            outcome=np.minimum(self.event, len(self.classes) - 1),
            time=self.time,
            entry=None,
            probability=cells,
            classes=self.classes,
            course=Course(
                events=("event",),
                edges=(0.0, *self.horizons),
                unit=UNIT,
                horizons=self.horizons,
                decision=self.horizons[-1],
                time="time",
            ),
            threshold=threshold,
            abstained=np.zeros(len(self.time), dtype=bool),
            whole=False,
            seed=seed,
        )

    def about(self, threshold: float | dict[str, float] | None) -> ReleaseFacts:
        """All that is known of the model."""
        return ReleaseFacts(
            name=self.name,
            task="prognosis",
            classes=self.classes,
            positive=self.classes[1],
            threshold=threshold,
            environment=environment(),
            course=self.given(threshold, 0).course,
            measures="prognosis",
        )


def holds_courses(columns: Columns) -> bool:
    """Whether a file is about risks over time rather than classes."""
    return any(name.startswith(PREFIX) for name in columns)


def _horizons(columns: Columns, path: Path) -> dict[float, str]:
    found = {}
    for name in columns:
        if name.startswith(PREFIX):
            try:
                horizon = float(name.removeprefix(PREFIX))
            except ValueError:
                horizon = float("nan")
            if not (np.isfinite(horizon) and horizon > 0):
                raise DataError(
                    f"column {name!r} names no horizon",
                    where=str(path),
                    remedy=f"Name it {PREFIX}365, in the unit of time",
                )
            found[horizon] = name
    for name in ("time", "event"):
        if name not in columns:
            raise DataError(
                f"has no column {name!r}",
                where=str(path),
                remedy="Columns are: time, event (0 not seen, 1 seen, 2 or more: competing) and one "
                f"{PREFIX}HORIZON for each horizon; and group, if there are groups",
            )
    return dict(sorted(found.items()))


def _times(column: list[str | None], path: Path) -> Float[np.ndarray, " row"]:
    """Above 0; nan where empty."""
    return numbers(column, "time", path, lambda number: 0.0 < number < np.inf, "a time above 0")


def _events(column: list[str | None], path: Path) -> Int[np.ndarray, " row"]:
    """0, 1, 2...; -1 where empty."""
    found = np.full(len(column), -1)
    for row, text in enumerate(column):
        if text is None:
            continue
        lower = text.lower().removesuffix(".0")
        if not (lower in CENSORED | SEEN or (lower.isdigit() and int(lower) < 100)):
            raise DataError(
                f"event {text!r} is not 0 (not seen), 1 (seen), or 2 or more (competing)",
                where=f"{path}, row {row + 1}",
            )
        found[row] = 0 if lower in CENSORED else 1 if lower in SEEN else int(lower)
    return found


def read_courses(columns: Columns, path: Path) -> CourseTable:
    """Read ``time``, ``event``, ``risk_HORIZON`` for each horizon and ``group`` of a table.

    Rows without a time, an event or a risk are left out and counted.

    Raises
    ------
    DataError: a column is missing, a cell is no time, event or probability, or a risk falls with time.
    """
    horizons = _horizons(columns, path)
    time, event = _times(columns["time"], path), _events(columns["event"], path)
    risk = np.stack([probabilities(columns[name], name, path) for name in horizons.values()], axis=1)
    falls = (np.diff(risk, axis=1) < -1e-6).any(axis=1)
    if falls.any():
        row = int(np.flatnonzero(falls)[0])
        raise DataError(
            "the risk falls with time", where=f"{path}, row {row + 1}", remedy="Give the risk by each horizon"
        )
    known, given = ~np.isnan(time) & (event >= 0), ~np.isnan(risk).any(axis=1)
    used = known & given
    if not used.any():
        raise DataError("has no row with a time, an event and every risk", where=str(path))
    return CourseTable(
        name=path.name,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        time=time[used],
        event=event[used],
        horizons=tuple(horizons),
        risk=np.maximum.accumulate(risk[used], axis=1),
        group=group_of(columns, used, path),
        attrition=(
            AttritionStep(step="rows read", rows=len(time), removed=0),
            AttritionStep(step="with a time and an event", rows=int(known.sum()), removed=int((~known).sum())),
            AttritionStep(step="with every risk", rows=int(used.sum()), removed=int((known & ~given).sum())),
        ),
    )
