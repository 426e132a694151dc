"""Genotypes as text: star alleles, what they do, and what guidelines say about a drug because of them."""

from bedside.genome.contraindication import OPERATORS, Condition, Contraindication
from bedside.genome.diplotype import NOT_CALLABLE, Diplotype, parse_diplotype
from bedside.genome.gene import Gene, allele_table, gene, genes
from bedside.genome.guidance import ACTIONS, Action, Recommendation, Source, guidance_table, recommend
from bedside.genome.interactions import Interaction, finder, interaction_table, interactions_with
from bedside.genome.phenotype import INDETERMINATE, GeneResult, Phenotype, gene_result, phenotype

__all__ = [
    "ACTIONS",
    "INDETERMINATE",
    "NOT_CALLABLE",
    "OPERATORS",
    "Action",
    "Condition",
    "Contraindication",
    "Diplotype",
    "Gene",
    "GeneResult",
    "Interaction",
    "Phenotype",
    "Recommendation",
    "Source",
    "allele_table",
    "finder",
    "gene",
    "gene_result",
    "genes",
    "guidance_table",
    "interaction_table",
    "interactions_with",
    "parse_diplotype",
    "phenotype",
    "recommend",
]
