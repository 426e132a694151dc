"""Drugs of a record that a product label warns of together with another: the table ``interactions.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
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


def finder(substances: Iterable[str], synonyms: Mapping[str, Iterable[str]]) -> Callable[[str], tuple[str, ...]]:
    """A function from a medication's text to the substances that it names, as whole words in any case, each once.

    >>> finder(["amiodarone", "aspirin"], {"amiodarone": ["cordarone"]})("Cordarone 200 mg tablets")
    ('amiodarone',)
    """
    spelled = {one.lower(): name for name in substances for one in (name, *synonyms.get(name, ()))}
    words = "|".join(re.escape(one) for one in sorted(spelled, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)

    def find(text: str) -> tuple[str, ...]:
        named = pattern.findall(text.replace("’", "'")) if spelled else ()
        return tuple(dict.fromkeys(spelled[word.lower()] for word in named))

    return find


def interactions_with(
    rows: Iterable[Interaction], find: Callable[[str], tuple[str, ...]], drug: str, medications: Iterable[str]
) -> list[tuple[Interaction, str]]:
    """Each warning about `drug` that a medication of the record meets, with that medication's substance; each once."""
    taken = dict.fromkeys(name for text in medications for name in find(text))
    return [(row, name) for row in rows if drug in row.drugs for name in taken if name in row.others]
