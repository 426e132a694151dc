"""What the model's dose already counts of a statement that changes a dose: nobody should lower it twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bedside.answering.answer import Advice, ValueGiven
from bedside.release import Guidance
from bedside.sources import Variable

Said = tuple[Advice, tuple[str, ...]]
"""A statement, and the variables that it follows from, those of the record among them."""

CHANGING = frozenset({"reduce", "increase", "monitor"})
"""What may be done to a dose; a warning that asks for closer control often says that less is needed."""


def counted(said: Iterable[Said], values: Mapping[str, ValueGiven]) -> Iterator[Advice]:
    """Each statement with what the model's dose counts of it; `values`: those that the model was given.

    A genotype that guidance reads and the model never learned from has no value there, and is not counted. Beside a
    veto there is no dose.
    """
    listed = list(said)
    vetoed = any(advice.veto for advice, _ in listed)
    for advice, follows in listed:
        if vetoed or advice.action not in CHANGING:
            yield advice
            continue
        known = tuple(name for name in follows if name in values and values[name].value is not None)
        yield msgspec.structs.replace(advice, counted=known)


def naming(guidance: Guidance, variables: Iterable[Variable], substance: str) -> tuple[str, ...]:
    """Predictors that ask for this medication, by their name or label: ``amiodarone``, "Takes amiodarone"."""
    asked = {one.name: f"{one.name} {one.label}".replace("_", " ") for one in variables}
    return tuple(name for name, text in asked.items() if substance in guidance.named(text))
