"""The registry of tasks: entry points of the group ``bedside.tasks``, each a `Task`."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from bedside.cohort.diagnosis import TASK as DIAGNOSIS
from bedside.cohort.study import Task
from bedside.cohort.study_keys import LATER_TASKS
from bedside.errors import UsageError
from bedside.sources import nearest

GROUP = "bedside.tasks"


@lru_cache(maxsize=1)
def _registered() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))  # reads the metadata of every installed package


def task_names() -> tuple[str, ...]:
    """The names of the tasks that are installed."""
    return tuple(sorted({point.name for point in _registered()} | {DIAGNOSIS.name}))


def task(name: str) -> Task:
    """The task of this name.

    Raises
    ------
    UsageError: there is none, what is registered under the name is no task, or it names a part that no layer has.
    """
    for point in _registered():
        if point.name == name:
            found = point.load()
            if not isinstance(found, Task):
                raise UsageError(f"what is registered as task '{name}' is no Task", where=point.value)
            _refuse_unknown_parts(found, point.value)
            return found
    if name == DIAGNOSIS.name:  # a source tree that is not installed has no entry points
        return DIAGNOSIS
    if name in LATER_TASKS:
        raise UsageError(f"this version does not have the task '{name}'", remedy=f"It has: {', '.join(task_names())}")
    raise UsageError(f"there is no task '{name}'", remedy=nearest(name, task_names()))


def _refuse_unknown_parts(found: Task, where: str) -> None:
    """So far every layer has the parts of diagnosis and no others; a task with another part must not pass for one."""
    for part in ("label", "head", "loss", "measures", "floor", "wording"):
        asked, known = getattr(found, part), getattr(DIAGNOSIS, part)
        if asked != known:
            raise UsageError(
                f"the task '{found.name}' names the {part} '{asked}'", where=where, remedy=f"There is: {known}"
            )
