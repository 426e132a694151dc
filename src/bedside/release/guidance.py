"""``guidance.json``: everything that is said about a release's drugs without the model, signed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import msgspec

from bedside.genome import (
    Contraindication,
    Gene,
    Interaction,
    Recommendation,
    Source,
    allele_table,
    finder,
    gene,
    guidance_table,
    interaction_table,
)
from bedside.sources import Schema, Variable

FILE = "guidance.json"


class Guidance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The statements that concern this release; a server needs no other table.

    Attributes
    ----------
    drugs: what an answer is about → the drug: each arm of a treatment that has one, else the drug itself.
    record: variables that only guidance looks at; never in the graph. medications: under which name a patient's
        medications are sent; None: interactions are not looked at.
    genes: name → its alleles and what they do. rows: statements of guidelines, for the indication of the study.
    interactions: warnings of labels. synonyms: other names of the substances in them.
    contraindications: as the study declares them.
    sources: key → where a statement of `rows` or `interactions` stands.
    unstated: drug that is judged by a gene → others by which a guideline changes it too, and which no variable states.
    versions: of the tables "alleles", "guidance" and "interactions", with their dates.
    """

    drugs: dict[str, str]
    record: tuple[Variable, ...]
    medications: str | None
    genes: dict[str, Gene]
    rows: tuple[Recommendation, ...]
    interactions: tuple[Interaction, ...]
    synonyms: dict[str, tuple[str, ...]]
    contraindications: tuple[Contraindication, ...]
    sources: dict[str, Source]
    versions: dict[str, str]
    unstated: dict[str, tuple[str, ...]] = {}

    @cached_property
    def measured(self) -> Schema:
        """The variables of the record that are no genotypes, to be read as predictors are."""
        return Schema(variables=tuple(variable for variable in self.record if variable.gene is None))

    @cached_property
    def asked(self) -> frozenset[str]:
        """Names under which values are sent that the model never sees."""
        named = {variable.name for variable in self.record}
        return frozenset(named if self.medications is None else named | {self.medications})

    @cached_property
    def named(self) -> Callable[[str], tuple[str, ...]]:
        """From a medication's text to the substances in it that a warning is about."""
        return finder({name for row in self.interactions for name in row.others}, self.synonyms)


def guidance_of(
    drugs: Mapping[str, str],
    *,
    indications: Mapping[str, str],
    genes: Iterable[str],
    record: tuple[Variable, ...],
    medications: str | None,
    contraindications: tuple[Contraindication, ...],
) -> Guidance:
    """What the package's tables say of these drugs; of genes, for those that a variable states."""
    told, alleles, warned = guidance_table(), allele_table(), interaction_table()
    stated = tuple(dict.fromkeys(genes))
    about = [row for drug in dict.fromkeys(drugs.values()) for row in told.about(drug, indications.get(drug))]
    rows = tuple(row for row in dict.fromkeys(about) if row.gene in stated)
    warnings = tuple(row for row in warned.rows if medications is not None and set(row.drugs) & set(drugs.values()))
    named = {name for row in warnings for name in (*row.drugs, *row.others)}
    return Guidance(
        drugs=dict(drugs),
        record=record,
        medications=medications,
        genes={name: gene(name) for name in stated},
        rows=rows,
        interactions=warnings,
        synonyms={name: others for name, others in warned.synonyms.items() if name in named},
        contraindications=contraindications,
        sources={row.source: told.sources[row.source] for row in rows}
        | {row.source: Source(citation=warned.sources[row.source]) for row in warnings},
        versions={
            "alleles": f"{alleles.version} of {alleles.date}",
            "guidance": f"{told.version} of {told.date}",
            "interactions": f"{warned.version} of {warned.date}",
        },
        unstated={drug: found for drug in dict.fromkeys(drugs.values()) if (found := _unstated(about, drug, stated))},
    )


def _unstated(about: Iterable[Recommendation], drug: str, stated: tuple[str, ...]) -> tuple[str, ...]:
    """Genes that would have to be known before the stated ones could be an all-clear; optional changes are none."""
    own = [row for row in about if drug in row.drugs]
    if not any(row.gene in stated for row in own):
        return ()
    changing = (row.gene for row in own if row.action != "as usual" and row.strength != "optional")
    return tuple(name for name in dict.fromkeys(changing) if name not in stated)
