"""The data check of a prognosis: what it says of follow-up, and what gives the time away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rotterdam
from courses import OUTCOME, TASK, followed
from lifelines import AalenJohansenFitter, KaplanMeierFitter

from bedside.cohort import assemble, check, read_study, split
from bedside.cohort.checking import DataCheck
from bedside.cohort.cohort import Finding


def checked(path: Path) -> DataCheck:
    study = read_study(path)
    cohort = assemble(study)
    return check(study, cohort, split(study, cohort))


def codes(found: DataCheck) -> dict[str, Finding]:
    return {finding.code: finding for finding in found.findings}


def test_follow_up_in_rotterdam_against_lifelines(data_dir: Path, tmp_path: Path) -> None:
    path = rotterdam.recurrence(data_dir, tmp_path)
    found, cohort = checked(path), assemble(read_study(path))
    facts = found.follow_up
    assert facts is not None
    assert facts.events == {"recurrence": 1518, "death without recurrence": 152}
    assert facts.censored == pytest.approx(1312 / 2982)
    assert facts.median == KaplanMeierFitter().fit(cohort.followed, cohort.outcome == 0).median_survival_time_
    fitter = AalenJohansenFitter(jitter_level=1e-6, seed=1, calculate_variance=False)
    with pytest.warns(Warning, match="Tied event times"):
        fitter.fit(cohort.followed, cohort.outcome, event_of_interest=1)
    curve = fitter.cumulative_density_.iloc[:, 0]
    for one in facts.horizons:
        assert one.risk == pytest.approx(float(curve[curve.index <= one.horizon].iloc[-1]), abs=1e-3)
        assert one.at_risk == int((cohort.followed >= one.horizon).sum())
    assert [one.events for one in facts.horizons] == [252, 1181]
    assert not found.errors


def test_the_time_to_relapse_gives_death_away(data_dir: Path, tmp_path: Path) -> None:
    path = rotterdam.death(data_dir, tmp_path)
    text = path.read_text().replace("[outcome]", '[predictors.rtime]\nlabel = "Days to relapse"\n\n[outcome]')
    path.write_text(text)
    found = codes(checked(path))["leakage"]
    assert (found.where, found.severity) == ("rtime", "error")
    assert "ends with the follow-up time in 48% of the patients" in found.text
    path.write_text(text.replace('missing = ["", "NA"]', 'missing = ["", "NA"]\nleakage_known = ["rtime"]'))
    assert codes(checked(path))["leakage"].severity == "warning"


def predicted(make, values: Any, *replacements: tuple[str, str], rows: int = 400, **more: Any) -> dict[str, Finding]:
    """What the check finds where cholesterol is these values."""
    columns = followed(rows) | {"chol": [round(float(value), 6) for value in values]} | more
    unlimited = ('[predictors.chol]\nunit = "mg/dL"\nrange = [50, 700]\nmissing = [0]\n', "[predictors.chol]\n")
    return codes(checked(make(TASK, OUTCOME, unlimited, *replacements, columns=columns, rows=rows)))


def test_the_follow_up_time_itself(make) -> None:
    days = np.array(followed(400)["days"])
    found = predicted(make, days / 30.4375)["leakage"]
    assert (found.where, found.severity) == ("chol", "error")
    assert "follows the follow-up time" in found.text


def test_the_order_of_the_events(make) -> None:
    days = np.array(followed(400)["days"], dtype=float)
    found = predicted(make, np.exp(-days / 40))["leakage"]
    assert "alone it tells who has 'dead' first: concordance" in found.text


def test_a_strong_prognostic_factor_is_no_leak(make) -> None:
    """Its concordance is above that of any known factor; among those who are followed on, it tells who died."""
    rng = np.random.default_rng(0)
    marker = rng.normal(0, 3, 400)
    dies = rng.exponential(np.exp(-marker) * 400).round() + 1
    leaves = np.full(400, 600)
    more = {
        "days": np.minimum(dies, leaves).astype(int).tolist(),
        "end": np.where(dies <= leaves, "dead", "alive").tolist(),
    }
    assert "leakage" not in predicted(make, marker, **more)


def test_known_only_of_those_who_died(make) -> None:
    table = followed(400)
    values = np.random.default_rng(1).normal(200, 30, 400)
    columns = table | {
        "chol": [f"{v:.0f}" if end == "dead" else "NA" for v, end in zip(values, table["end"], strict=True)]
    }
    found = codes(checked(make(TASK, OUTCOME, columns=columns, rows=400)))
    assert found["leakage"].severity == "error"


def test_groups_that_are_all_censored(make) -> None:
    table = followed(400)
    table["end"] = ["alive" if row % 3 == 1 else end for row, end in enumerate(table["end"])]
    found = codes(checked(make(TASK, OUTCOME, columns=table, rows=400)))["no-events"]
    assert found.where == "site = south"
    assert "nobody of 133 patients has 'dead'" in found.text


def test_a_competing_event_too_rare_to_learn_from(make) -> None:
    table = followed(400)
    alive = [row for row, end in enumerate(table["end"]) if end == "alive"]
    competing = (
        "horizons = [100, 300]",
        'horizons = [100, 300]\ncompeting = { graft = "transplant" }\ncensored = "alive"',
    )
    for row in alive[:4]:
        table["end"][row] = "graft"
    found = codes(checked(make(TASK, OUTCOME, competing, columns=table, rows=400)))["few-of-an-outcome"]
    assert (found.severity, found.where) == ("error", "outcome 'transplant'")
    for row in alive[4:30]:
        table["end"][row] = "graft"
    assert "few-of-an-outcome" not in codes(checked(make(TASK, OUTCOME, competing, columns=table, rows=400)))
    table["end"] = ["dead" if end == "alive" else end for end in table["end"]]
    nobody = (competing[0], competing[1].replace('\ncensored = "alive"', ""))
    assert "few-of-an-outcome" not in codes(checked(make(TASK, OUTCOME, nobody, columns=table, rows=400)))


def test_few_are_left_and_most_have_gone(make) -> None:
    table = followed(400)
    table["days"] = [min(days, 290) if row % 8 else days for row, days in enumerate(table["days"])]
    found = codes(checked(make(TASK, OUTCOME, ("[100, 300]", "[100, 295]"), columns=table, rows=400)))
    assert "horizon 295 d" in found["few-at-risk"].where
    assert "mostly-censored" not in found
    table["days"] = [min(days, 90) if row % 9 else days + 300 for row, days in enumerate(table["days"])]
    table["end"] = [
        "alive" if row % 9 and days == 90 else end
        for row, (days, end) in enumerate(zip(table["days"], table["end"], strict=True))
    ]
    found = codes(checked(make(TASK, OUTCOME, columns=table, rows=400)))
    assert "leave before 300 d" in found["mostly-censored"].text


def test_an_event_while_hardly_anybody_has_entered(make) -> None:
    table = followed(400) | {"since": [150] * 400}
    table["days"] = [row + 1 if row < 5 else 151 + days for row, days in enumerate(table["days"])]
    table["since"][:5], table["end"][:5] = [0] * 5, ["dead"] * 5
    entry = ("horizons = [100, 300]", 'horizons = [200, 300]\nentry = "since"')
    found = codes(checked(make(TASK, OUTCOME, entry, columns=table, rows=400)))["few-at-risk"]
    assert "5 patients are under observation when the first event happens, at 1 d" in found.text


def test_sample_size_by_the_rate_of_events(make) -> None:
    (facts,) = checked(make(TASK, OUTCOME, columns=followed(400), rows=400)).sample_size
    assert facts.outcome == "dead"
    assert facts.parameters == 3
    assert set(facts.criteria) == {"shrinkage", "optimism", "overall_risk"}
    assert facts.available + 100 == pytest.approx(400, abs=4)


def test_a_code_in_place_of_a_time(make) -> None:
    table = followed(400)
    table["days"][3] = table["days"][9] = 9999
    found = codes(checked(make(TASK, OUTCOME, columns=table, rows=400)))["follow-up-code"]
    assert "2 rows are followed to 9999 d, and all others to 59" in found.text
    table["days"][3] = table["days"][9] = 999.5
    assert "follow-up-code" not in codes(checked(make(TASK, OUTCOME, columns=table, rows=400)))
