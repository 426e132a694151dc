"""Who is held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.cohort import assemble, read_study, split
from bedside.errors import StudyError


def sides(path):
    study = read_study(path)
    cohort = assemble(study)
    return cohort, split(study, cohort)


def test_at_random_is_stratified_and_repeatable(make) -> None:
    cohort, parts = sides(make())
    assert sorted([*parts.development, *parts.held_out]) == list(range(200))
    assert len(parts.held_out) == 50
    rate = cohort.outcome.mean()
    assert abs(cohort.outcome[parts.held_out].mean() - rate) < 0.011
    again = sides(make())[1]
    np.testing.assert_array_equal(parts.held_out, again.held_out)
    other = sides(make(("seed = 7", "seed = 8")))[1]
    assert set(other.held_out.tolist()) != set(parts.held_out.tolist())
    assert "seed 7" in parts.description
    assert "50 rows of 50 patients" in parts.description


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), visits=st.integers(2, 7), share=st.sampled_from([0.1, 0.25, 0.5]))
def test_a_patient_is_on_one_side_only(make, patients, seed: int, visits: int, share: float) -> None:
    columns = patients() | {"pid": [f"p{i // visits}" for i in range(200)]}
    cohort, parts = sides(make(("seed = 7", f"seed = {seed}"), ("0.25", str(share)), columns=columns))
    assert not set(cohort.patient[parts.development]) & set(cohort.patient[parts.held_out])
    assert len(parts.development) + len(parts.held_out) == 200
    for index in (parts.development, parts.held_out):
        assert set(cohort.outcome[index].tolist()) == {0, 1}


def test_copies_under_other_names_stay_together(make, patients) -> None:
    columns = patients()
    for name in ("age", "chol", "sex"):
        columns[name][100:150] = columns[name][:50]
    for seed in range(3):
        _, parts = sides(make(("seed = 7", f"seed = {seed}"), columns=columns))
        held = set(parts.held_out.tolist())
        assert all((row in held) == (row + 100 in held) for row in range(50))


def test_by_site(make, patients) -> None:
    by = ("holdout = 0.25", 'by = "hospital"')
    columns = patients() | {"hospital": ["a"] * 130 + ["b"] * 45 + ["c"] * 25}
    cohort, parts = sides(make(by, columns=columns))
    assert set(cohort.site[parts.held_out]) == {"b"}  # 22.5 % of the patients
    assert len(parts.development) == 155
    named = ("holdout = 0.25", 'by = "hospital"\nheld_out = "c"')
    cohort, parts = sides(make(named, columns=columns))
    assert set(cohort.site[parts.held_out]) == {"c"}
    assert "the site 'c'" in parts.description
    with pytest.raises(StudyError, match="no site 'd'"):
        sides(make(("holdout = 0.25", 'by = "hospital"\nheld_out = "d"'), columns=columns))
    with pytest.raises(StudyError, match="one site only"):
        sides(make(by, columns={"hospital": ["a"] * 200}))


def test_a_site_with_one_class_is_not_chosen(make, patients) -> None:
    columns = patients()
    columns["hospital"] = ["a"] * 100 + ["b"] * 50 + ["c"] * 50
    columns["ill"][100:150] = ["no"] * 50
    cohort, parts = sides(make(("holdout = 0.25", 'by = "hospital"'), columns=columns))
    assert set(cohort.site[parts.held_out]) == {"c"}
    named = ("holdout = 0.25", 'by = "hospital"\nheld_out = "b"')
    with pytest.raises(StudyError, match="no held-out patient has the outcome 'yes'"):
        sides(make(named, columns=columns))


def test_patients_seen_at_two_sites_are_not_developed_with(make, patients) -> None:
    columns = patients() | {"hospital": ["a"] * 100 + ["b"] * 100, "pid": [f"p{i % 180}" for i in range(200)]}
    cohort, parts = sides(make(("holdout = 0.25", 'by = "hospital"\nheld_out = "b"'), columns=columns))
    assert not set(cohort.patient[parts.development]) & set(cohort.patient[parts.held_out])
    assert len(parts.held_out) == 100
    assert len(parts.development) == 80
    assert "20 other rows of these patients are left out" in parts.description


def test_after_a_date(make, patients) -> None:
    columns = patients()
    cohort, parts = sides(make(("holdout = 0.25", "after = 2023-01-01"), columns=columns))
    assert (cohort.time[parts.held_out] >= np.datetime64("2023-01-01")).all()
    assert (cohort.time[parts.development] < np.datetime64("2023-01-01")).all()
    with pytest.raises(StudyError, match="no held-out patient"):
        sides(make(("holdout = 0.25", "after = 2090-01-01"), columns=columns))


def test_never_an_empty_class(make) -> None:
    ill = ["no"] * 199 + ["yes"]
    with pytest.raises(StudyError, match="no held-out patient has the outcome 'yes'"):
        sides(make(columns={"ill": ill}))
