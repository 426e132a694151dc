"""One patient at the bedside: the values as entered or sent, through the same rules as a table."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import UInt8

from bedside.errors import DataError, ValueRefused
from bedside.sources.cell import cell_number
from bedside.sources.cleaning import MISSING, Limits, Rules, clean, rules
from bedside.sources.genotypes import not_a_genotype
from bedside.sources.reading import Problem, Reading
from bedside.sources.schema import Schema, Variable
from bedside.sources.text import trimmed
from bedside.sources.units import factor_and_offset
from bedside.sources.wording import format_value

_KEYS = frozenset({"value", "unit", "time"})
_FIRST_ROW = np.ones(1, np.int64)
_FIRST_ROW.flags.writeable = False
_INFINITE = float("inf")
_REFUSABLE = int(Problem.NOT_A_NUMBER)
# Clocks of devices and servers differ a little; a value of the future is refused beyond that.
_CLOCK_DIFFERENCE = dt.timedelta(minutes=5)


def moment(time: object, now: dt.datetime) -> dt.datetime:
    """When a value was measured; without a zone, in that of ``now``, which is UTC where it has none.

    Raises
    ------
    DataError: the time is no ISO 8601 date or date and time.
    """
    if not isinstance(time, dt.datetime):
        try:
            if not isinstance(time, (str, dt.date)):
                raise ValueError
            time = dt.datetime.fromisoformat(trimmed(str(time)))
        except ValueError as error:
            raise DataError(f"time '{time}' is not a date such as 2026-03-01 or 2026-03-01T08:30:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=now.tzinfo or dt.UTC)


def _age_days(time: object, now: dt.datetime) -> float:
    """Age of a value in days.

    Raises
    ------
    DataError: the time is none, or lies in the future.
    """
    measured = moment(time, now)
    now = now if now.tzinfo else now.replace(tzinfo=dt.UTC)
    # A date alone may be today's date in a place where the day began earlier.
    whole_day = not isinstance(time, dt.datetime) and len(trimmed(str(time))) <= len("2026-03-01")
    if measured - now > (dt.timedelta(days=1) if whole_day else _CLOCK_DIFFERENCE):
        raise DataError(f"time '{time}' lies in the future")
    return max(0.0, (now - measured).total_seconds() / 86400)


def _refused(variable: Variable, problem: int, value: object, unit: str) -> str:
    if problem == Problem.NOT_A_NUMBER:
        return f"{_shown(value)} is not a number"
    if problem == Problem.UNKNOWN_CATEGORY and variable.gene is not None:
        return not_a_genotype(variable.gene, trimmed(str(value)))
    if problem == Problem.UNKNOWN_CATEGORY:
        return f"{_shown(value)} is not one of its categories: {', '.join(variable.categories or ())}"
    low, high = variable.range or (-np.inf, np.inf)
    stated = f"{_shown(value)} {unit}".rstrip()
    return f"{stated} lies outside the plausible range {low:g} to {format_value(variable, float(high))}"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass
class _Patient:
    """The cells of one patient while they are read; `problems` is what will be refused."""

    schema: Schema
    ready: Rules
    now: dt.datetime
    raw: list[float]
    ages: dict[int, float] = field(default_factory=dict)
    units: dict[int, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, entry: object) -> None:
        """One entry, whatever it is."""
        position = self.ready.positions.get(name)
        if position is None:
            near = difflib.get_close_matches(str(name), self.schema.names, n=1)
            self.problems[str(name)] = "unknown variable" + (f"; did you mean '{near[0]}'?" if near else "")
            return
        value = self._dated(name, position, entry) if isinstance(entry, Mapping) else entry
        if value is not None:
            rule = self.ready.texts[position]
            self.raw[position] = cell_number(value, rule)

    def _dated(self, name: str, position: int, entry: Mapping[str, object]) -> object:
        """The value of ``{"value", "unit", "time"}``; its unit and age are noted."""
        unknown = sorted(str(key) for key in entry if key not in _KEYS)
        if unknown or "value" not in entry:
            wrong = f"unknown key '{unknown[0]}'" if unknown else "there is no value"
            self.problems[name] = f'{wrong}; write a number, a text or {{"value", "unit", "time"}}'
            return None
        try:
            if entry.get("unit") is not None:
                self._stated(position, str(entry["unit"]))
            if entry.get("time") is not None:
                self.ages[position] = _age_days(entry["time"], self.now)
        except DataError as error:
            self.problems[name] = error.what + (f". {error.remedy}" if error.remedy else "")
            return None
        return entry["value"]

    def _stated(self, position: int, unit: str) -> None:
        variable = self.schema.variables[position]
        if variable.unit is None:
            raise DataError(f"it has no unit, yet one is given: '{unit}'")
        if unit != variable.unit:
            factor_and_offset(unit, variable.unit)
            self.units[position] = unit

    def limits(self) -> Limits:
        """The declared limits, with the factors of the units that were stated."""
        if not self.units:
            return self.ready.declared
        declared, table = self.ready.declared, self.ready.table
        factor, offset = declared.factor.copy(), declared.offset.copy()
        sentinels = np.full_like(table.sentinels, np.nan)
        sentinels[: len(declared.sentinels)] = declared.sentinels
        for position, unit in self.units.items():
            variable = self.schema.variables[position]
            factor[position], offset[position] = factor_and_offset(unit, variable.unit or "1")
            in_table = unit == (variable.unit_in_data or variable.unit)
            sentinels[:, position] = table.sentinels[:, position] if in_table else np.nan
        return replace(declared, factor=factor, offset=offset, sentinels=sentinels)

    def refuse(self, problems: UInt8[np.ndarray, " variable"], values: Mapping[str, object]) -> None:
        """Say what is wrong with each value that the kernel could not use."""
        for position in np.flatnonzero(problems >= _REFUSABLE).tolist():
            if not Problem(problems[position]).wrong:
                continue
            variable = self.schema.variables[position]
            entry = values[variable.name]
            value = entry["value"] if isinstance(entry, Mapping) else entry
            unit = self.units.get(position, "")
            self.problems[variable.name] = _refused(variable, int(problems[position]), value, unit)

    def others(
        self, problems: UInt8[np.ndarray, " variable"], values: Mapping[str, object]
    ) -> dict[tuple[int, int], str]:
        """The texts of genotypes that are known and none of the categories."""
        if not self.ready.genes:
            return {}
        found = np.flatnonzero(problems == Problem.OTHER_GENOTYPE).tolist()
        return {(0, position): _text(values[self.schema.variables[position].name]) for position in found}


def _text(entry: object) -> str:
    return trimmed(str(entry["value"] if isinstance(entry, Mapping) else entry))


def read_patient(schema: Schema, values: Mapping[str, object], *, now: dt.datetime) -> Reading:
    """One patient's values as a reading of one row, in the schema's order and units.

    A value is a number, a text, None (not known), or ``{"value", "unit", "time"}``. Without a unit it stands in
    the declared one. A variable that is not given is missing. Missing markers and sentinel codes count here as
    they do in the table, a sentinel only where the value stands in the table's unit. A time without a zone is
    in that of `now`; `now` without one is UTC.

    Raises
    ------
    ValueRefused: a variable that the schema does not know, a value that is no number, no declared category or
        outside its plausible range, a unit that does not convert, a time that is none or lies in the future;
        every bad variable is named.
    """
    ready = rules(schema)
    patient = _Patient(schema, ready, now, [MISSING] * len(ready.texts))
    raw, numeric = patient.raw, ready.numeric
    for name, entry in values.items():
        if type(entry) is float and name in numeric and -_INFINITE < entry < _INFINITE:
            raw[numeric[name]] = entry  # nearly every cell: this path decides what a patient costs
        else:
            patient.read(name, entry)
    cleaned, problems = clean(np.array([raw]), patient.limits())
    if patient.problems or problems.max(initial=0) >= _REFUSABLE:
        patient.refuse(problems[0], values)
        if patient.problems:
            raise ValueRefused(patient.problems)
    ages = None
    if patient.ages:
        ages = np.full(cleaned.shape, np.nan)
        ages[0, list(patient.ages)] = list(patient.ages.values())
    return Reading(
        rows=_FIRST_ROW, values=cleaned, problems=problems, texts=patient.others(problems[0], values), ages_days=ages
    )
