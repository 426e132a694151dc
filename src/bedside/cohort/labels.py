"""The registry of label readers: how ``[outcome]`` is read, by what kind of answer a task asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.cohort.outcome_section import read_outcome
from bedside.cohort.quantity_section import read_dose
from bedside.cohort.section import Section, dotted
from bedside.cohort.study import Outcome
from bedside.cohort.time_section import read_time_to_event
from bedside.cohort.treatment_section import (
    Texts,
    read_binary_effect,
    read_effect_over_time,
    read_mean_effect,
)
from bedside.sources import nearest


@dataclass(frozen=True)
class Label:
    """How ``[outcome]`` is read.

    Attributes
    ----------
    told: the keys that name columns whose texts matter; the first one's say what happened.
    columns: further keys that name a column, each with whether it must be there.
    keys: all other keys that it takes.
    read: makes the outcome of the section and, for each key of `told`, of the texts of its column with their numbers of
        rows.
    kind: which of several kinds of outcome a task may ask about, in words; empty where there is one.
    targets: the targets that can be made, of those that bedside brings; None: all.
    compared: a key that holds a table of columns, each by a name; None: none does.
    """

    told: tuple[str, ...]
    columns: Mapping[str, bool]
    keys: tuple[str, ...]
    read: Callable[[Section, Texts], Outcome]
    kind: str = ""
    targets: tuple[str, ...] | None = None
    compared: str | None = None

    def refuse_others(self, section: Section, task: str) -> None:
        """Keys of another kind of question are refused, never ignored."""
        known = (*self.told, *self.columns, *self.keys)
        for key in section.names():
            if key not in known:
                what = f"a {task}{self.kind} has no {dotted((*section.keys, key))}"
                raise section.error(key, what, f"{nearest(key, known)} It takes: {', '.join(known)}")


CLASSES = Label(
    ("column",),
    {},
    ("positive", "negative", "classes", "names"),
    lambda section, texts: read_outcome(section, texts["column"]),
)
TIME_TO_EVENT = Label(
    ("event",),
    {"time": True, "entry": False, "end": False, "visit": False},
    ("event_value", "competing", "censored", "name", "unit", "horizons", "landmarks"),
    lambda section, texts: read_time_to_event(section, texts["event"]),
)

EXACT = ("server-cpu",)
"""Where quantities with a unit are computed: nothing with fewer bits has been held to them in this version."""

DOSE = Label(
    ("column",),
    {},
    ("drug", "unit", "range", "tolerance", "comparators"),
    read_dose,
    targets=EXACT,
    compared="comparators",
)

_ARMS = ("control", "arms", "better", "propensity")
ARMS_BINARY = Label(
    ("column", "arm"),
    {},
    ("positive", "negative", "names", *_ARMS),
    read_binary_effect,
    " with an outcome of yes and no",
    EXACT,
)
ARMS_NUMBER = Label(
    ("column", "arm"),
    {},
    ("unit", "range", "name", *_ARMS),
    read_mean_effect,
    " with an outcome that is a number",
    EXACT,
)
ARMS_OVER_TIME = Label(
    ("event", "arm"),
    {"time": True},
    ("event_value", "censored", "name", "unit", "until", *_ARMS),
    read_effect_over_time,
    " with a time to an event",
    EXACT,
)


def _arms(section: Section) -> Label:
    """By what the section names."""
    if "event" in section or "time" in section:
        return ARMS_OVER_TIME
    return ARMS_BINARY if "positive" in section else ARMS_NUMBER


LABELS: Mapping[str, Callable[[Section], Label]] = {
    "classes": lambda _: CLASSES,
    "time-to-event": lambda _: TIME_TO_EVENT,
    "arms": _arms,
    "quantity": lambda _: DOSE,
}
"""By `bedside.cohort.study.Task.label`: from ``[outcome]``, how it is read."""
