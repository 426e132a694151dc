"""A predictor that is a genotype: ``gene``, and categories that are its diplotypes or its phenotypes."""

from __future__ import annotations

from bedside.cohort.section import Section
from bedside.errors import DataError, UsageError
from bedside.genome import Gene, gene, parse_diplotype


def read_gene(section: Section) -> Gene | None:
    """The gene that is named; None where none is. Raises ``StudyError`` for one that bedside does not know."""
    name = section.optional_text("gene")
    try:
        return None if name is None else gene(name)
    except UsageError as error:
        raise section.error("gene", error.what, error.remedy) from error


def genotypes(section: Section, gene: Gene, categories: tuple[str, ...] | None) -> tuple[str, ...]:
    """The categories in their canonical form: all are phenotypes, or all are diplotypes.

    Raises
    ------
    StudyError: there are none, one is neither or not callable, or two are the same diplotype.
    """
    phenotypes = set(gene.phenotypes.values()) | {"Indeterminate"}
    if categories is None:
        example = '"*1/*1", "*1/*2"' if "*1" in gene.alleles else "two diplotypes or phenotypes"
        raise section.error("gene", "a genotype needs its categories", f"Add categories = [{example}, ...]")
    if all(text in phenotypes for text in categories):
        return categories
    found: list[str] = []
    for text in categories:
        canonical = _canonical(section, gene, text, phenotypes)
        if canonical in found:
            raise section.error("categories", f"'{text}' is {canonical}, which is listed already", "Drop one")
        found.append(canonical)
    return tuple(found)


def _canonical(section: Section, gene: Gene, text: str, phenotypes: set[str]) -> str:
    if text in phenotypes:
        raise section.error("categories", f"'{text}' is a phenotype, and others are diplotypes", "List one kind")
    try:
        diplotype = parse_diplotype(gene, text)
    except DataError as error:
        raise section.error("categories", error.what, error.remedy) from error
    if diplotype is None:
        what = f"'{text}' means that nothing was called; it is no category but missing"
        raise section.error("categories", what, "Drop it: such a cell counts as not known")
    return str(diplotype)
