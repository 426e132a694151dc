"""What the author of a study declares: when a drug must not be given, or given otherwise."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from bedside.genome.guidance import Reach

Operator = Literal["<", "<=", ">", ">=", "==", "!="]
OPERATORS: tuple[Operator, ...] = ("<", "<=", ">", ">=", "==", "!=")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comparison with one variable: ``egfr < 30``, ``pregnant == yes``; `text` as it was written."""

    text: str
    variable: str
    operator: Operator
    value: float | str

    def holds(self, known: float | str) -> bool:
        """Whether it holds for a known value: a number in the declared unit, or a category's text."""
        return _COMPARE[self.operator](known, self.value)


class Contraindication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One declared contraindication.

    Attributes
    ----------
    name: as the study calls it. drugs: what it is about; empty: every drug of the study.
    when: it applies where all of these hold. action, reason: what to do, and why, in words. source: where that stands.
    """

    name: str
    drugs: tuple[str, ...]
    when: tuple[Condition, ...]
    action: Reach
    reason: str
    source: str

    @property
    def text(self) -> str:
        """The conditions as they were written."""
        return " and ".join(one.text for one in self.when)

    def applies(self, known: Callable[[str], float | str | None]) -> bool | None:
        """Whether it does, by what is known of each variable; None where what is not known decides."""
        held = [None if (value := known(one.variable)) is None else one.holds(value) for one in self.when]
        return False if False in held else None if None in held else True
