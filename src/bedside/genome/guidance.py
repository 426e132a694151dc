"""What guidelines say about a drug because of a genotype: the table ``guidance.toml``, and its reading."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import msgspec

from bedside.genome.phenotype import GeneResult

Action = Literal["avoid", "alternative", "reduce", "increase", "monitor", "not callable", "as usual"]
ACTIONS: tuple[Action, ...] = ("avoid", "alternative", "reduce", "increase", "monitor", "not callable", "as usual")
"""What may be said, the gravest first: "avoid" is the veto, "not callable" is said where nothing can be told."""

Reach = Literal["avoid", "alternative", "reduce", "increase", "monitor"]
"""What a warning may ask for."""

Strength = Literal["strong", "moderate", "optional", "label"]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a statement stands: authors, title, journal and year, or the product label; `doi` where there is one."""

    citation: str
    doi: str | None = None

    @property
    def cited(self) -> str:
        """The citation with its DOI."""
        return self.citation if self.doi is None else f"{self.citation}. doi:{self.doi}"


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One statement of a guideline.

    Attributes
    ----------
    drugs: what it is about. indication: it holds for this one only; None: for every one.
    gene, results: phenotypes, activity scores ("score 1.0") or diplotypes for which it holds.
    action, strength, text: what to do, how surely, and in words.
    source: key of its `Source`.
    """

    drugs: tuple[str, ...]
    gene: str
    results: tuple[str, ...]
    action: Literal["avoid", "alternative", "reduce", "increase", "monitor", "as usual"]
    strength: Strength
    text: str
    source: str
    indication: str | None = None


class GuidanceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``guidance.toml``: statements and their sources, under one version and date."""

    version: str
    date: str
    sources: dict[str, Source]
    rows: tuple[Recommendation, ...]

    def about(self, drug: str, indication: str | None = None) -> tuple[Recommendation, ...]:
        """The statements about a drug in this indication, those for every indication included."""
        return tuple(row for row in self.rows if drug in row.drugs and row.indication in (None, indication))

    def indications(self, drug: str) -> tuple[str, ...]:
        """The indications that the statements about a drug tell apart."""
        return tuple(dict.fromkeys(row.indication for row in self.rows if drug in row.drugs and row.indication))

    @property
    def drugs(self) -> tuple[str, ...]:
        """Every drug that a statement is about."""
        return tuple(sorted({drug for row in self.rows for drug in row.drugs}))


@lru_cache(maxsize=1)
def guidance_table() -> GuidanceTable:
    """The package's own table."""
    values = tomllib.loads(files("bedside.genome").joinpath("guidance.toml").read_text(encoding="utf-8"))
    return msgspec.convert(values | {"date": str(values["date"])}, GuidanceTable)


def recommend(rows: tuple[Recommendation, ...], result: GeneResult) -> Recommendation | None:
    """The statement among `rows` that holds for what is known of a gene; None where none does.

    >>> from bedside.genome import gene, gene_result
    >>> recommend(guidance_table().about("simvastatin"), gene_result(gene("SLCO1B1"), "*5/*15")).action
    'avoid'
    """
    of_gene = (row for row in rows if row.gene == result.gene)
    return next((row for row in of_gene if not result.names.isdisjoint(row.results)), None)
