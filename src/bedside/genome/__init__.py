"""Genotypes as text: star alleles, what they do, and what guidelines say about a drug because of them."""

from bedside.genome.diplotype import NOT_CALLABLE, Diplotype, parse_diplotype
from bedside.genome.gene import Gene, gene, genes
from bedside.genome.guidance import ACTIONS, Recommendation, Source, guidance_table, recommend
from bedside.genome.interactions import Interaction, interaction_table, interactions_with
from bedside.genome.phenotype import INDETERMINATE, Phenotype, phenotype

__all__ = [
    "ACTIONS",
    "INDETERMINATE",
    "NOT_CALLABLE",
    "Diplotype",
    "Gene",
    "Interaction",
    "Phenotype",
    "Recommendation",
    "Source",
    "gene",
    "genes",
    "guidance_table",
    "interaction_table",
    "interactions_with",
    "parse_diplotype",
    "phenotype",
    "recommend",
]
