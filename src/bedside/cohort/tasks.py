"""The registry of tasks: entry points of the group ``bedside.tasks``, each a `Task`."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from bedside.cohort.diagnosis import TASK as DIAGNOSIS
from bedside.cohort.dose import TASK as DOSE
from bedside.cohort.prognosis import TASK as PROGNOSIS
from bedside.cohort.study import Task
from bedside.cohort.treatment import TASK as TREATMENT
from bedside.errors import UsageError
from bedside.sources import nearest

GROUP = "bedside.tasks"
OWN = {own.name: own for own in (DIAGNOSIS, PROGNOSIS, TREATMENT, DOSE)}
"""The tasks that bedside brings. Each layer has their parts in its registry, and no others."""

PARTS = ("label", "head", "loss", "measures", "floor")
"""They must fit each other: a classifier of who died would pass for a prognosis, and know nothing of time."""


@lru_cache(maxsize=1)
def _registered() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))  # reads the metadata of every installed package


def task_names() -> tuple[str, ...]:
    """The names of the tasks that are installed."""
    return tuple(sorted({point.name for point in _registered()} | set(OWN)))


def task(name: str) -> Task:
    """The task of this name.

    Raises
    ------
    UsageError: there is none, what is registered under the name is no task, it names a part that no layer has, or parts
        that do not fit each other.
    """
    for point in _registered():
        if point.name == name:
            found = point.load()
            if not isinstance(found, Task):
                raise UsageError(f"what is registered as task '{name}' is no Task", where=point.value)
            _refuse_unknown_parts(found, point.value)
            return found
    if name in OWN:  # a source tree that is not installed has no entry points
        return OWN[name]
    raise UsageError(f"there is no task '{name}'", remedy=nearest(name, task_names()))


def _refuse_unknown_parts(found: Task, where: str) -> None:
    """A task with a part that no layer has must not pass for one that it is not."""
    for part in PARTS:
        asked, known = getattr(found, part), sorted({getattr(own, part) for own in OWN.values()})
        if asked not in known:
            raise UsageError(
                f"the task '{found.name}' names the {part} '{asked}'",
                where=where,
                remedy=f"There is: {', '.join(known)}",
            )
    given = tuple(getattr(found, part) for part in PARTS)
    if given not in [tuple(getattr(own, part) for part in PARTS) for own in OWN.values()]:
        raise UsageError(
            f"the parts of the task '{found.name}' do not fit each other: {', '.join(given)}",
            where=where,
            remedy=f"Take {', '.join(PARTS)} from one of: {', '.join(OWN)}",
        )
