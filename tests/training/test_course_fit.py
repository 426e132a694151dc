"""The verb fit where the question is when something happens: what is decided, what is packed, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import optuna
import pytest

from bedside.cohort import Cohort, Study, Training, ValidationPlan, task
from bedside.errors import DataError
from bedside.network import LOSSES, logits, residual
from bedside.preparation import NUMPY
from bedside.release import Course
from bedside.training import fit
from bedside.training.course import Hazards
from bedside.training.cox_floor import COX
from bedside.training.fit import asked_settings, fit_sample
from bedside.training.grid import grid
from bedside.training.heads import FLOORS, HEADS
from bedside.training.sample import Sample, sample_of
from bedside.training.tuning import tune

Made = Callable[..., Any]


def simulated(n: int, seed: int = 0, bent: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, what happened and when: a true Cox model of two competing events, `bent` away from it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    score = 0.8 * x[:, 0] - 0.5 * x[:, 1] + bent * (x[:, 2] ** 2 - 1)
    death, other = rng.exponential(6 * np.exp(-score)), rng.exponential(20 * np.exp(-0.6 * x[:, 3]))
    end = rng.uniform(2, 14, n)
    followed = np.minimum.reduce([death, other, end])
    return x, np.where(followed == death, 1, np.where(followed == other, 2, 0)), followed


def cohort(make_cohort: Made, x: np.ndarray, y: np.ndarray, followed: np.ndarray, **more: Any) -> Cohort:
    made: Cohort = replace(make_cohort(x, y), followed=followed, **more)
    return made


@pytest.fixture(scope="module")
def study(make_course_study: Made, numbers: Made) -> Study:
    made: Study = make_course_study(numbers(4), (2.0, 5.0), ("death", "transplant"), members=2, seed=3)
    return made


@pytest.fixture(scope="module")
def sample(study: Study, make_cohort: Made) -> Sample:
    return sample_of(study, cohort(make_cohort, *simulated(300)))


@pytest.fixture(scope="module")
def fitted(study: Study, make_cohort: Made) -> Any:
    return fit(study, cohort(make_cohort, *simulated(800)))


def test_the_graph_gives_cells_of_the_grid(fitted: Any, study: Study) -> None:
    x = simulated(300)[0]
    x[0], x[1], x[2] = np.nan, 1e30, -1e30
    session = ort.InferenceSession(fitted.graph(), providers=["CPUExecutionProvider"])
    names = ["probability", "distance", "incidence", "risk"]  # no spread of a course
    assert [output.name for output in session.get_outputs()] == names
    found, _, incidence, risk = session.run(names, {"values": x.astype(np.float32)})
    course = Course(
        events=("death", "transplant"),
        edges=fitted.course.edges,
        unit="a",
        horizons=(2.0, 5.0),
        decision=fitted.course.decision,
        time="time",
    )
    assert found.shape == (300, course.width)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, fitted.predict(x), atol=1e-5)
    assert (np.diff(course.risk(found), axis=1) > 0).all()
    np.testing.assert_allclose(incidence.reshape(300, 2, -1), course.incidence(found)[:, :, 1:], atol=1e-6)
    np.testing.assert_allclose(risk, course.risk(found), atol=1e-6)
    assert (fitted.quantiles, fitted.course.decision) == ((), 5.0)
    json.dumps(fitted.development, allow_nan=False)
    assert fitted.development["classes"].keys() == {"none", "death", "transplant"}


def test_the_truth_is_found(fitted: Any) -> None:
    """True risks of death within 5 years, with the other event competing, by the formula."""
    x = simulated(300, seed=9)[0]
    death, other = np.exp(0.8 * x[:, 0] - 0.5 * x[:, 1]) / 6, np.exp(0.6 * x[:, 3]) / 20
    truth = death / (death + other) * (1 - np.exp(-5 * (death + other)))
    ours = fitted.predict(x)[:, : fitted.course.edges.index(5.0)].sum(axis=1)
    assert np.corrcoef(ours, truth)[0, 1] > 0.97
    assert np.abs(ours - truth).mean() < 0.05


def test_on_data_from_a_cox_model_a_network_that_is_worse_is_not_packed(study: Study, sample: Sample) -> None:
    settings = asked_settings(study)
    assert settings is not None
    wild = replace(settings, patience=None, epochs=30, dropout=0.0, weight_decay=0.0, learning_rate=0.02)
    made = fit_sample(study, sample, wild)
    assert made.log_loss_difference is not None
    assert made.log_loss_difference > 0
    assert (made.packed, made.asked, made.members) == ("floor", "residual", 1)
    assert made.graph() == made.floor_graph()


def test_a_smaller_network_learns_from_a_larger_one(study: Study, sample: Sample) -> None:
    settings = asked_settings(study)
    assert settings is not None
    made = fit_sample(study, sample, replace(settings, distil=True, prune=0.5))
    assert made.network is not None
    assert (made.network.members.count, made.network.members.last.shape[1]) == (1, 16)
    assert abs(made.development["compression"]["log_loss_difference"]["value"]) < 0.05


def test_too_few_are_named(study: Study, make_cohort: Made) -> None:
    x, y, followed = simulated(200)
    with pytest.raises(DataError, match="0 patients to develop on are 'transplant'"):
        fit(study, cohort(make_cohort, x, np.where(y == 2, 0, y), followed))
    with pytest.raises(DataError, match=r"nobody was followed until 5: the longest follow-up is 4\.9"):
        fit(study, cohort(make_cohort, x, np.where(followed > 4.9, 0, y), np.minimum(followed, 4.9)))


def test_nobody_need_have_been_censored(study: Study, make_cohort: Made) -> None:
    x, y, followed = simulated(200)
    assert sample_of(study, cohort(make_cohort, x, np.where(y == 0, 1, y), followed)).patients == 200


def test_the_grid_has_the_horizons_and_spreads_the_events() -> None:
    rng = np.random.default_rng(0)
    followed, y = rng.exponential(5, 1000), (rng.random(1000) < 0.6).astype(np.int64)
    edges = grid(y, followed, (1.234567, 5.0))
    assert edges[0] == 0
    assert {1.234567, 5.0} <= set(edges)
    assert 20 <= len(edges) - 1 <= 28
    assert list(edges) == sorted(set(edges))
    counts = np.histogram(followed[y == 1], edges)[0]
    assert counts.min() > 10
    assert np.mean(followed >= edges[-1]) == pytest.approx(0.1, abs=0.02)
    assert all(edge == float(f"{edge:.3g}") for edge in edges if edge != 1.234567)


def test_few_events_and_few_different_times_make_a_coarse_grid() -> None:
    followed = np.repeat([1.0, 2.0, 3.0], 20)
    y = np.zeros(60, dtype=np.int64)
    y[::4] = 1
    edges = grid(y, followed, (2.0,))
    assert edges == tuple(sorted(set(edges)))
    assert edges[-1] == 3.0
    assert len(edges) <= 4
    assert grid(np.ones(60, dtype=np.int64), followed, (10.0,))[-1] == 10.0  # everybody had it: there is no more


def test_where_hazards_are_bent_the_network_is_packed(study: Study, make_cohort: Made) -> None:
    alone = msgspec.structs.replace(study, training=Training(members=1))
    made = fit(alone, cohort(make_cohort, *simulated(500, seed=2, bent=0.8)))
    assert made.packed == "residual"
    assert made.log_loss_difference is not None
    assert made.log_loss_difference < -0.02
    said = made.development
    assert said["network"]["c_harrell"]["value"] > said["floor"]["c_harrell"]["value"] + 0.02
    by_fold = np.subtract(said["network"]["log_loss_by_fold"], said["floor"]["log_loss_by_fold"])
    assert made.log_loss_difference == pytest.approx(by_fold.mean())
    bent = np.array([[0.0, 0.0, x, 0.0] for x in (-2.0, 0.0, 2.0)])
    risk = made.predict(bent)[:, : made.course.edges.index(5.0)].sum(axis=1)
    assert risk[0] > risk[1] < risk[2]


def test_the_band_is_that_of_the_out_of_fold_curves(fitted: Any) -> None:
    said = fitted.development["course"]
    assert fitted.course.band is not None
    assert said["band"] == {"half_width": fitted.course.band.half_width, "alpha": 0.1, "group": 50}
    assert 0.05 < fitted.course.band.half_width < 0.3
    assert said["edges"] == list(fitted.course.edges)
    assert [one["to"] for one in fitted.development["calibration"]["segments"]] == [2.0, 5.0, said["edges"][-1]] * 2


def test_what_is_bent_may_also_change_over_time() -> None:
    """Networks of a course are smooth in time: a shape that stays and one that rises or falls, for each event."""
    made = Hazards(2, (0.0, 1.0, 2.0, 3.0), (3.0,), 3.0, COX)
    np.testing.assert_array_equal(
        made.shapes, [[1, 1, 1, 0, 0, 0], [-1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 0, 0, -1, 0, 1]]
    )


def test_the_seed_decides_everything(study: Study, sample: Sample) -> None:
    settings = asked_settings(study)
    assert settings is not None
    quick = replace(settings, epochs=2)
    one, two = (fit_sample(study, sample, quick) for _ in range(2))
    assert one.graph() == two.graph()
    assert one.development == two.development
    other = fit_sample(msgspec.structs.replace(study, validation=ValidationPlan(seed=9)), sample, quick)
    assert other.floor_graph() != one.floor_graph()


def test_settings_are_searched_by_the_likelihood_of_the_course(sample: Sample, tmp_path: Path) -> None:
    quick = replace(residual(1), epochs=2)
    found = tune(sample, {}, quick, 2, tmp_path, (1,))
    assert found.trials == 2
    assert found.loss == pytest.approx(sample.head.losses(sample, _alike(sample)).mean(), abs=0.3)
    assert sample.followed is not None
    tune(replace(sample, followed=sample.followed * 0.9), {}, quick, 1, tmp_path, (1,))
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'tuning.db'}")
    assert len(optuna.get_all_study_summaries(storage)) == 2  # other times are another search
    storage.engine.dispose()


def _alike(sample: Sample) -> np.ndarray:
    """Cells of everybody alike."""
    nothing = np.zeros((len(sample.y), 0))
    z = logits(NUMPY, sample.head.floor.fit(nothing, sample, 1.0), nothing)[0]
    return np.asarray(sample.head.columns(NUMPY, z))


def test_every_part_of_a_task_is_in_its_registry() -> None:
    for own in (task("diagnosis"), task("prognosis")):
        assert own.head in HEADS
        assert own.floor in FLOORS
        assert own.loss in LOSSES
