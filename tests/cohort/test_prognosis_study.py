"""A study that asks when something happens: its keys, its gates, and what is wrong said well."""

from __future__ import annotations

import pytest
from courses import OUTCOME, TASK, followed

from bedside.cohort import FollowUp, Gate, read_study
from bedside.errors import StudyError


def test_what_is_asked_and_when(make) -> None:
    study = read_study(make(TASK, OUTCOME, columns=followed()))
    assert study.task.name == "prognosis"
    assert study.outcome.classes == ("no event seen", "dead")
    assert (study.outcome.column, study.outcome.positive) == ("end", "dead")
    assert study.outcome.codes == {"alive": 0, "dead": 1}
    assert study.outcome.follow_up == FollowUp(time="days", unit="d", horizons=(100, 300))
    assert (study.validation.threshold, study.validation.decision) == (0.2, 300)


def test_everything_that_an_outcome_may_say(make) -> None:
    columns = followed()
    columns["end"] = ["graft" if i % 10 == 0 else "moved" if i % 10 == 1 else t for i, t in enumerate(columns["end"])]
    more = (
        "horizons = [100, 300]",
        'horizons = [100, 300]\ncompeting = { graft = "transplant" }\ncensored = ["alive", "moved"]\n'
        'name = "death"\nentry = "since"\nend = 550\n',
    )
    study = read_study(make(TASK, OUTCOME, more, ("seed = 7", "seed = 7\ndecision = 100"), columns=columns))
    assert study.outcome.classes == ("no event seen", "death", "transplant")
    assert study.outcome.positive == "death"
    assert study.outcome.codes == {"alive": 0, "moved": 0, "dead": 1, "graft": 2}
    assert study.outcome.follow_up == FollowUp(time="days", unit="d", horizons=(100, 300), entry="since", end=550)
    assert study.outcome.columns == ("end", "days", "since")
    assert study.validation.decision == 100


def test_a_code_is_no_name_for_an_event(make) -> None:
    columns = followed()
    columns["death"] = [int(text == "dead") for text in columns["end"]]
    numbered = ('event = "end"\nevent_value = "dead"', 'event = "death"\nevent_value = 1')
    assert read_study(make(TASK, OUTCOME, numbered, columns=columns)).outcome.positive == "death"


def test_a_gate_is_about_a_horizon(make) -> None:
    gates = (
        "seed = 7",
        "seed = 7\n[accept]\nc_ipcw = { min = 0.7 }\nbrier = { max = 0.2 }\nbrier_at_100 = { max = 0.1 }\n"
        'net_benefit_at_100 = { better_than = ["treat-all"] }\nsubgroups = { auc_t = { max_gap = 0.1 } }',
    )
    assert read_study(make(TASK, OUTCOME, gates, columns=followed())).gates == (
        Gate(measure="c_ipcw", min=0.7),
        Gate(measure="brier_at_300", max=0.2),
        Gate(measure="brier_at_100", max=0.1),
        Gate(measure="net_benefit_at_100", better_than=("treat-all",)),
        Gate(measure="auc_t_at_300", subgroups=True, max_gap=0.1),
    )


def test_a_bare_measure_is_about_the_decision(make) -> None:
    gates = ("seed = 7", "seed = 7\ndecision = 100\n[accept]\nici = { max = 0.1 }")
    assert read_study(make(TASK, OUTCOME, gates, columns=followed())).gates == (Gate(measure="ici_at_100", max=0.1),)


@pytest.mark.parametrize(
    ("outcome", "gate", "what"),
    [
        ('entry = "since"', "c_ipcw = { min = 0.6 }", "'c_ipcw' is not defined where patients enter late"),
        ('competing = { graft = "g" }', "d_calibration_p = { min = 0.05 }", "not defined where events compete"),
    ],
)
def test_a_gate_that_could_never_be_passed_is_refused(make, outcome: str, gate: str, what: str) -> None:
    columns = followed()
    columns["end"] = ["graft" if row % 10 == 0 else text for row, text in enumerate(columns["end"])]
    others = "" if "competing" in outcome else '\ncompeting = { graft = "g" }'
    declared = (HORIZONS, f"{HORIZONS}\n{outcome}{others}")
    gates = ("seed = 7", f"seed = 7\n[accept]\n{gate}")
    with pytest.raises(StudyError, match=what):
        read_study(make(TASK, OUTCOME, declared, gates, columns=columns))
    assert read_study(make(TASK, OUTCOME, gates, columns=followed())).gates


HORIZONS = "horizons = [100, 300]"
# what to replace, by what, a part of the message, a part of the place, a part of the remedy
WRONG = [
    ('time = "days"\n', "", "outcome.time is missing", "outcome", "Add"),
    ('time = "days"', 'time = "day"', "no column 'day'", "outcome.time", "'days'"),
    ('time = "days"', 'time = "end"', "already the outcome", "outcome.time", "another"),
    ('event = "end"', 'column = "end"', "a prognosis has no outcome.column", "outcome.column", "event"),
    ('event_value = "dead"\n', "", "which text means the event is missing", "outcome", "'dead' ("),
    ('event_value = "dead"', 'event_value = "died"', "no patient has the outcome 'died'", "event_value", "'dead' ("),
    ('unit = "d"\n', "", "outcome.unit is missing", "outcome", "Add"),
    ('unit = "d"', 'unit = "years"', "'years' is not among", "outcome.unit", "d, wk, mo, a"),
    (HORIZONS, "horizons = []", "no horizon is declared", "outcome.horizons", "365"),
    (HORIZONS, "horizons = [0, 300]", "a number above 0", "outcome.horizons", ""),
    (HORIZONS, 'horizons = ["300"]', "a number above 0", "outcome.horizons", "quotes"),
    (HORIZONS, "horizons = [300, 100]", "do not ascend", "outcome.horizons", "shortest first"),
    (HORIZONS, "horizons = [300, 300]", "do not ascend", "outcome.horizons", "once"),
    (HORIZONS, HORIZONS + "\nend = 250", "lies after the end", "outcome.horizons", "Drop"),
    (HORIZONS, HORIZONS + "\nend = 0", "cannot end at 0", "outcome.end", "after 0"),
    (HORIZONS, HORIZONS + "\nend = true", "a number belongs here", "outcome.end", ""),
    (HORIZONS, HORIZONS + '\nentry = "sinc"', "no column 'sinc'", "outcome.entry", "'since'"),
    (HORIZONS, HORIZONS + '\ncompeting = { graft = "g" }', "the event 'graft'", "outcome.competing.graft", "'dead' ("),
    (HORIZONS, HORIZONS + '\ncompeting = { dead = "g" }', "is the event asked about", "outcome.competing.dead", ""),
    (HORIZONS, HORIZONS + '\ncompeting = { alive = "dead" }', "name of something else", "outcome", "own"),
    (HORIZONS, HORIZONS + '\ncompeting = ["alive"]', "a list, not a table", "outcome.competing", ""),
    (HORIZONS, HORIZONS + '\ncensored = ["dead"]', "is an event as well", "outcome.censored", ""),
    (HORIZONS, HORIZONS + '\nname = "no event seen"', "name of something else", "outcome.name", ""),
    (HORIZONS, HORIZONS + "\npositive = 1", "a prognosis has no outcome.positive", "outcome.positive", "event_value"),
    ("seed = 7", "decision = 200", "200 is none of the horizons", "validation.decision", "100, 300"),
    ("seed = 7", "[accept]\nauroc = { min = 0.9 }", "no measure 'auroc'", "accept.auroc", ""),
    ("seed = 7", "[accept]\nbrier_at_200 = { max = 0.9 }", "'200' is no horizon", "brier_at_200", "brier_at_100"),
    ("seed = 7", "[accept]\nc_ipcw_at_100 = { min = 0.9 }", "no measure 'c_ipcw_at_100'", "accept", ""),
    ("seed = 7", "[accept]\nici = { max = 1 }\nici_at_300 = { max = 1 }", "are the same", "accept.ici", "one"),
    ("seed = 7", '[adoption]\nunknown = "abstain"', "cannot be adopted", "adoption", "Drop"),
    ("threshold = 0.2", "[accept]\nnet_benefit = { min = 0 }", "needs a threshold", "accept.net_benefit", "threshold"),
]  # fmt: skip


def test_a_decision_is_a_horizon_as_it_reads(make) -> None:
    sixth = ("horizons = [100, 300]", "horizons = [0.16666666666666666, 300]")
    study = read_study(make(TASK, OUTCOME, sixth, ("seed = 7", "decision = 0.166667"), columns=followed()))
    assert study.validation.decision == 1 / 6


@pytest.mark.parametrize(("old", "new", "what", "where", "remedy"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_wrong_is_said_with_place_and_remedy(
    make, old: str, new: str, what: str, where: str, remedy: str
) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(make(TASK, OUTCOME, (old, new), columns=followed()))
    assert what in caught.value.what
    assert where in caught.value.where
    assert remedy in caught.value.remedy


def test_a_text_that_nobody_declared_is_not_taken_for_no_event(make) -> None:
    columns = followed()
    columns["end"][5] = "moved"
    with pytest.raises(StudyError, match=r"also holds .*'moved' \(1\)"):
        read_study(make(TASK, OUTCOME, columns=columns))


@pytest.mark.parametrize("line", ["decision = 300", "[accept]\nbrier_at_3 = { max = 1 }"])
def test_a_diagnosis_has_no_horizon(make, line: str) -> None:
    with pytest.raises(StudyError, match=r"goes with a prognosis|no measure 'brier_at_3'"):
        read_study(make(("seed = 7", line)))
