"""Drugs of a record that a product label warns of together with another: the table ``interactions.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

import msgspec

from bedside.genome.guidance import Reach


class Interaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"others": "with"}):
    """One warning of a label: `drugs` together with any of `others`; `source` is the key of its citation."""

    drugs: tuple[str, ...]
    others: tuple[str, ...]
    action: Reach
    text: str
    source: str


class InteractionTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``interactions.toml``: warnings, where they stand, and other names of active substances."""

    version: str
    date: str
    sources: dict[str, str]
    synonyms: dict[str, tuple[str, ...]]
    rows: tuple[Interaction, ...]


@lru_cache(maxsize=1)
def interaction_table() -> InteractionTable:
    """The package's own table."""
    values = tomllib.loads(files("bedside.genome").joinpath("interactions.toml").read_text(encoding="utf-8"))
    return msgspec.convert(values | {"date": str(values["date"])}, InteractionTable)


def substances_in(text: str, substances: Iterable[str], synonyms: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Which of these active substances a medication's text names, as whole words in any case.

    >>> substances_in("Amiodarone 200 mg tablets", ["amiodarone", "aspirin"], {})
    ('amiodarone',)
    """
    return tuple(name for name in substances if any(_named(one, text) for one in (name, *synonyms.get(name, ()))))


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text.replace("’", "'"), re.IGNORECASE) is not None


def interactions_with(
    rows: Iterable[Interaction], synonyms: dict[str, tuple[str, ...]], drug: str, medications: Iterable[str]
) -> list[tuple[Interaction, str]]:
    """Each warning about `drug` that a medication of the record meets, with that medication's substance; each once."""
    medications = tuple(medications)
    found: dict[tuple[int, str], tuple[Interaction, str]] = {}
    for place, row in enumerate(rows):
        if drug in row.drugs:
            for text in medications:
                for name in substances_in(text, row.others, synonyms):
                    found[place, name] = (row, name)
    return list(found.values())
