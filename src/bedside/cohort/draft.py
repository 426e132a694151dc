"""``bedside init``: a study file drafted from a table, each guess marked for the user to confirm."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bedside.cohort.column_profile import MOST_CATEGORIES, ColumnProfile, holds_dates, profile, unfit
from bedside.cohort.draft_dose import drafted_dose
from bedside.cohort.draft_outcome import PATIENT, DraftedOutcome, drafted_classes, ordered, quoted
from bedside.cohort.draft_over_time import drafted_time_to_event
from bedside.cohort.draft_treatment import drafted_treatment
from bedside.cohort.section import dotted
from bedside.cohort.tasks import task as task_named
from bedside.errors import Conflict, DataError
from bedside.sources import tally

_SITE = re.compile(r"^(hospital|site|center|centre|clinic|institution|ward)([ ._-]?(id|name|code))?$", re.IGNORECASE)
_TIME = re.compile(r"date|^time$|_time$|timestamp", re.IGNORECASE)
_UNITS = {"age": "a", "bmi": "kg/m2", "height_cm": "cm", "weight_kg": "kg", "height": "cm", "weight": "kg"}


OUTCOMES: Mapping[str, Callable[[Sequence[ColumnProfile], Path], DraftedOutcome]] = {
    "classes": drafted_classes,
    "time-to-event": drafted_time_to_event,
    "arms": drafted_treatment,
    "quantity": drafted_dose,
}
"""By `bedside.cohort.study.Task.label`."""


def draft_study(data: Path, task: str, folder: Path) -> Path:
    """Write ``study.toml`` into a folder, guessed from a table, and return its path.

    Guessed are: kinds and categories, generous plausible ranges, the columns of patient, site and date, missing
    markers, sentinel codes, the outcome and its positive class. Every guess stands beside ``# CONFIRM``. `read_study`
    accepts the file as it stands if the guesses are right.

    Raises
    ------
    DataError: the table cannot be read, or has no column that could be an outcome or a predictor.
    UsageError: there is no such task.
    Conflict: the folder already holds a study file.
    """
    asked = task_named(task)
    path = folder / "study.toml"
    if path.exists():
        raise Conflict("there is already a study file", where=str(path), remedy="Edit it, or name another folder")
    columns = [profile(name, counts) for name, counts in tally(data).items()]
    outcome = OUTCOMES[asked.label](columns, Path(data))
    text = _Draft(Path(data), columns, asked.name, folder, outcome).text()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", where=str(path), remedy="Name another folder"
        ) from error
    return path


@dataclass(frozen=True)
class _Draft:
    data: Path
    columns: Sequence[ColumnProfile]
    task: str
    folder: Path
    outcome: DraftedOutcome

    def text(self) -> str:
        roles = self._roles()
        predictors, left_out = self._predictors({*self.outcome.columns, *roles.values()})
        if not predictors:
            raise DataError("no column could be a predictor", where=str(self.data), remedy="Is this the right table?")
        parts = [
            self._head(),
            self._data(roles, left_out),
            *(_predictor(column) for column in predictors),
            self.outcome.text + (self.outcome.repeated if self._several_rows(roles.get("patient")) else ""),
            self._rest(),
        ]
        return "\n".join(parts)

    def _rest(self) -> str:
        asked = self.outcome
        threshold = f"{asked.threshold}\n" if asked.threshold else ""
        return _REST.format(threshold=threshold, alpha=asked.alpha, gates=asked.gates)

    def _roles(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for column in self.columns:
            if column.name in self.outcome.columns:
                continue
            if "patient" not in found and PATIENT.search(column.name) and len(column.counts) > MOST_CATEGORIES:
                found["patient"] = column.name
            elif "site" not in found and _SITE.search(column.name) and 2 <= len(column.counts) <= 200:
                found["site"] = column.name
            elif "time" not in found and _TIME.search(column.name) and holds_dates(column):
                found["time"] = column.name
        return found

    def _several_rows(self, patient: str | None) -> bool:
        return any(column.name == patient and column.rows > len(column.counts) for column in self.columns)

    def _predictors(self, taken: set[str]) -> tuple[list[ColumnProfile], dict[str, str]]:
        chosen, left_out = [], {}
        for column in self.columns:
            if column.name in taken:
                continue
            why = self.outcome.left_out.get(column.name) or unfit(column)
            if why is None:
                chosen.append(column)
            else:
                left_out[column.name] = why
        return chosen, left_out

    def _head(self) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", self.data.name.split(".")[0].lower()).strip("-") or "study"
        return f"""\
# Drafted from {self.data.name}. Each line marked CONFIRM is a guess: check it against what you know of the data.

[study]
name = {quoted(name[:64])}
version = "0.1.0"
task = {quoted(self.task)}
intended_use = "To be written: who uses the answer, and to decide what."  # CONFIRM: write it
population = "To be written: which patients the answer is for."  # CONFIRM: write it
"""

    def _data(self, roles: Mapping[str, str], left_out: Mapping[str, str]) -> str:
        markers = sorted({marker for column in self.columns for marker in column.markers})
        listed = ", ".join(quoted(marker) for marker in ["", *markers])
        lines = ["[data]", f"table = {quoted(_relative(self.data, self.folder))}"]
        lines += [f"{role} = {quoted(name)}  # CONFIRM: guessed from its name" for role, name in roles.items()]
        if "patient" not in roles:
            lines.append('# patient = "..."  # CONFIRM: no column looks like it; each row is taken for a patient')
        lines.append(f"missing = [{listed}]" + ("  # CONFIRM: seen in the table" if markers else ""))
        lines += [f"# CONFIRM: the column {quoted(name)} is left out: {why}" for name, why in left_out.items()]
        return "\n".join(lines) + "\n"


def variable_name(column: str) -> str:
    """A variable's name for a column whose own name cannot be one.

    >>> variable_name("dose >1300 mg")
    'dose _1300 mg'
    """
    return re.sub(r"[\x00-\x1f<>=!]", "_", column)[:100].strip()


def _predictor(column: ColumnProfile) -> str:
    name = variable_name(column.name)
    lines = [f"[{dotted(('predictors', name))}]"]
    if name != column.name:
        lines.append(f"column = {quoted(column.name)}")
    if column.categorical:
        listed = ", ".join(quoted(text) for text in ordered(column.counts))
        lines.append(f"categories = [{listed}]  # CONFIRM: or a number, if their order and distance count")
        if column.whole:
            lines.append('# labels = ["...", "..."]  # how a physician reads these codes, in the same order')
    else:
        assert column.numbers is not None
        low, high = plausible_range(float(column.numbers.min()), float(column.numbers.max()))
        unit = _UNITS.get(column.name.lower())
        if unit:
            lines.append(f'unit = "{unit}"  # CONFIRM: guessed from its name')
        else:
            lines.append('# unit = "..."  # CONFIRM: add its UCUM unit, for example mg/dL, mm[Hg], 1/min')
        lines.append(
            f"range = [{low:g}, {high:g}]  # CONFIRM: plausible values; the table has {column.numbers.min():g} to "
            f"{column.numbers.max():g}"
        )
    if column.sentinels:
        lines.append(f"missing = [{', '.join(column.sentinels)}]  # CONFIRM: looks like a code for not known")
    return "\n".join(lines) + "\n"


def plausible_range(low: float, high: float) -> tuple[float, float]:
    """A generous range around what was seen: a quarter of the spread on each side, rounded outward to two digits.

    It does not cross zero where no value does.

    >>> plausible_range(29.0, 77.0)
    (17.0, 89.0)
    """
    margin = max(0.25 * (high - low) or abs(high) or 1.0, 1e-9)
    least, most = low - margin, high + margin
    if low >= 0:
        least = max(least, 0.0)
    elif high <= 0:
        most = min(most, 0.0)
    step = 10.0 ** (math.floor(math.log10(max(abs(least), abs(most)))) - 1)
    digits = max(0, -math.floor(math.log10(step)))
    return round(math.floor(least / step) * step, digits), round(math.ceil(most / step) * step, digits)


def _relative(data: Path, folder: Path) -> str:
    return Path(os.path.relpath(data.resolve(), folder.resolve())).as_posix()


_REST = """\
[training]
network = "residual"
members = 5

[validation]
holdout = 0.25
{threshold}alpha = {alpha}
subgroups = []  # CONFIRM: groups to judge separately, for example "sex" or "age >= 65"
seed = 1

# What counts as good enough. Declare it before you look at the results: without it the release cannot be signed.
# CONFIRM: set limits that the decision needs, then remove the # in front of each line.
# [accept]
{gates}"""
