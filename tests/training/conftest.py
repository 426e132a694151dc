"""Studies and cohorts made by hand, and one fit that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from bedside.cohort import Cohort, Data, FollowUp, Outcome, Study, TargetLimits, Training, ValidationPlan, task
from bedside.sources import Reading, Schema, Variable


def _study(
    schema: Schema, classes: tuple[str, ...], *, network: str = "residual", members: int = 3, **more: Any
) -> Study:
    return Study(
        path=Path("/nowhere/study.toml"),
        digest="0" * 64,
        name="study",
        version="1.0.0",
        task=task("diagnosis"),
        intended_use="",
        population="",
        valid_until=None,
        data=Data(table=Path("table.csv")),
        schema=schema,
        scales=more.pop("scales", {}),
        outcome=Outcome(column="y", classes=classes, positive=classes[1] if len(classes) == 2 else None, codes={}),
        training=Training(network=network, members=members),
        validation=ValidationPlan(**more),
        gates=(),
        target_limits=TargetLimits(),
        targets=("server-cpu",),
    )


def _cohort(x: np.ndarray, y: np.ndarray, patient: np.ndarray | None = None) -> Cohort:
    values = np.asarray(x, dtype=np.float64)
    rows = np.arange(1, len(y) + 1)
    return Cohort(
        reading=Reading(rows=rows, values=values, problems=np.isnan(values).astype(np.uint8)),
        patient=(rows if patient is None else patient).astype(str),
        outcome=np.asarray(y, dtype=np.int64),
        site=None,
        time=None,
        attrition=(),
        digest="1" * 64,
        source_digest="2" * 64,
    )


def _course_study(
    schema: Schema, horizons: tuple[float, ...], events: tuple[str, ...] = ("death",), **more: Any
) -> Study:
    """A study that asks when something happens."""
    study = _study(schema, ("none", *events), **more)
    asked = Outcome(
        column="what",
        classes=("none", *events),
        positive=events[0],
        codes={},
        follow_up=FollowUp(time="time", unit="a", horizons=horizons),
    )
    return msgspec.structs.replace(study, task=task("prognosis"), outcome=asked)


def _numbers(count: int) -> Schema:
    return Schema(variables=tuple(Variable(name=f"v{i}", kind="number", label=f"v{i}") for i in range(count)))


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Study]:
    return _study


@pytest.fixture(scope="session")
def make_course_study() -> Callable[..., Study]:
    return _course_study


@pytest.fixture(scope="session")
def make_cohort() -> Callable[..., Cohort]:
    return _cohort


@pytest.fixture(scope="session")
def numbers() -> Callable[[int], Schema]:
    return _numbers


@pytest.fixture(scope="session")
def table() -> tuple[np.ndarray, np.ndarray]:
    """160 breast masses, 7 measurements with holes and a category of three; outcome 1 is malignant."""
    data = load_breast_cancer()
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(data.target))[:160]
    x = data.data[rows][:, [0, 1, 4, 5, 7, 10, 21]].copy()
    x[rng.random(x.shape) < 0.03] = np.nan
    category = np.clip(np.round(data.data[rows, 24] * 20 - 1.5), 0, 2)
    category[rng.random(160) < 0.05] = np.nan
    return np.column_stack([x, category]), 1 - data.target[rows]


@pytest.fixture(scope="session")
def schema(numbers: Callable[[int], Schema]) -> Schema:
    category = Variable(name="grade", kind="category", label="Grade", categories=("low", "middle", "high"))
    return Schema(variables=(*numbers(7).variables, category))


@pytest.fixture(scope="session")
def small_study(schema: Schema) -> Study:
    return _study(schema, ("benign", "malignant"), seed=4)


@pytest.fixture(scope="session")
def fitted(small_study: Study, table: tuple[np.ndarray, np.ndarray]) -> Any:
    """The small study, fitted once; the calls of ``progress`` beside it."""
    from bedside.training import fit

    calls: list[tuple[str, int, int]] = []
    return fit(small_study, _cohort(*table), progress=lambda *call: calls.append(call)), calls
