"""What two alleles make of a gene, in CPIC's standard words (Caudle KE et al., Genet Med 2017;19:215-223)."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.genome.diplotype import Diplotype, parse_diplotype
from bedside.genome.gene import Gene

INDETERMINATE = "Indeterminate"


@dataclass(frozen=True)
class Phenotype:
    """A phenotype; `activity` is the score of a gene that has scores, None where it cannot be told."""

    name: str
    activity: float | None = None


def phenotype(diplotype: Diplotype) -> Phenotype:
    """The phenotype of a diplotype; "Indeterminate" where the function of an allele is not known.

    >>> from bedside.genome import gene, parse_diplotype
    >>> phenotype(parse_diplotype(gene("CYP2C9"), "*1/*3"))
    Phenotype(name='Intermediate Metabolizer', activity=1.0)
    """
    gene = diplotype.gene
    functions = sorted(gene.function_of[allele] or "" for allele in diplotype.alleles)
    if not gene.activity:
        return Phenotype(gene.phenotypes.get(" + ".join(functions), INDETERMINATE))
    values = [gene.activity.get(function) for function in functions]
    if None in values:
        return Phenotype(INDETERMINATE)
    score = sum(value for value in values if value is not None)
    return Phenotype(gene.phenotypes[f"{score:.1f}"], score)


@dataclass(frozen=True)
class GeneResult:
    """What is known of a patient's gene.

    Attributes
    ----------
    gene: its name. said: the diplotype, or the phenotype where only that is known. phenotype: its name. activity: the
        score, where it is known. diplotype: whether the diplotype is known.
    """

    gene: str
    said: str
    phenotype: str
    activity: float | None
    diplotype: bool

    @property
    def names(self) -> frozenset[str]:
        """Under which names a guideline may speak of it."""
        scored = () if self.activity is None else (f"score {self.activity:.1f}",)
        return frozenset((self.said, self.phenotype, *scored))

    @property
    def words(self) -> str:
        """``CYP2C9 *1/*3: Intermediate Metabolizer, activity score 1.0``."""
        told = f"{self.gene} {self.said}" + (f": {self.phenotype}" if self.diplotype else "")
        return told if self.activity is None else f"{told}, activity score {self.activity:.1f}"


def gene_result(gene: Gene, text: str) -> GeneResult | None:
    """What a text says of a gene: a diplotype, or a phenotype in CPIC's words; None where nothing was called.

    Raises
    ------
    DataError: an allele is not known, or it is neither.
    """
    if text in gene.phenotypes.values() or text == INDETERMINATE:
        return GeneResult(gene.name, text, text, None, diplotype=False)
    found = parse_diplotype(gene, text)
    if found is None:
        return None
    named = phenotype(found)
    return GeneResult(gene.name, str(found), named.name, named.activity, diplotype=True)
