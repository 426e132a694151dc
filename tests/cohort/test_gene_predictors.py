"""``gene`` in a study: canonical categories, and what the data check says of genotypes that it cannot use."""

from __future__ import annotations

import numpy as np
import pytest

from bedside.cohort import assemble, check, read_study, split
from bedside.errors import StudyError
from bedside.sources import Problem

GENE = '\n[predictors.CYP2C9]\ngene = "CYP2C9"\ncategories = ["*1/*1", "*3/*1", "*2/*1"]\n'


def with_gene(make, gene: str = GENE):
    texts = ["*1/*1", "*1/*3", "*3/*1", "*2/*1", "*1/*99", "*5/*6", "Unknown", ""]
    columns = {"CYP2C9": [texts[i % len(texts)] for i in range(200)]}
    return make(("\n[outcome]", gene + "\n[outcome]"), columns=columns)


def test_categories_are_canonical_and_cells_find_them(make) -> None:
    study = read_study(with_gene(make))
    variable = study.schema["CYP2C9"]
    assert variable.categories == ("*1/*1", "*1/*3", "*1/*2")
    cohort = assemble(study)
    codes = cohort.reading.values[:, study.schema.names.index("CYP2C9")]
    rows = len(codes)
    assert [int((codes == code).sum()) for code in range(3)] == [rows // 8, rows // 4, rows // 8]
    assert int(np.isnan(codes).sum()) == rows // 2
    facts = check(study, cohort, split(study, cohort))
    one = next(one for one in facts.missingness if one.variable == "CYP2C9")
    assert (one.not_callable, one.other_genotype) == (rows // 8, rows // 8)
    assert {"not-callable", "other-genotype"} <= {finding.code for finding in facts.findings}
    assert Problem.UNKNOWN_CATEGORY not in cohort.reading.problems


def test_a_condition_may_write_a_genotype_in_another_way(make) -> None:
    path = with_gene(make)
    path.write_text(path.read_text() + 'subgroups = ["CYP2C9 == *3/*1"]\n')
    (group,) = read_study(path).validation.subgroups
    assert group.value == "*1/*3"


@pytest.mark.parametrize(
    ("gene", "said"),
    [
        ('gene = "CYP2C99"\ncategories = ["*1/*1", "*1/*3"]', "there is no gene 'CYP2C99'"),
        ('gene = "CYP2C9"', "a genotype needs its categories"),
        ('gene = "CYP2C9"\ncategories = ["*1/*1", "*1/*99"]', "'*99' in '*1/*99' is no known allele"),
        ('gene = "CYP2C9"\ncategories = ["*1/*3", "*3/*1"]', "'*3/*1' is *1/*3, which is listed already"),
        ('gene = "CYP2C9"\ncategories = ["*1/*1", "Poor Metabolizer"]', "is a phenotype, and others are diplotypes"),
        ('gene = "CYP2C9"\ncategories = ["*1/*1", "unknown"]', "means that nothing was called"),
    ],
)
def test_what_is_wrong_is_said(make, gene: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(with_gene(make, f"\n[predictors.CYP2C9]\n{gene}\n"))
    assert said in str(caught.value)
    assert "predictors.CYP2C9" in str(caught.value)
