"""What two alleles make of a gene, in CPIC's standard words (Caudle KE et al., Genet Med 2017;19:215-223)."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.genome.diplotype import Diplotype

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
