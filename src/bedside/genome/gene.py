"""The genes that bedside knows: their alleles, what each does, and what two of them make."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import cached_property, lru_cache
from importlib.resources import files

import msgspec

from bedside.errors import UsageError


class Gene(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One gene, as ``alleles.toml`` states it.

    Attributes
    ----------
    name: its HGNC symbol.
    functions: function → the alleles that have it.
    phenotypes: "function + function" (in the order of the alphabet), or an activity score, → phenotype.
    activity: function → activity value; empty for a gene whose phenotype follows from the functions.
    unassigned: alleles that are defined and whose function nobody has judged.
    aliases: other names of alleles → the name here. prefixes: what may stand before a genotype: ``rs9923231 C/T``.
    """

    name: str
    functions: dict[str, tuple[str, ...]]
    phenotypes: dict[str, str]
    activity: dict[str, float] = {}
    unassigned: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    prefixes: tuple[str, ...] = ()

    @cached_property
    def function_of(self) -> dict[str, str | None]:
        """Allele → function, in the order in which alleles are written; None where it is unassigned."""
        found: dict[str, str | None] = dict.fromkeys(self.unassigned)
        for function, alleles in self.functions.items():
            found |= dict.fromkeys(alleles, function)
        return dict(sorted(found.items(), key=lambda item: _order(item[0])))

    @property
    def alleles(self) -> tuple[str, ...]:
        """Every known allele, as a diplotype orders them."""
        return tuple(self.function_of)

    @cached_property
    def spellings(self) -> dict[str, str]:
        """How an allele may be written, in capitals → its name."""
        named = {name: name for name in self.alleles} | self.aliases
        return {spelled.upper(): name for spelled, name in named.items()}


def _order(allele: str) -> tuple[bool, list[int], str]:
    return len(allele) == 1, [int(number) for number in re.findall(r"\d+", allele)], allele


class AlleleTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``alleles.toml``: genes by name, with the table's version and source."""

    version: str
    date: str
    source: str
    genes: dict[str, Gene]


@lru_cache(maxsize=1)
def allele_table() -> AlleleTable:
    """The package's own table."""
    values = tomllib.loads(files("bedside.genome").joinpath("alleles.toml").read_text(encoding="utf-8"))
    named = {name: {"name": name, **stated} for name, stated in values["genes"].items()}
    return msgspec.convert(values | {"date": str(values["date"]), "genes": named}, AlleleTable)


def genes() -> tuple[str, ...]:
    """Names of all genes."""
    return tuple(allele_table().genes)


def gene(name: str) -> Gene:
    """The gene of this name.

    Raises
    ------
    UsageError: bedside does not know it.
    """
    found = allele_table().genes.get(name)
    if found is None:
        near = difflib.get_close_matches(name.upper(), genes(), n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(genes())}"
        raise UsageError(f"there is no gene '{name}' here", remedy=remedy)
    return found
