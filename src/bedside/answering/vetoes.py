"""Whom guidance keeps a treatment or a dose from, in a table: by the values that are there, and by nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Bool

from bedside.answering.answer import ValueGiven
from bedside.answering.guidance import advise
from bedside.answering.record import read_record
from bedside.errors import ValueRefused
from bedside.release import Guidance, Model
from bedside.sources import Reading, number_in

_Alike = tuple[bytes, tuple[str | None, ...]]


def vetoes(model: Model, reading: Reading) -> Bool[np.ndarray, "patient drug"] | None:
    """Per row, which arm is vetoed, or whether the dose's drug is; None where the release has no guidance of either.

    Of what only guidance looks at, the columns that were read under its names (``reading.extra``) count; what is not
    there is not known, and vetoes nothing. Who has a cell there that cannot be read is kept from all of them: it might
    say what forbids it.
    """
    outputs, guidance = model.manifest.outputs, model.guidance
    if guidance is None or (outputs.arms is None and outputs.dose is None):
        return None
    about = outputs.arms.arms if outputs.arms is not None else tuple(guidance.drugs)
    looked_at = [place for place, name in enumerate(model.manifest.schema.names) if name in _names(model, guidance)]
    seen: dict[_Alike, list[bool]] = {}
    found = [_row(model, guidance, reading, row, looked_at, about, seen) for row in range(len(reading))]
    each = np.array(found, dtype=bool).reshape(len(reading), len(about))
    return each if outputs.arms is not None else np.asarray(each.any(axis=1, keepdims=True))


def vetoed_names(model: Model, found: Bool[np.ndarray, "patient drug"]) -> list[str]:
    """Per row the vetoed arms, or the drug, joined by a semicolon."""
    outputs = model.manifest.outputs
    about = outputs.arms.arms if outputs.arms is not None else (outputs.dose.drug if outputs.dose is not None else "",)
    return [";".join(name for name, holds in zip(about, row, strict=True) if holds) for row in found.tolist()]


def _names(model: Model, guidance: Guidance) -> frozenset[str]:
    """Variables of the model that guidance reads too."""
    genes = {variable.name for variable in model.manifest.schema.variables if variable.gene is not None}
    return frozenset(genes | {when.variable for one in guidance.contraindications for when in one.when})


def _row(
    model: Model,
    guidance: Guidance,
    reading: Reading,
    row: int,
    looked_at: list[int],
    about: tuple[str, ...],
    seen: dict[_Alike, list[bool]],
) -> list[bool]:
    """Patients who are alike in what guidance looks at are asked about once."""
    sent = {name: reading.extra[name][row] for name in sorted(guidance.asked) if name in reading.extra}
    texts = tuple(reading.texts.get((row, place)) for place in looked_at)
    key = reading.values[row, looked_at].tobytes(), (*texts, *sent.values())
    if key not in seen:
        values = dict(_given(model, reading, row, looked_at))
        vetoed = _vetoed(model, guidance, values, sent)
        seen[key] = [name in vetoed for name in about]
    return seen[key]


def _vetoed(
    model: Model, guidance: Guidance, values: Mapping[str, ValueGiven], sent: Mapping[str, str | None]
) -> frozenset[str]:
    numbers = {variable.name for variable in guidance.record if variable.kind == "number"}
    typed = {name: _number(text) if name in numbers else text for name, text in sent.items()}
    try:
        record = read_record(guidance, typed, dt.datetime.now(dt.UTC))  # no cell has a time of its own
    except ValueRefused:
        return frozenset(guidance.drugs)
    return frozenset(one.about for one in advise(guidance, model, values, record) if one.veto)


def _number(text: str | None) -> float | str | None:
    number = None if text is None else number_in(text.strip())
    return text if number is None else number


def _given(model: Model, reading: Reading, row: int, looked_at: list[int]) -> Iterator[tuple[str, ValueGiven]]:
    for place in looked_at:
        variable, value = model.manifest.schema.variables[place], float(reading.values[row, place])
        known = value == value
        said = (variable.categories[int(value)] if variable.categories else value) if known else None
        # A genotype that the model never learned from is unknown to it, and known to guidance.
        text = reading.texts.get((row, place)) if variable.gene is not None and said is None else None
        yield variable.name, ValueGiven(value=said, unit=variable.unit, given=text)
