"""Genotypes as categories: however a diplotype is written, it is the declared category that it means."""

from __future__ import annotations

from functools import lru_cache

from bedside.errors import DataError
from bedside.genome import gene, parse_diplotype, phenotype
from bedside.sources.cleaning import MISSING, NOT_UNDERSTOOD, SENTINEL, TextRule


def genotype_code(text: str, rule: TextRule) -> float:
    """The code of the category that a genotype is: of its diplotype, or of its phenotype where those are declared.

    Else a mark: nothing was called (missing), an allele is not known (not understood), or it is a known diplotype
    and none of the categories (as a sentinel text is marked: `clean` knows which variables are genes).
    """
    try:
        called = _called(rule.gene or "", text)
    except DataError:
        return NOT_UNDERSTOOD
    if called is None:
        return MISSING
    codes = rule.codes or {}
    return float(next((codes[name] for name in called if name in codes), SENTINEL))


@lru_cache(maxsize=4096)
def _called(name: str, text: str) -> tuple[str, str] | None:
    """Diplotype and phenotype; None where nothing was called. Raises ``DataError`` as `parse_diplotype` does."""
    found = parse_diplotype(gene(name), text)
    return None if found is None else (str(found), phenotype(found).name)


def not_a_genotype(name: str, text: str) -> str:
    """Why a text is no genotype of this gene; it names the allele."""
    try:
        parse_diplotype(gene(name), text)
    except DataError as error:
        return f"{error.what}. {error.remedy}"
    return f"'{text}' is no genotype of {name}"
