"""A study that asks how much of a drug: its keys, who is used, and what is wrong said well."""

from __future__ import annotations

import numpy as np
import pytest
from treatments import DOSE, DOSE_TASK, NO_THRESHOLD, treated

from bedside.cohort import Gate, Quantity, assemble, read_study, split
from bedside.errors import DataError, StudyError


def test_what_is_asked(make) -> None:
    gates = ("seed = 7", "seed = 7\n[accept]\nwithin_tolerance = { min = 0.4 }\nmae = { max = 9 }")
    study = read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, gates, columns=treated()))
    assert study.outcome.quantity == Quantity(name="warfarin", unit="mg/wk", range=(1, 200), tolerance=0.2)
    assert (study.outcome.classes, study.outcome.treatment) == ((), None)
    assert (study.validation.alpha, study.review.queue) == (0.1, ("all",))
    assert study.gates == (Gate(measure="within_tolerance", min=0.4), Gate(measure="mae", max=9))


SEED, UNIT = "seed = 7", 'unit = "mg/wk"'
WRONG = [
    ('drug = "warfarin"\n', "", "outcome.drug is missing", "outcome", "Add"),
    (UNIT, "", "outcome.unit is missing", "outcome", "Add"),
    (UNIT, 'unit = "mgs"', "mgs", "outcome.unit", "UCUM"),
    ("range = [1, 200]", "range = [0, 200]", "a dose of 0 is none", "outcome.range", "above 0"),
    ("range = [1, 200]", "range = [200, 1]", "not [lowest, highest]", "outcome.range", "ascending"),
    ('column = "amount"', 'column = "sex"', "'sex' is the outcome", "predictors.sex", "Drop"),
    ('column = "amount"', 'column = "well"', "holds no number: 'no'", "outcome.column", "number"),
    (UNIT, UNIT + "\ntolerance = 20", "between 0 and 1", "outcome.tolerance", "0.2"),
    (UNIT, UNIT + '\nbetter = "lower"', "a dose has no outcome.better", "outcome.better", "drug"),
    (SEED, SEED + "\nthreshold = 0.2", "this task gives none", "validation.threshold", "Drop"),
    (SEED, SEED + "\noverlap = 0.1", "goes with a treatment", "validation.overlap", "Drop"),
    (SEED, SEED + '\n[targets]\nnames = ["phone"]', "a dose cannot be made", "targets", "It may name: server-cpu"),
    (SEED, SEED + '\n[targets]\nnames = ["server-gpu"]', "a dose cannot be made", "targets", "It may name: server-cpu"),
    (SEED, SEED + '\n[adoption]\nunknown = "abstain"', "a model of a dose cannot be adopted", "adoption", "Drop"),
]


@pytest.mark.parametrize(("old", "new", "what", "where", "remedy"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_wrong_is_said_with_place_and_remedy(
    make, old: str, new: str, what: str, where: str, remedy: str
) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, (old, new), columns=treated()))
    assert what in caught.value.what
    assert where in caught.value.where
    assert remedy in caught.value.remedy


def test_rows_without_a_dose_are_dropped_and_counted(make) -> None:
    columns = treated()
    columns["amount"][:4] = ["", "NA", "", ""]
    cohort = assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, columns=columns)))
    assert [step.removed for step in cohort.attrition if "without an outcome" in step.step] == [4]
    assert cohort.amount.tolist() == columns["amount"][4:]
    assert cohort.arm is None


def test_one_dose_for_everybody_is_refused(make) -> None:
    columns = treated() | {"amount": [35] * 200}
    with pytest.raises(DataError, match="all 200 rows have the same outcome, 35, in the column 'amount'"):
        assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, columns=columns)))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (0, "no dose above 0 in the column 'amount'"),
        (-3, "no dose above 0"),
        (500, "outside of 1 to 200 mg/wk"),
        ("x", "no number"),
    ],
)
def test_a_dose_that_cannot_be_is_refused(make, wrong: object, what: str) -> None:
    columns = treated()
    columns["amount"][2] = wrong
    with pytest.raises(DataError, match=what):
        assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, columns=columns)))


RULES = (UNIT, UNIT + '\ncomparators = { "rule of thumb" = "thumb", "5 for all" = "fixed" }')


def test_what_other_rules_would_give(make) -> None:
    columns = treated() | {"thumb": [float(i) for i in range(200)], "fixed": [5] * 200}
    columns["thumb"][3], columns["amount"][0] = "", ""
    cohort = assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, RULES, columns=columns)))
    assert set(cohort.comparators) == {"rule of thumb", "5 for all"}
    found = cohort.take(np.array([0, 2, 1])).comparators["rule of thumb"]
    assert np.array_equal(found, [1, np.nan, 2], equal_nan=True), "0 and 300 may be what a rule gives"
    columns["thumb"][9] += 1
    assert assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, RULES, columns=columns))).digest != cohort.digest
    columns["thumb"][9] = "much"
    with pytest.raises(DataError, match="1 cell is no number in the column 'thumb'"):
        assemble(read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, RULES, columns=columns)))


def test_a_comparator_is_a_column_of_its_own(make) -> None:
    for column, what in [
        ("nothing", "no column 'nothing'"),
        ("amount", "already the outcome"),
        ("age", "'age' is the"),
    ]:
        rules = (UNIT, UNIT + f'\ncomparators = {{ thumb = "{column}" }}')
        with pytest.raises(StudyError, match=what):
            read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, rules, columns=treated()))


def test_both_sides_need_the_same_doses(make) -> None:
    study = read_study(make(DOSE_TASK, NO_THRESHOLD, DOSE, columns=treated()))
    cohort = assemble(study)
    parts = split(study, cohort)
    held = np.quantile(cohort.amount[parts.held_out], [0.25, 0.5, 0.75])
    assert held == pytest.approx(np.quantile(cohort.amount[parts.development], [0.25, 0.5, 0.75]), rel=0.1)
