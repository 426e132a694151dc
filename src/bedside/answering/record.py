"""What of a patient only guidance looks at: read apart from what the model takes, refused as strictly."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bedside.answering.answer import ValueGiven
from bedside.errors import DataError, ValueRefused
from bedside.genome import gene_result
from bedside.release import Guidance, Model
from bedside.sources import Reading, Variable, moment, read_patient, trimmed

_BETWEEN = ";"
_NOT_TAKEN = re.compile(
    r"\b(no|not|none|nil|never|without|denies|stopped|discontinued|ceased|allerg\w*)\b", re.IGNORECASE
)
_KEYS = frozenset({"value", "unit", "time"})


@dataclass(frozen=True)
class Record:
    """A patient's values that no model sees, by name as they were sent.

    Attributes
    ----------
    given: each as it is stored. medications: None where nothing was sent, which is not the same as none.
    """

    given: Mapping[str, ValueGiven]
    medications: tuple[str, ...] | None


def read_with_record(model: Model, values: Mapping[str, object], now: dt.datetime) -> tuple[Reading, Record | None]:
    """The model's values as a reading, and the record; None where the release has no guidance.

    Raises
    ------
    ValueRefused: as `read_patient` does, also for values of the record; every bad variable of both is named.
    """
    schema, guidance = model.manifest.schema, model.guidance
    if guidance is None:
        return read_patient(schema, values, now=now), None
    problems: dict[str, str] = {}
    reading = record = None
    try:
        reading = read_patient(schema, {n: v for n, v in values.items() if n not in guidance.asked}, now=now)
    except ValueRefused as error:
        problems |= error.problems
    try:
        record = read_record(guidance, {n: v for n, v in values.items() if n in guidance.asked}, now)
    except ValueRefused as error:
        problems |= error.problems
    if reading is None or record is None:
        raise ValueRefused(problems)
    return reading, record


def read_record(guidance: Guidance, values: Mapping[str, object], now: dt.datetime) -> Record:
    """What only guidance looks at, by name as it was sent; raises ``ValueRefused`` naming every bad variable."""
    problems: dict[str, str] = {}
    genotypes: dict[str, ValueGiven] = {}
    medications = None
    for variable in guidance.record:
        if variable.gene is not None and values.get(variable.name) is not None:
            try:
                genotypes[variable.name] = _genotype(guidance, variable, values[variable.name], now)
            except DataError as error:
                problems[variable.name] = error.what + (f". {error.remedy}" if error.remedy else "")
    if guidance.medications is not None:
        try:
            medications = _medications(values.get(guidance.medications))
        except DataError as error:
            problems[guidance.medications] = error.what
    measured = {v.name: values[v.name] for v in guidance.measured.variables if v.name in values}
    try:
        found = _measured(guidance, read_patient(guidance.measured, measured, now=now), measured, now)
    except ValueRefused as error:
        raise ValueRefused(problems | error.problems) from error
    if problems:
        raise ValueRefused(problems)
    taken = {} if medications is None else {str(guidance.medications): ValueGiven(value="; ".join(medications))}
    return Record(given={**genotypes, **found, **taken}, medications=medications)


def _entry(value: object) -> tuple[object, object]:
    """Value and time of an entry; raises ``DataError`` for one that is neither a value nor an object with one."""
    if not isinstance(value, Mapping):
        return value, None
    if "value" not in value or set(value) - _KEYS or value.get("unit") is not None:
        raise DataError('write a text or {"value", "time"}')
    return value["value"], value.get("time")


def _genotype(guidance: Guidance, variable: Variable, sent: object, now: dt.datetime) -> ValueGiven:
    value, time = _entry(sent)
    at = None if time is None else moment(time, now)
    if value is None:
        return ValueGiven(value=None, time=at)
    if not isinstance(value, str):
        raise DataError(f"{value!r} is no text", remedy="Write a diplotype")
    result = gene_result(guidance.genes[str(variable.gene)], trimmed(value))
    return ValueGiven(value=None if result is None else result.said, time=at)


def _medications(sent: object) -> tuple[str, ...] | None:
    value, _ = _entry(sent)
    if value is None:
        return None
    texts = value.split(_BETWEEN) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise DataError('write a list of texts: ["amiodarone 200 mg", "aspirin"], or [] where the patient takes none')
    parts = [trimmed(part) for text in texts for part in text.split(_BETWEEN)]
    for part in parts:
        if _NOT_TAKEN.search(part):  # "not amiodarone" names amiodarone: nobody should have to guess who takes it
            raise DataError(
                f"'{part[:60]}' does not say what the patient takes; list that alone, [] where it is nothing"
            )
    return tuple(part for part in parts if part)


def _measured(
    guidance: Guidance, reading: Reading, sent: Mapping[str, object], now: dt.datetime
) -> dict[str, ValueGiven]:
    found = {}
    for position, variable in enumerate(guidance.measured.variables):
        if variable.name not in sent:
            continue
        number = float(reading.values[0, position])
        known = number == number
        entry = sent[variable.name]
        time = entry.get("time") if isinstance(entry, Mapping) else None
        found[variable.name] = ValueGiven(
            value=(variable.categories[int(number)] if variable.categories else number) if known else None,
            unit=variable.unit,
            time=None if time is None else moment(time, now),
        )
    return found
