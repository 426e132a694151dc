"""The registry of label readers: how ``[outcome]`` is read, by what kind of answer a task asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.cohort.outcome_section import read_outcome
from bedside.cohort.section import Section, dotted
from bedside.cohort.study import Outcome
from bedside.cohort.time_section import read_time_to_event
from bedside.sources import nearest


@dataclass(frozen=True)
class Label:
    """How ``[outcome]`` is read.

    Attributes
    ----------
    column: the key that names the column whose texts say what happened.
    columns: further keys that name a column, each with whether it must be there.
    keys: all other keys that it takes.
    read: makes the outcome of the section and of the texts of `column`, with their numbers of rows.
    """

    column: str
    columns: Mapping[str, bool]
    keys: tuple[str, ...]
    read: Callable[[Section, Mapping[str, int]], Outcome]

    def refuse_others(self, section: Section, task: str) -> None:
        """Keys of another kind of question are refused, never ignored."""
        known = (self.column, *self.columns, *self.keys)
        for key in section.names():
            if key not in known:
                what = f"a {task} has no {dotted((*section.keys, key))}"
                raise section.error(key, what, f"{nearest(key, known)} It takes: {', '.join(known)}")


LABELS: dict[str, Label] = {
    "classes": Label("column", {}, ("positive", "negative", "classes", "names"), read_outcome),
    "time-to-event": Label(
        "event",
        {"time": True, "entry": False, "end": False, "visit": False},
        ("event_value", "competing", "censored", "name", "unit", "horizons", "landmarks"),
        read_time_to_event,
    ),
}
"""By `bedside.cohort.study.Task.label`."""
