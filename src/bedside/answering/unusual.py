"""What is unusual about a patient, against the signed aggregates of the development patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

RARE = 0.05
"""A category that fewer of the development patients have is rare."""


@dataclass(frozen=True)
class Unusual:
    """One variable in which the patient stands apart.

    Attributes
    ----------
    kind: ``"below"`` or ``"above"`` what most have; ``"rare"`` category; ``"unknown"``, while it is known of most.
    low, high, inside: limits of what is usual, and the share of the development patients within them.
    share: of the development patients, who have this category or of whom the value is known; None where the count
        behind it is withheld.
    """

    variable: str
    kind: Literal["below", "above", "rare", "unknown"]
    low: float | None = None
    high: float | None = None
    inside: float | None = None
    share: float | None = None


def unusual(usual: Mapping[str, Mapping[str, Any]], values: Mapping[str, float | str | None]) -> list[Unusual]:
    """The variables in which these values are unusual, in the order of ``values``.

    ``usual`` is ``development.usual`` of the release's evidence; a variable that it does not tell of is passed over.
    An unknown value is unusual where it is known of at least nine in ten, or where so few lack it that their count
    is withheld.
    """
    return [found for name, value in values.items() if name in usual for found in _one(name, usual[name], value)]


def _one(name: str, usual: Mapping[str, Any], value: float | str | None) -> Iterator[Unusual]:
    if value is None:
        unknown = usual.get("unknown", 1.0)
        if unknown is None or unknown <= 0.1:
            yield Unusual(name, "unknown", share=None if unknown is None else 1 - unknown)
    elif isinstance(value, str):
        share = (usual.get("shares") or {}).get(value, 1.0)
        if share is None or share < RARE:
            yield Unusual(name, "rare", share=share)
    elif usual.get("low") is not None and usual.get("high") is not None:
        low, high, inside = usual["low"], usual["high"], usual.get("inside")
        if not low <= value <= high:
            yield Unusual(name, "below" if value < low else "above", low, high, inside)
