"""Two alleles of a gene as one text: ``*1/*3``, ``A/G``. What cannot be called is never taken for ``*1``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from bedside.errors import DataError
from bedside.genome.gene import Gene

NOT_CALLABLE = frozenset(
    {"", "?", "./.", "unknown", "unk", "na", "n/a", "none", "nan", "null", "no call", "nocall", "not called",
     "not callable", "no result", "not done", "not tested", "not determined", "undetermined", "indeterminate",
     "missing", "failed"}
)  # fmt: skip
"""Texts, in small letters, that say that the laboratory called nothing."""


@dataclass(frozen=True)
class Diplotype:
    """Two known alleles of one gene, in the gene's order."""

    gene: Gene
    alleles: tuple[str, str]

    def __str__(self) -> str:
        return "/".join(self.alleles)


def parse_diplotype(gene: Gene, text: str) -> Diplotype | None:
    """The diplotype that a text states; None where it says that nothing was called.

    ``*3/*1`` is ``*1/*3``, and ``|`` is ``/``. The gene's name, or the name of its variant, may stand before it. A
    genotype of one letter each may stand without a bar, on either strand: ``GA`` and ``C/T`` of VKORC1 are ``A/G``.

    >>> from bedside.genome.gene import gene
    >>> str(parse_diplotype(gene("CYP2C9"), "*3/*1")), parse_diplotype(gene("CYP2C9"), "Unknown")
    ('*1/*3', None)

    Raises
    ------
    DataError: an allele is not known, or these are not two alleles; it names what is wrong.
    """
    if text.strip().lower() in NOT_CALLABLE:
        return None
    parts = _parts(gene, text)
    if len(parts) != 2:
        raise DataError(
            f"'{_short(text)}' is no diplotype of {gene.name}", remedy=f"Write two alleles: {_example(gene)}"
        )
    if all(part.strip().lower() in NOT_CALLABLE for part in parts):
        return None
    first, second = (_allele(gene, part, text) for part in parts)
    _of_one_notation(gene, parts, text)
    order = gene.alleles
    return Diplotype(gene, (first, second) if order.index(first) <= order.index(second) else (second, first))


def _parts(gene: Gene, text: str) -> list[str]:
    parts = [_bare(gene, part) for part in text.replace("|", "/").split("/")]
    whole = parts[0] if len(parts) == 1 else ""
    return list(whole) if len(whole) == 2 and all(letter.upper() in gene.spellings for letter in whole) else parts


def _bare(gene: Gene, part: str) -> str:
    part = part.strip()
    if part.upper() in gene.spellings:
        return part
    for prefix in (gene.name, *gene.prefixes):
        if part.upper().startswith(prefix.upper()):
            part = part[len(prefix) :].lstrip(" :_")
    return part


def _allele(gene: Gene, part: str, text: str) -> str:
    known = gene.spellings.get(part.upper())
    if known is not None:
        return known
    near = difflib.get_close_matches(part, gene.alleles, n=1, cutoff=0.7)
    remedy = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(gene.alleles[:4])}, ..."
    stated = f" in '{_short(text)}'" if part != text else ""
    raise DataError(f"'{_short(part)}'{stated} is no known allele of {gene.name}", remedy=remedy)


def _of_one_notation(gene: Gene, parts: list[str], text: str) -> None:
    """A star allele and a base answer different questions; A of one strand and T of the other would read as A/A."""
    bases = [len(part) == 1 for part in parts]
    strands = {part.upper() in gene.aliases for part in parts}
    if any(bases) and (not all(bases) or len(strands) == 2):
        remedy = f"Write both in one way: {_example(gene)}"
        raise DataError(f"'{_short(text)}' mixes two ways to write {gene.name}", remedy=remedy)


def _example(gene: Gene) -> str:
    return f"{gene.alleles[0]}/{gene.alleles[1]}, say"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
