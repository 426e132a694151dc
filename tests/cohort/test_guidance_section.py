"""``[guidance]`` and ``[record]``: what is declared, what is refused, and that training never sees the record."""

from __future__ import annotations

from typing import Any

import pytest

from bedside.cohort import assemble, read_study
from bedside.errors import StudyError
from bedside.genome import Condition

GUIDANCE = """
[record.CYP2C9]
gene = "CYP2C9"

[record.pregnant]
categories = ["no", "yes"]

[record.egfr]
unit = "mL/min"
range = [1, 200]

[guidance]
drug = "Warfarin"
medications = "medications"

[guidance.contraindications.pregnancy]
when = "pregnant == yes"
reason = "Warfarin harms the unborn child."
source = "COUMADIN, US prescribing information: contraindications"

[guidance.contraindications.kidney]
when = "egfr < 15"
action = "monitor"
about = ["warfarin"]
reason = "Bleeds more often"
source = "local guideline"
"""


def written(make: Any, text: str = GUIDANCE, *changes: tuple[str, str]) -> Any:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return make(("\n[outcome]", text + "\n[outcome]"))


def test_guidance_is_read(make) -> None:
    plan = read_study(written(make)).guidance
    assert plan is not None
    assert plan.drugs == {"warfarin": "warfarin"}
    assert [variable.name for variable in plan.record] == ["CYP2C9", "pregnant", "egfr"]
    assert plan.genes == ("CYP2C9",)
    assert plan.medications == "medications"
    pregnancy, kidney = plan.contraindications
    assert pregnancy.when == (Condition(text="pregnant == yes", variable="pregnant", operator="==", value="yes"),)
    assert (pregnancy.action, pregnancy.drugs) == ("avoid", ())
    assert (kidney.action, kidney.drugs, kidney.when[0].value) == ("monitor", ("warfarin",), 15)


def test_a_condition_may_look_at_a_predictor(make) -> None:
    old = '[guidance.contraindications.old]\nwhen = "age >= 80"\nreason = "r"\nsource = "s"\n'
    text = '\n[guidance]\ndrug = "warfarin"\n\n' + old
    plan = read_study(written(make, text)).guidance
    assert plan is not None
    assert plan.contraindications[0].when[0].value == 80


def test_the_record_never_reaches_training(make) -> None:
    """Not even where the table has a column of that name: it is no predictor, and nothing of it is in the cohort."""
    path = written(make)
    table = path.parent / "patients.csv"
    lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([lines[0] + ",pregnant,egfr,CYP2C9", *(f"{line},yes,9,*1/*3" for line in lines[1:])]) + "\n"
    )
    study = read_study(path)
    assert study.schema.names == ("age", "chol", "sex")
    with_record, without = assemble(study), assemble(read_study(make()))
    assert with_record.reading.values.shape[1] == 3
    assert not {"pregnant", "egfr", "CYP2C9"} & set(with_record.reading.extra)
    assert with_record.digest == without.digest


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ([('drug = "Warfarin"\n', "")], "guidance.drug", "guidance.drug is missing"),
        (
            [('"Warfarin"', '"Wafarin"'), ('["warfarin"]', '["wafarin"]')],
            "guidance.medications",
            "no interaction of wafarin",
        ),
        ([("egfr < 15", "egfr > high")], "kidney.when", "'high' is no number"),
        ([("pregnant == yes", "pregnant == maybe")], "pregnancy.when", "'maybe' is no category of pregnant"),
        ([("pregnant == yes", "pregnancy == yes")], "pregnancy.when", "there is no predictor 'pregnancy'"),
        ([('action = "monitor"', 'action = "as usual"')], "kidney.action", "'as usual' is not among its values"),
        ([('about = ["warfarin"]', 'about = ["aspirin"]')], "kidney.about", "'aspirin' is no drug of this study"),
        ([('source = "local guideline"\n', "")], "kidney.source", "is missing"),
        ([('when = "egfr < 15"', 'when = "age > 90"')], "record.egfr", "no contraindication looks at 'egfr'"),
        ([("[record.egfr]", "[record.age]")], "record.age", "'age' is a predictor already"),
        (
            [('gene = "CYP2C9"', 'gene = "CYP2C9"\ncategories = ["*1/*1", "*1/*2"]')],
            "",
            "guidance reads every genotype",
        ),
        (
            [('medications = "medications"', 'medications = "age"')],
            "guidance.medications",
            "'age' is a variable already",
        ),
        ([("[guidance]", '[targets]\nnames = ["browser"]\n\n[guidance]')], "targets.names", "nobody would see a veto"),
        ([("[guidance.contraindications.kidney]", "[guidance.contraindication.kidney]")], "", "unknown key"),
        ([('drug = "Warfarin"', 'drug = "warfarin"\ndrugs = { a = "b" }')], "guidance.drugs", "goes with the arms"),
        ([('drug = "Warfarin"', 'drug = "warfarin"\nindications = { warfarin = "x" }')], "", "tells indications"),
    ],
)
def test_what_is_wrong_is_said(make, changes: list[tuple[str, str]], where: str, said: str) -> None:
    path = written(make, GUIDANCE, *changes)
    with pytest.raises(StudyError) as caught:
        read_study(path)
    assert said in str(caught.value)
    assert where in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\n[guidance]\ndrug = "wafarin"\n', "nothing is known of 'wafarin'. Did you mean 'warfarin'?"),
        ('\n[guidance]\ndrug = "simvastatin"\n', "judge simvastatin by SLCO1B1, which no variable states"),
        ('\n[record.CYP2C19]\ngene = "CYP2C19"\n\n[guidance]\ndrug = "clopidogrel"\n', "judge clopidogrel differently"),
        ('\n[record.CYP2C19]\ngene = "CYP2C19"\n', "a record is for guidance, and there is no [guidance]"),
    ],
)
def test_guidance_that_could_never_say_anything_is_refused(make, text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(written(make, text))
    assert said in str(caught.value)


def test_the_drug_of_a_dose_need_not_be_named_twice(make) -> None:
    text = GUIDANCE.replace('drug = "Warfarin"\n', "")
    path = written(make, text)
    outcome = '[outcome]\ncolumn = "chol"\ndrug = "Warfarin"\nunit = "mg/wk"\ntolerance = 0.2\n'
    study = path.read_text()
    head, rest = study[: study.index("[outcome]")], study[study.index("[validation]") :]
    head = head.replace('task = "diagnosis"', 'task = "dose"')
    head = head.replace('[predictors.chol]\nunit = "mg/dL"\nrange = [50, 700]\nmissing = [0]\n', "")
    path.write_text(head + outcome + rest.replace("threshold = 0.2\n", ""))
    plan = read_study(path).guidance
    assert plan is not None
    assert plan.drugs == {"warfarin": "warfarin"}


def of_arms(make: Any, drugs: str, more: str = "") -> Any:
    """A trial of two arms, with guidance about them."""
    gene = '\n[record.CYP2C19]\ngene = "CYP2C19"\n'
    path = make(
        ('task = "diagnosis"', 'task = "treatment"'),
        ('positive = "yes"', 'positive = "yes"\narm = "arm"\ncontrol = "old"\nbetter = "lower"\npropensity = 0.5'),
        ("threshold = 0.2\n", ""),
        ("\n[outcome]", f"{gene}\n[guidance]\ndrugs = {drugs}\n{more}\n[outcome]"),
        columns={"arm": [("old", "new")[i % 2] for i in range(200)]},
    )
    return read_study(path).guidance


def test_each_arm_has_its_drug(make) -> None:
    plan = of_arms(make, '{ new = "Clopidogrel" }', 'indications = { clopidogrel = "neurovascular" }')
    assert plan.drugs == {"new": "clopidogrel"}
    assert plan.indications == {"clopidogrel": "neurovascular"}


@pytest.mark.parametrize(
    ("drugs", "more", "said"),
    [
        ('{ newer = "clopidogrel" }', "", "there is no arm 'newer'"),
        ('{ new = "clopidogrel" }', "", "guidelines judge clopidogrel differently in different patients"),
        ('{ new = "clopidogrel" }', 'indications = { clopidogrel = "x" }', "'x' is not among its values"),
        ('{ new = "clopidogrel" }', 'drug = "clopidogrel"', "a treatment has a drug for each arm"),
        ("{}", "", "no arm is named"),
    ],
)
def test_what_is_wrong_with_arms_is_said(make, drugs: str, more: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        of_arms(make, drugs, more)
    assert said in str(caught.value)


def test_of_two_variables_that_state_one_gene_none_may_go_unheard(make) -> None:
    twice = 'gene = "CYP2C9"\n\n[record.laboratory]\ngene = "CYP2C9"\n'
    with pytest.raises(StudyError, match="'CYP2C9' and 'laboratory' both state CYP2C9"):
        read_study(written(make, GUIDANCE, ('gene = "CYP2C9"\n', twice)))


def test_what_is_asked_for_must_be_able_to_say_something(make) -> None:
    """A misspelt drug has no statements; that its medications and genes are asked for would look like an all-clear."""
    misspelt, silent = ('drug = "Warfarin"', 'drug = "warfarine"'), ('medications = "medications"\n', "")
    kidney = ('about = ["warfarin"]\n', "")
    with pytest.raises(StudyError, match="no interaction of warfarine is in the table"):
        read_study(written(make, GUIDANCE, misspelt, kidney))
    with pytest.raises(StudyError, match="no guideline in the table judges warfarine by CYP2C9"):
        read_study(written(make, GUIDANCE, misspelt, kidney, silent))
    no_gene = ('[record.CYP2C9]\ngene = "CYP2C9"\n', "")
    alone = read_study(written(make, GUIDANCE, misspelt, kidney, silent, no_gene)).guidance
    assert alone is not None, "with contraindications of its own, a drug that no table knows may stand"
