"""Whom guidance keeps a treatment or a dose from, in a table: by the values that are there, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from bedside.answering.answer import ValueGiven
from bedside.answering.guidance import advise
from bedside.answering.record import Record
from bedside.release import Guidance, Model
from bedside.sources import Reading

_Alike = tuple[bytes, tuple[str | None, ...]]
_NOTHING = Record(given={}, medications=None)


def vetoes(model: Model, reading: Reading) -> Bool[np.ndarray, "patient drug"] | None:
    """Per row, which arm is vetoed, or whether the dose's drug is; None where the release has no guidance of either.

    A table has the model's variables alone: medications and what else only guidance looks at are not known there, and
    what is not known vetoes nothing.
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
    key = reading.values[row, looked_at].tobytes(), tuple(reading.texts.get((row, place)) for place in looked_at)
    if key not in seen:
        values = dict(_given(model, reading, row, looked_at))
        vetoed = {one.about for one in advise(guidance, model, values, _NOTHING) if one.veto}
        seen[key] = [name in vetoed for name in about]
    return seen[key]


def _given(model: Model, reading: Reading, row: int, looked_at: list[int]) -> Iterator[tuple[str, ValueGiven]]:
    for place in looked_at:
        variable, value = model.manifest.schema.variables[place], float(reading.values[row, place])
        known = value == value
        said = (variable.categories[int(value)] if variable.categories else value) if known else None
        # A genotype that the model never learned from is unknown to it, and known to guidance.
        text = reading.texts.get((row, place)) if variable.gene is not None and said is None else None
        yield variable.name, ValueGiven(value=said, unit=variable.unit, given=text)
