"""A task from another package may only name parts that the layers have."""

from __future__ import annotations

import msgspec
import pytest

from bedside.cohort import task, task_names, tasks
from bedside.cohort.diagnosis import TASK
from bedside.cohort.labels import LABELS
from bedside.cohort.measure_names import MEASURES
from bedside.errors import UsageError


class Point:
    name, value = "grading", "elsewhere:TASK"

    def __init__(self, found: object) -> None:
        self.found = found

    def load(self) -> object:
        return self.found


def test_the_same_parts_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    grading = msgspec.structs.replace(TASK, name="grading")
    monkeypatch.setattr(tasks, "_registered", lambda: (Point(grading),))
    assert task("grading") == grading


@pytest.mark.parametrize("part", ["label", "head", "loss", "measures", "floor"])
def test_a_part_that_no_layer_has_is_refused(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = msgspec.structs.replace(TASK, name="grading", **{part: "ordinal"})
    monkeypatch.setattr(tasks, "_registered", lambda: (Point(other),))
    with pytest.raises(UsageError, match=f"{part} 'ordinal'"):
        task("grading")


@pytest.mark.parametrize("part", ["label", "head", "loss", "measures", "floor"])
def test_parts_that_do_not_fit_each_other_are_refused(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = msgspec.structs.replace(TASK, name="grading", **{part: getattr(task("prognosis"), part)})
    monkeypatch.setattr(tasks, "_registered", lambda: (Point(other),))
    with pytest.raises(UsageError, match="do not fit each other"):
        task("grading")


def test_the_cohort_has_the_parts_of_each_task_and_no_others() -> None:
    own = [task(name) for name in task_names()]
    assert {one.label for one in own} == set(LABELS)
    assert {one.measures for one in own} == set(MEASURES)
