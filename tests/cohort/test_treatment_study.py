"""A study that asks which treatment: its keys, its gates, who is used, and what is wrong said well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from treatments import BINARY, NO_THRESHOLD, NUMBER, OVER_TIME, TASK, treated

from bedside.cohort import Gate, Quantity, Treatment, assemble, read_study, split
from bedside.errors import DataError, StudyError

THREE = ("none", "old", "new")


def test_an_outcome_of_yes_and_no(make) -> None:
    outcome = read_study(make(TASK, NO_THRESHOLD, BINARY, columns=treated())).outcome
    assert (outcome.classes, outcome.positive, outcome.codes) == (("no", "yes"), "yes", {"no": 0, "yes": 1})
    assert outcome.treatment == Treatment(
        column="drug", arms=("none", "new"), codes={"none": 0, "new": 1}, better="higher", propensity=None
    )
    assert not outcome.treatment.randomised
    assert outcome.columns == ("well", "drug")


def test_an_outcome_that_is_a_number(make) -> None:
    outcome = read_study(make(TASK, NO_THRESHOLD, NUMBER, columns=treated())).outcome
    assert outcome.quantity == Quantity(name="six-minute walk", unit="m", range=(0, 900))
    assert (outcome.classes, outcome.positive, outcome.follow_up) == ((), None, None)


def test_a_time_to_an_event(make) -> None:
    outcome = read_study(make(TASK, NO_THRESHOLD, OVER_TIME, columns=treated())).outcome
    assert outcome.classes == ("no event seen", "dead")
    assert outcome.horizons == (300,)
    assert outcome.columns == ("end", "days", "drug")


def test_what_holds_where_the_study_says_nothing(make) -> None:
    study = read_study(make(TASK, NO_THRESHOLD, BINARY, columns=treated()))
    assert study.validation.alpha == 0.05
    assert study.validation.threshold is None
    assert study.outcome.treatment.overlap == 0.05
    assert study.review.queue == ("all",)


def test_a_trial_says_how_probable_each_arm_was(make) -> None:
    odds = "propensity = { new = 0.5, none = 0.25, old = 0.25 }"
    names = ("better", f'{odds}\narms = {{ new = "B", old = "A", none = "-" }}\nbetter')
    more = ("seed = 7", "seed = 7\noverlap = 0.1")
    treatment = read_study(make(TASK, NO_THRESHOLD, BINARY, names, more, columns=treated(arms=THREE))).outcome.treatment
    assert treatment.arms == ("-", "B", "A")
    assert treatment.codes == {"none": 0, "new": 1, "old": 2}
    assert treatment.propensity == (0.25, 0.5, 0.25)
    assert (treatment.randomised, treatment.overlap) == (True, 0.1)


def test_one_probability_is_that_of_the_other_arm(make) -> None:
    odds = ("better", "propensity = 0.75\nbetter")
    treatment = read_study(make(TASK, NO_THRESHOLD, BINARY, odds, columns=treated())).outcome.treatment
    assert treatment.propensity == (0.25, 0.75)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3))
def test_declared_probabilities_sum_to_1_however_they_are_rounded(make, weights: list[float]) -> None:
    shares = [round(weight / sum(weights), 3) for weight in weights]
    odds = ", ".join(f"{arm} = {share}" for arm, share in zip(THREE, shares, strict=True))
    text = ("better", f"propensity = {{ {odds} }}\nbetter")
    found = read_study(make(TASK, NO_THRESHOLD, BINARY, text, columns=treated(arms=THREE))).outcome.treatment
    assert sum(found.propensity) == pytest.approx(1, abs=1e-12)
    by_text = dict(zip(found.codes, found.propensity, strict=True))
    assert [by_text[arm] for arm in THREE] == pytest.approx(shares, abs=0.002)


def test_a_gate_may_be_about_one_treatment(make) -> None:
    gates = (
        "seed = 7",
        'seed = 7\n[accept]\npolicy_gain = { min = 0, bound = "low" }\n"policy_gain:none" = { min = 0 }\n'
        '"policy_gain:current-practice" = { min = 0 }\n"average_effect:new" = { min = 0.1 }\noverlap = { min = 0.9 }',
    )
    assert read_study(make(TASK, NO_THRESHOLD, BINARY, gates, columns=treated())).gates == (
        Gate(measure="policy_gain", min=0, bound="low"),
        Gate(measure="policy_gain:none", min=0),
        Gate(measure="policy_gain:current-practice", min=0),
        Gate(measure="average_effect:new", min=0.1),
        Gate(measure="overlap", min=0.9),
    )


SEED, BETTER = "seed = 7", 'better = "higher"'
# what to replace, by what, a part of the message, a part of the place, a part of the remedy
WRONG = [
    ('arm = "drug"\n', "", "outcome.arm is missing", "outcome", "Add"),
    ('arm = "drug"', 'arm = "drugs"', "no column 'drugs'", "outcome.arm", "'drug'"),
    ('arm = "drug"', 'arm = "well"', "already the outcome", "outcome.arm", "another"),
    ('arm = "drug"', 'arm = "walk"', "different texts, and at most 10", "outcome.arm", "which treatment"),
    ('arm = "drug"', 'arm = "sex"', "'sex' is the treatment", "predictors.sex", "Drop"),
    ('control = "none"\n', "", "compared with is missing", "outcome", "new, none"),
    ('control = "none"', 'control = "placebo"', "'placebo' is none of the treatments", "outcome.control", "none"),
    (BETTER, "", "outcome.better is missing", "outcome", "Add"),
    (BETTER, 'better = "more"', "'more' is not among", "outcome.better", "lower, higher"),
    (BETTER, BETTER + "\nunit = \"m\"", "outcome of yes and no has no outcome.unit", "outcome.unit", "positive"),
    (BETTER, BETTER + '\nclasses = ["a"]', "has no outcome.classes", "outcome.classes", "positive"),
    (BETTER, BETTER + '\narms = { none = "A" }', "also holds 'new'", "outcome.arms", "Name each"),
    (BETTER, BETTER + '\narms = { none = "A", new = "A" }', "names two treatments", "outcome.arms", "of its own"),
    (BETTER, BETTER + '\narms = { no = "A", new = "B" }', "nobody got the treatment 'no'", "outcome.arms", "'none' ("),
    (BETTER, BETTER + "\npropensity = 1", "does not lie between 0 and 1", "outcome.propensity", "0.2"),
    (BETTER, BETTER + "\npropensity = { new = 0.5 }", "no probability for: none", "outcome.propensity", "Each"),
    (BETTER, BETTER + "\npropensity = { new = 0.5, none = 0.4 }", "sum to 0.9, not to 1", "outcome.propensity", "one"),
    (BETTER, BETTER + "\npropensity = { new = 0.5, no = 0.5 }", "'no' is none", "outcome.propensity", "none"),
    ('positive = "yes"\n', "", "what the outcome means is missing", "outcome", "unit"),
    (SEED, SEED + "\nthreshold = 0.2", "this task gives none", "validation.threshold", "Drop"),
    (SEED, SEED + "\ndecision = 300", "goes with a prognosis", "validation.decision", "Drop"),
    (BETTER, BETTER + "\npropensity = 1e-12", "would be judged that 1e-12 of", "validation", "left out"),
    (SEED, SEED + "\noverlap = 0.5", "no treatment would be judged", "validation.overlap", "0.05"),
    (SEED, SEED + "\n[accept]\nauroc = { min = 0.9 }", "no measure 'auroc'", "accept.auroc", ""),
    (SEED, SEED + "\n[accept]\naverage_effect = { min = 0 }", "each treatment only", "accept", "average_effect:new"),
    (SEED, SEED + '\n[accept]\n"average_effect:none" = { min = 0 }', "no measure", "accept", "average_effect:new"),
    (SEED, SEED + '\n[accept]\n"autoc:new" = { min = 0 }', "no measure 'autoc:new'", "accept", "autoc"),
    (SEED, SEED + '\n[adoption]\nunknown = "abstain"', "cannot be adopted", "adoption", "Drop"),
    (SEED, SEED + '\n[targets]\nnames = ["browser"]', "made for the target", "targets", "It may name: server-cpu"),
    (SEED, SEED + '\n[targets]\nnames = ["server-cpu-int8"]', "'server-cpu-int8' in this version", "targets", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "what", "where", "remedy"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_wrong_is_said_with_place_and_remedy(
    make, old: str, new: str, what: str, where: str, remedy: str
) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(make(TASK, NO_THRESHOLD, BINARY, (old, new), columns=treated()))
    assert what in caught.value.what
    assert where in caught.value.where
    assert remedy in caught.value.remedy


def test_one_probability_is_not_enough_for_three_arms(make) -> None:
    with pytest.raises(StudyError, match="one probability does not say"):
        read_study(
            make(TASK, NO_THRESHOLD, BINARY, ("better", "propensity = 0.5\nbetter"), columns=treated(arms=THREE))
        )


@pytest.mark.parametrize("name", ["current-practice", "best-estimate"])
def test_an_arm_is_not_called_as_what_measures_compare_with(make, name: str) -> None:
    named = (BETTER, f'arms = {{ none = "nothing", new = "{name}" }}\n{BETTER}')
    with pytest.raises(StudyError, match=f"called '{name}', which means something else") as caught:
        read_study(make(TASK, NO_THRESHOLD, BINARY, named, columns=treated()))
    assert "outcome.arms" in caught.value.where
    with pytest.raises(StudyError, match="means something else"):
        read_study(make(TASK, NO_THRESHOLD, BINARY, columns=treated(arms=("none", name))))


@pytest.mark.parametrize("until", ["", "until = 0\n", "until = -5\n"])
def test_a_limit_that_is_none(make, until: str) -> None:
    with pytest.raises(StudyError, match=r"limit of the time is missing|is none"):
        read_study(make(TASK, NO_THRESHOLD, OVER_TIME, ("until = 300\n", until), columns=treated()))


def test_rows_without_treatment_or_outcome_are_dropped_and_counted(make) -> None:
    columns = treated()
    columns["drug"][:3], columns["well"][3:8] = ["", "NA", ""], [""] * 5
    cohort = assemble(read_study(make(TASK, NO_THRESHOLD, BINARY, columns=columns)))
    steps = {step.step: step.removed for step in cohort.attrition}
    assert steps["after dropping rows without an outcome"] == 5
    assert steps["after dropping rows without a treatment"] == 3
    assert len(cohort) == 192
    assert cohort.arm.tolist() == [int(text == "new") for text in columns["drug"][8:]]


def test_a_number_is_read_as_it_stands(make) -> None:
    columns = treated()
    columns["walk"][0] = ""
    cohort = assemble(read_study(make(TASK, NO_THRESHOLD, NUMBER, columns=columns)))
    assert cohort.amount.tolist() == columns["walk"][1:]
    assert set(cohort.outcome.tolist()) == {0}
    assert cohort.take(np.array([3, 1])).amount.tolist() == [columns["walk"][4], columns["walk"][2]]


def test_a_number_that_is_the_same_for_everybody_is_refused(make) -> None:
    columns = treated() | {"walk": [400.0] * 199 + [""]}
    with pytest.raises(DataError, match="all 199 rows have the same outcome, 400, in the column 'walk'"):
        assemble(read_study(make(TASK, NO_THRESHOLD, NUMBER, columns=columns)))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("far", r"1 cell is no number in the column 'walk': row 3.*'far'"),
        ("4,5", r"no number in the column 'walk'"),
        (901, r"1 cell is outside of 0 to 900 m in the column 'walk'"),
        (-1, r"outside of 0 to 900 m"),
        (1e300, r"beyond 1e\+12 in the column 'walk'"),
    ],
)
def test_a_number_that_cannot_be_is_refused(make, wrong: object, what: str) -> None:
    columns = treated()
    columns["walk"][2] = wrong
    with pytest.raises(DataError, match=what):
        assemble(read_study(make(TASK, NO_THRESHOLD, NUMBER, columns=columns)))


def test_a_patient_is_treated_once(make) -> None:
    twice = {"pid": ["p1", "p1", *(f"p{i}" for i in range(2, 200))]}
    with pytest.raises(DataError, match="1 of 199 patients have several rows, and a treatment counts once"):
        assemble(read_study(make(TASK, NO_THRESHOLD, BINARY, columns=treated() | twice)))


def test_every_arm_is_followed_to_the_limit(make) -> None:
    columns = treated()
    both = columns["drug"], columns["days"]
    columns["days"] = [min(day, 250) if arm == "new" else day for arm, day in zip(*both, strict=True)]
    with pytest.raises(DataError, match="300 d is out of reach: 0 of") as caught:
        assemble(read_study(make(TASK, NO_THRESHOLD, OVER_TIME, columns=columns)))
    assert "treatment 'new'" in caught.value.where


@pytest.mark.parametrize("outcome", [BINARY, NUMBER, OVER_TIME], ids=["binary", "number", "over time"])
@pytest.mark.parametrize("seed", [1, 7])
def test_both_sides_were_treated_alike(make, outcome: tuple[str, str], seed: int) -> None:
    columns = treated(arms=THREE)
    study = read_study(make(TASK, NO_THRESHOLD, outcome, (SEED, f"seed = {seed}"), columns=columns))
    cohort = assemble(study)
    parts = split(study, cohort)
    strata = cohort.arm * 2 + cohort.outcome
    for stratum in np.unique(strata):
        held = (strata[parts.held_out] == stratum).sum() / (strata == stratum).sum()
        assert held == pytest.approx(0.25, abs=0.06), "the quarters of a stratum are rounded each for itself"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), rare=st.integers(2, 30), share=st.sampled_from([0.1, 0.25, 0.5]))
def test_no_treatment_vanishes_from_either_side(make, seed: int, rare: int, share: float) -> None:
    rng, columns = np.random.default_rng(seed), treated(seed=seed, arms=THREE)
    few = set(rng.permutation(200)[:rare].tolist())
    columns["drug"] = ["new" if i in few else "old" if arm == "new" else arm for i, arm in enumerate(columns["drug"])]
    changes = (SEED, f"seed = {seed}"), ("0.25", str(share))
    study = read_study(make(TASK, NO_THRESHOLD, NUMBER, *changes, columns=columns))
    cohort = assemble(study)
    parts = split(study, cohort)
    assert set(cohort.arm[parts.held_out].tolist()) == set(cohort.arm[parts.development].tolist()) == {0, 1, 2}
    assert sorted([*parts.development.tolist(), *parts.held_out.tolist()]) == list(range(200))


def test_a_text_of_the_events_that_is_not_declared(make) -> None:
    columns = treated()
    columns["end"] = ["moved" if i % 9 == 0 else text for i, text in enumerate(columns["end"])]
    with pytest.raises(StudyError, match="also holds 'alive'") as caught:
        read_study(make(TASK, NO_THRESHOLD, OVER_TIME, columns=columns))
    assert "competing" not in caught.value.remedy, "no key of a treatment"


def test_a_rare_treatment_is_on_both_sides(make) -> None:
    columns = treated()
    columns["drug"] = ["new" if i in (7, 90) else "none" for i in range(200)]
    columns["well"] = ["yes" if i in (7, 90) or i % 3 == 0 else "no" for i in range(200)]
    study = read_study(make(TASK, NO_THRESHOLD, BINARY, columns=columns))
    cohort = assemble(study)
    parts = split(study, cohort)
    assert set(cohort.arm[parts.held_out].tolist()) == set(cohort.arm[parts.development].tolist()) == {0, 1}


def test_a_site_where_nobody_got_an_arm_is_not_held_out(make) -> None:
    columns = treated()
    hospitals = ["north", "south", "west"]
    columns["drug"] = ["none" if i % 3 == 0 else arm for i, arm in enumerate(columns["drug"])]
    by_site = ("holdout = 0.25", 'by = "hospital"')
    study = read_study(make(TASK, NO_THRESHOLD, BINARY, by_site, columns=columns))
    cohort = assemble(study)
    assert set(cohort.site[split(study, cohort).held_out].tolist()) <= {"south", "west"}
    named = (by_site[0], f'{by_site[1]}\nheld_out = "{hospitals[0]}"')
    with pytest.raises(StudyError, match="no held-out patient got 'new'"):
        refused = read_study(make(TASK, NO_THRESHOLD, BINARY, named, columns=columns))
        split(refused, assemble(refused))
