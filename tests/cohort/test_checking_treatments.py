"""What the data check says about treatments and doses: leaks, unlike arms, lost outcomes, too few patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from treatments import BINARY, DOSE, DOSE_TASK, NO_THRESHOLD, NUMBER, OVER_TIME, TASK, treated

from bedside.cohort import assemble, check, draft_study, read_study, split
from bedside.cohort.cohort import Finding
from bedside.cohort.dose_check import FOR_THE_SPREAD

TRIAL = ("better", "propensity = 0.5\nbetter")
MORE = ("[outcome]", "[predictors.more]\n[outcome]")
KIND = ("[outcome]", '[predictors.more]\ncategories = ["a", "b", "c"]\n[outcome]')


def checked(path: Path):
    study = read_study(path)
    cohort = assemble(study)
    return check(study, cohort, split(study, cohort))


def found(make, *changes: tuple[str, str], columns: dict[str, Any], rows: int = 200) -> dict[str, Finding]:
    """By code and place."""
    findings = checked(make(NO_THRESHOLD, *changes, columns=columns, rows=rows)).findings
    return {f"{one.code} {one.where}": one for one in findings}


@pytest.mark.parametrize("outcome", [BINARY, NUMBER, OVER_TIME], ids=["binary", "number", "over time"])
def test_a_sound_trial_has_no_errors(make, outcome: tuple[str, str]) -> None:
    findings = found(make, TASK, outcome, TRIAL, columns=treated())
    assert {one.severity for one in findings.values()} <= {"note", "warning"}
    assert not {key for key in findings if key.split()[0] in {"leakage", "after-treatment", "propensity-contradicted"}}
    assert "'none'" in findings["no-sample-size treatments"].text


def test_the_treatment_again(make) -> None:
    columns = treated() | {"more": [2.0 if arm == "new" else 0.0 for arm in treated()["drug"]]}
    leak = found(make, TASK, BINARY, MORE, columns=columns)["leakage more"]
    assert leak.severity == "error"
    assert "the treatment again" in leak.text
    known = ('missing = ["", "NA"]', 'missing = ["", "NA"]\nleakage_known = ["more"]')
    assert found(make, TASK, BINARY, MORE, known, columns=columns)["leakage more"].severity == "warning"


def test_what_is_known_after_one_treatment_only(make) -> None:
    columns = treated()
    columns["more"] = [f"{i / 7:.2f}" if arm == "new" else "" for i, arm in enumerate(columns["drug"])]
    assert "the treatment again" in found(make, TASK, BINARY, MORE, columns=columns)["leakage more"].text


def test_what_the_treatment_changed_is_an_error_of_a_trial_only(make) -> None:
    rng, columns = np.random.default_rng(3), treated()
    columns["more"] = [f"{rng.normal(1.2 * (arm == 'new')):.3f}" for arm in columns["drug"]]
    findings = found(make, TASK, BINARY, MORE, TRIAL, columns=columns)
    assert findings["after-treatment more"].severity == "error"
    assert "less than once in a million" in findings["after-treatment more"].text
    assert not any("treatment more" in key for key in found(make, TASK, BINARY, MORE, columns=columns))


def test_a_category_or_its_absence_may_be_what_the_treatment_changed(make) -> None:
    columns = treated()
    columns["more"] = ["ab"[(i % 4 == 0) != (arm == "new")] if i % 50 else "c" for i, arm in enumerate(columns["drug"])]
    assert "after-treatment more" in found(make, TASK, BINARY, KIND, TRIAL, columns=columns)
    columns["more"] = ["abc"[i % 3] if i % 2 == 0 or arm == "new" else "" for i, arm in enumerate(columns["drug"])]
    assert "after-treatment more" in found(make, TASK, BINARY, KIND, TRIAL, columns=columns)


def test_two_of_a_kind_are_too_few_to_tell_anything(make) -> None:
    columns = treated()
    columns["drug"] = ["new" if i < 12 else "none" for i in range(200)]
    columns["more"] = ["c" if i < 2 else "ab"[i % 2] for i in range(200)]
    seldom = ("better", "propensity = 0.06\nbetter")
    assert not any(key.endswith("treatment more") for key in found(make, TASK, NUMBER, KIND, seldom, columns=columns))


def test_chance_alone_is_seldom_worth_a_word(make) -> None:
    told = [
        key
        for seed in range(10)
        for key in found(make, TASK, BINARY, TRIAL, columns=treated(seed=seed))
        if "differs-by-treatment" in key
    ]
    assert len(told) <= 2, "10 trials at 5 % each"


def test_some_difference_is_worth_a_word(make) -> None:
    rng, columns = np.random.default_rng(4), treated()
    columns["more"] = [f"{rng.normal(0.6 * (arm == 'new')):.3f}" for arm in columns["drug"]]
    told = found(make, TASK, BINARY, MORE, TRIAL, columns=columns)["differs-by-treatment more"]
    assert told.severity in {"note", "warning"}
    assert "once in" in told.text


def test_a_table_that_contradicts_the_declared_probabilities(make) -> None:
    text = found(make, TASK, BINARY, ("better", "propensity = 0.7\nbetter"), columns=treated())
    assert "70.0% were to" in text["propensity-contradicted outcome.propensity"].text
    assert not any("contradicted" in key for key in found(make, TASK, BINARY, TRIAL, columns=treated()))


def test_outcomes_that_are_missing_after_one_treatment(make) -> None:
    columns, plain = treated(), treated()["well"]
    rows = list(enumerate(zip(columns["drug"], plain, strict=True)))
    columns["well"] = ["" if arm == "new" and row % 5 < 3 else text for row, (arm, text) in rows]
    lost = found(make, TASK, BINARY, TRIAL, columns=columns)
    assert "0% of those with 'none'" in lost["lost-by-treatment outcome"].text
    assert not any("contradicted" in key for key in lost), "who has no outcome was drawn all the same"
    columns["well"] = ["" if row % 4 == 0 else text for row, (_, text) in rows]
    assert not any("lost" in key for key in found(make, TASK, BINARY, TRIAL, columns=columns))


def test_times_that_are_missing_after_one_treatment(make) -> None:
    columns = treated()
    rows = list(enumerate(zip(columns["drug"], columns["days"], strict=True)))
    columns["days"] = ["" if arm == "new" and row % 3 == 0 else time for row, (arm, time) in rows]
    assert "lost-by-treatment outcome" in found(make, TASK, OVER_TIME, TRIAL, columns=columns)


def test_a_group_that_never_got_a_treatment(make) -> None:
    columns = treated()
    columns["more"] = ["c" if arm == "none" and i % 3 else "ab"[i % 2] for i, arm in enumerate(columns["drug"])]
    told = found(make, TASK, BINARY, KIND, columns=columns)
    given = {key: one.text for key, one in told.items() if key.startswith("never-given")}
    assert list(given) == ["never-given more = c"]
    assert "got 'new'" in given["never-given more = c"]
    columns["hospital"] = ["north" if arm == "none" else "south" for arm in columns["drug"]]
    assert "never-given site = north" in found(make, TASK, BINARY, columns=columns)


def test_too_few_with_a_treatment(make) -> None:
    columns = treated()
    columns["drug"] = ["new" if i % 20 == 0 else "none" for i in range(200)]
    few = found(make, TASK, NUMBER, columns=columns)["few-with-a-treatment treatment 'new'"]
    assert (few.severity, few.text[:2]) == ("error", "8 ")


def test_a_copy_of_the_outcome_of_a_treatment(make) -> None:
    columns = treated() | {"more": [f"{np.log(1 + walk):.4f}" for walk in treated()["walk"]]}
    assert "order of the outcome" in found(make, TASK, NUMBER, MORE, columns=columns)["leakage more"].text
    columns["more"] = ["ab"[text == "yes"] if i else "c" for i, text in enumerate(columns["well"])]
    assert "leakage more" in found(make, TASK, BINARY, KIND, columns=columns)


def test_a_dose_in_another_scale_or_in_bands(make) -> None:
    columns = treated()
    for changed in (lambda dose: dose / 7, np.sqrt, lambda dose: -dose):
        columns["more"] = [f"{changed(dose):.4f}" for dose in columns["amount"]]
        assert "order of the outcome" in found(make, DOSE_TASK, DOSE, MORE, columns=columns)["leakage more"].text
    columns["more"] = ["a" if dose < 25 else "c" if dose < 45 else "b" for dose in columns["amount"]]
    assert "order of the outcome" in found(make, DOSE_TASK, DOSE, KIND, columns=columns)["leakage more"].text


def test_a_good_predictor_of_a_dose_is_no_leak(make) -> None:
    rng, columns = np.random.default_rng(1), treated()
    columns["more"] = [f"{dose + rng.normal(0, 3):.2f}" for dose in columns["amount"]]
    assert not any(key.startswith("leakage") for key in found(make, DOSE_TASK, DOSE, MORE, columns=columns))


def test_how_many_tell_the_spread_around_a_dose() -> None:
    """Riley's figure, from the interval of a variance."""
    from scipy import stats

    def margin(degrees: int) -> float:
        low, high = stats.chi2.ppf([0.025, 0.975], degrees)
        return float(max(np.sqrt(high / degrees), np.sqrt(degrees / low)))

    assert margin(FOR_THE_SPREAD - 1) <= 1.1 < margin(FOR_THE_SPREAD - 2)


def test_too_few_for_a_dose(make) -> None:
    few = found(make, DOSE_TASK, DOSE, columns=treated())["sample-size the dose"]
    assert "takes 237, for 3 parameters" in few.text
    assert not any("sample-size" in key for key in found(make, DOSE_TASK, DOSE, columns=treated(400), rows=400))


def test_the_check_counts_treatments_and_describes_a_number(make) -> None:
    seen = checked(make(NO_THRESHOLD, TASK, NUMBER, columns=treated()))
    assert seen.treatments == {arm: treated()["drug"].count(arm) for arm in ("none", "new")}
    assert (seen.amounts.unit, seen.amounts.median) == ("m", np.median(treated()["walk"]))


@pytest.mark.parametrize(("name", "leak"), [("actg175", "cd420"), ("strep_tb", "strep_resistance")])
def test_what_was_measured_after_the_treatment_is_found_in_a_real_trial(
    data_dir: Path, tmp_path: Path, name: str, leak: str
) -> None:
    path = draft_study(data_dir / "treatment" / f"{name}.csv", "treatment", tmp_path)
    path.write_text(path.read_text().replace("# propensity", "propensity"))
    assert (leak, "after-treatment") in {(one.where, one.code) for one in checked(path).errors}


def test_the_dose_of_the_drug_is_the_treatment_again(data_dir: Path, tmp_path: Path) -> None:
    path = draft_study(data_dir / "treatment" / "strep_tb.csv", "treatment", tmp_path)
    assert "[predictors.dose_strep_g]" not in path.read_text()
    path.write_text(path.read_text().replace("[outcome]", "[predictors.dose_strep_g]\n[outcome]"))
    errors = {one.where: one.text for one in checked(path).errors}
    assert "the treatment again" in errors["dose_strep_g"]
