"""Phenotypes, against every diplotype of the tables that PharmCAT publishes; and the tables themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bedside.errors import DataError
from bedside.genome import (
    ACTIONS,
    INDETERMINATE,
    finder,
    gene,
    gene_result,
    genes,
    guidance_table,
    interaction_table,
    interactions_with,
    parse_diplotype,
    phenotype,
    recommend,
)


def published(data_dir: Path, kind: str, name: str) -> Any:
    suffix = "_translation.json" if kind == "definition" else ".json"
    path = data_dir / "genomics" / f"pharmcat_{kind}_{name}{suffix}"
    if not path.is_file():
        pytest.skip(f"public data not found in {path}; set BEDSIDE_DATA")
    return json.loads(path.read_text())


@pytest.mark.parametrize(("name", "count"), [("CYP2C9", 2850), ("CYP2C19", 666), ("VKORC1", 3)])
def test_every_diplotype_has_the_published_phenotype(data_dir: Path, name: str, count: int) -> None:
    rows = published(data_dir, "phenotype", name)["diplotypes"]
    assert len(rows) == count
    for row in rows:
        diplotype = parse_diplotype(gene(name), row["diplotype"])
        assert diplotype is not None
        found = phenotype(diplotype)
        assert found.name == row["phenotype"], row["diplotype"]
        score = row["activityScore"]
        assert found.activity == (None if score in (None, "n/a") else float(score)), row["diplotype"]
        if name != "VKORC1":
            assert str(diplotype) == row["diplotype"]


@pytest.mark.parametrize("name", ["CYP2C9", "CYP2C19", "VKORC1"])
def test_every_defined_allele_is_known(data_dir: Path, name: str) -> None:
    defined = {allele["name"] for allele in published(data_dir, "definition", name)["namedAlleles"]}
    judged = {allele["name"] for allele in published(data_dir, "phenotype", name)["namedAlleles"]}
    known = gene(name)
    spelled = {known.spellings[allele.upper()] for allele in defined | judged}
    assert spelled == set(known.alleles)
    if name != "VKORC1":
        assert set(known.unassigned) == defined - judged
        functions = {
            one["name"]: one["functionValue"] for one in published(data_dir, "phenotype", name)["namedAlleles"]
        }
        assert functions == {allele: function for allele, function in known.function_of.items() if function}


def test_an_allele_without_a_known_function_is_never_normal() -> None:
    for name in genes():
        known = gene(name)
        for allele, function in known.function_of.items():
            if function in (None, "Uncertain function", "Unknown function"):
                diplotype = parse_diplotype(known, f"{known.alleles[0]}/{allele}")
                assert diplotype is not None
                assert phenotype(diplotype).name == INDETERMINATE


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # Read in the guidelines themselves: Relling 2019 (table 1), Cooper-DeHoff 2022, Amstutz 2018, Gammal 2016.
        ("TPMT", "*1/*3A", "Intermediate Metabolizer"),
        ("TPMT", "*3A/*3C", "Poor Metabolizer"),
        ("TPMT", "*2/*8", "Possible Intermediate Metabolizer"),
        ("NUDT15", "*1/*3", "Intermediate Metabolizer"),
        ("NUDT15", "*2/*3", "Poor Metabolizer"),
        ("SLCO1B1", "*1/*5", "Decreased Function"),
        ("SLCO1B1", "*5/*15", "Poor Function"),
        ("SLCO1B1", "*1/*37", "Normal Function"),
        ("SLCO1B1", "C/C", "Poor Function"),
        ("UGT1A1", "*1/*28", "Intermediate Metabolizer"),
        ("UGT1A1", "*28/*28", "Poor Metabolizer"),
        ("DPYD", "Reference/c.2846A>T", "Intermediate Metabolizer"),
        ("DPYD", "*2A/*2A", "Poor Metabolizer"),
        ("DPYD", "*2A/c.2846A>T", "Poor Metabolizer"),
        ("DPYD", "c.2846A>T/HapB3", "Intermediate Metabolizer"),
        ("CYP4F2", "*1/*3", "*3 carrier"),
    ],
)
def test_phenotypes_of_genes_without_a_published_table(name: str, text: str, expected: str) -> None:
    diplotype = parse_diplotype(gene(name), text)
    assert diplotype is not None
    assert phenotype(diplotype).name == expected


def test_the_table_of_guidance_is_sound() -> None:
    """Each row is about results that the gene can have, each result has one row, each has its source."""
    table = guidance_table()
    seen: set[tuple[str, str | None, str, str]] = set()
    for row in table.rows:
        known = gene(row.gene)
        possible = set(known.phenotypes.values()) | {f"score {score}" for score in known.phenotypes if known.activity}
        for result in row.results:
            if result not in possible:
                assert str(parse_diplotype(known, result)) == result  # a diplotype in its canonical form
            for drug in row.drugs:
                key = (drug, row.indication, row.gene, result)
                assert key not in seen
                seen.add(key)
        assert row.action in ACTIONS
        assert row.source in table.sources
        assert row.text[-1] != "."
    assert {row.source for row in table.rows} == set(table.sources)
    assert {row.gene for row in table.rows} == set(genes())
    for drug in table.drugs:  # a drug has rows for its indications, or for all: never both
        assert len({row.indication is None for row in table.rows if drug in row.drugs}) == 1
        for name in {row.gene for row in table.rows if drug in row.drugs}:
            _each_phenotype_once(drug, name)


def _each_phenotype_once(drug: str, name: str) -> None:
    """A phenotype that is judged by its scores is judged without one only where all of them have the same action."""
    known = gene(name)
    for indication in guidance_table().indications(drug) or (None,):
        rows = [row for row in guidance_table().about(drug, indication) if row.gene == name]
        found = {result: (place, row.action) for place, row in enumerate(rows) for result in row.results}
        for score, named in known.phenotypes.items():
            if f"score {score}" in found and named in found:
                (place, action), (later, same) = found[f"score {score}"], found[named]
                assert place <= later and action == same


@pytest.mark.parametrize(
    ("drug", "indication", "name", "text", "action", "strength"),
    [
        ("warfarin", None, "CYP2C9", "*1/*3", "reduce", "strong"),
        ("warfarin", None, "VKORC1", "A/A", "reduce", "strong"),
        ("clopidogrel", "acute coronary syndrome or PCI", "CYP2C19", "*1/*2", "avoid", "strong"),
        ("clopidogrel", "neurovascular", "CYP2C19", "*1/*2", "alternative", "moderate"),
        ("simvastatin", None, "SLCO1B1", "*5/*5", "avoid", "strong"),
        ("simvastatin", None, "SLCO1B1", "*1/*5", "alternative", "strong"),
        ("fluorouracil", None, "DPYD", "*2A/*2A", "avoid", "strong"),
        ("capecitabine", None, "DPYD", "*1/c.2846A>T", "reduce", "moderate"),
        ("azathioprine", None, "TPMT", "*3A/*3A", "alternative", "strong"),
        ("thioguanine", None, "TPMT", "*3A/*3C", "alternative", "strong"),
        ("thioguanine", None, "NUDT15", "*2/*3", "alternative", "strong"),
        ("capecitabine", None, "DPYD", "Poor Metabolizer", "avoid", "strong"),
        ("fluorouracil", None, "DPYD", "Intermediate Metabolizer", "reduce", "moderate"),
        ("fluorouracil", None, "DPYD", "*1/*2A", "reduce", "strong"),
        ("amitriptyline", None, "CYP2C19", "*2/*2", "avoid", "moderate"),
        ("amitriptyline", None, "CYP2C19", "*17/*17", "avoid", "optional"),
        ("meloxicam", None, "CYP2C9", "*1/*3", "reduce", "moderate"),
        ("piroxicam", None, "CYP2C9", "*1/*3", "avoid", "moderate"),
        ("celecoxib", None, "CYP2C9", "*1/*2", "as usual", "moderate"),
        ("irinotecan", None, "UGT1A1", "*28/*6", "reduce", "label"),
        ("irinotecan", None, "UGT1A1", "*80+*28/*28", "reduce", "label"),
    ],
)
def test_rows_that_the_guidelines_state(
    drug: str, indication: str | None, name: str, text: str, action: str, strength: str
) -> None:
    result = gene_result(gene(name), text)
    assert result is not None
    found = recommend(guidance_table().about(drug, indication), result)
    assert found is not None
    assert (found.action, found.strength) == (action, strength)


def test_no_row_is_made_up() -> None:
    uncertain = gene_result(gene("CYP2C9"), "*1/*7")
    assert uncertain is not None
    assert recommend(guidance_table().about("warfarin"), uncertain) is None
    # Of a phenotype alone the activity score is not known: a row about the score cannot be meant.
    only = gene_result(gene("CYP2C9"), "Intermediate Metabolizer")
    assert only is not None
    assert recommend(guidance_table().about("meloxicam"), only) is None
    with pytest.raises(DataError):
        parse_diplotype(gene("CYP2C9"), "*1/*99")


def test_interactions_name_the_medication() -> None:
    table = interaction_table()
    for row in table.rows:
        assert row.source in table.sources
    assert {row.source for row in table.rows} == set(table.sources)
    assert not set(table.sources) & set(guidance_table().sources)  # one release quotes both
    record = ["Amiodarone 200 mg", "Co-trimoxazole forte", "paracetamol", "amiodarone"]
    find = finder({name for row in table.rows for name in row.others}, table.synonyms)
    found = interactions_with(table.rows, find, "warfarin", record)
    assert [name for _, name in found] == ["amiodarone", "trimethoprim-sulfamethoxazole"]
    assert {row.action for row, _ in found} == {"monitor"}
    for taken in ("CLARITHROMYCIN", "Paxlovid", "darunavir 800 mg", "Symtuza"):
        assert interactions_with(table.rows, find, "simvastatin", [taken])[0][0].action == "avoid"
    assert interactions_with(table.rows, find, "warfarin", ["diclofenac-free gel", "chlorheparinoid"]) == []
