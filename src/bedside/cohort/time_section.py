"""``[outcome]`` of a study file, for a task that asks when something happens."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import msgspec

from bedside.cohort.landmark_section import read_landmarks
from bedside.cohort.outcome_section import listed_texts, texts_of
from bedside.cohort.section import Section
from bedside.cohort.study import FollowUp, Outcome
from bedside.sources import as_text, number_in

NO_EVENT = "no event seen"
"""The class of patients who were followed to the end of their follow-up, and nothing had happened."""

UNITS = ("d", "wk", "mo", "a")
"""UCUM units of time to an event: day, week, month (30.4375 d), year (365.25 d)."""


def read_time_to_event(section: Section, counts: Mapping[str, int]) -> Outcome:
    """What each text of the event column means, and at which horizons it is asked about.

    Parameters and errors as for `read_events`.

    Raises
    ------
    StudyError: also horizons that do not ascend from above 0, and landmarks without visits.
    """
    events = read_events(section, counts)
    return msgspec.structs.replace(events, follow_up=_follow_up(section))


def read_events(section: Section, counts: Mapping[str, int]) -> Outcome:
    """What each text of the event column means; without times.

    Parameters
    ----------
    section: ``[outcome]``.
    counts: the texts of the event column, missing ones left out, with their numbers of rows.

    Raises
    ------
    StudyError: an event that no patient has, or a text of the column that is not declared.
    """
    column = section.text("event")
    if not counts:
        raise section.error("event", f"the column '{column}' is empty", "Name the column that says what happened")
    if "event_value" not in section:
        remedy = f'Write event_value = "..."; the column holds {listed_texts(counts)}'
        raise section.error("event_value", "which text means the event is missing", remedy)
    asked = texts_of(section, "event_value", counts)
    competing = _competing(section, counts, asked)
    name = _name(section, column, asked)
    names = tuple(dict.fromkeys(competing.values()))
    for taken in (*names, NO_EVENT):
        if name == taken:
            raise section.error("name", f"'{name}' is also the name of something else", "Each event needs its own")
    codes = {text: 2 + names.index(event) for text, event in competing.items()} | dict.fromkeys(asked, 1)
    codes |= dict.fromkeys(_censored(section, counts, codes), 0)
    return Outcome(column=column, classes=(NO_EVENT, name, *names), positive=name, codes=codes)


def _competing(section: Section, counts: Mapping[str, int], asked: tuple[str, ...]) -> dict[str, str]:
    """Text of the event column → name of the event."""
    table = section.below("competing")
    found: dict[str, str] = {}
    for key in table.names():
        text, name = as_text(key), table.text(key)
        if text not in counts:
            raise table.error(key, f"no patient has the event '{text}'", f"The column holds {listed_texts(counts)}")
        if text in asked:
            raise table.error(key, f"'{text}' is the event asked about", "Drop it from one of them")
        if name == NO_EVENT:
            raise table.error(key, f"'{name}' cannot be the name of an event", "Name what happened")
        found[text] = name
    return found


def _name(section: Section, column: str, asked: tuple[str, ...]) -> str:
    word = asked[0] if len(asked) == 1 and number_in(asked[0]) is None else column
    return section.optional_text("name") or word


def _censored(section: Section, counts: Mapping[str, int], events: Mapping[str, int]) -> tuple[str, ...]:
    rest = tuple(text for text in counts if text not in events)
    if "censored" not in section and len(rest) <= 1:
        return rest
    censored = texts_of(section, "censored", counts) if "censored" in section else ()
    for text in censored:
        if text in events:
            raise section.error("censored", f"'{text}' is an event as well", "Drop it from one of them")
    unclaimed = [text for text in rest if text not in censored]
    if unclaimed:
        listed = ", ".join(f"'{text}' ({counts[text]})" for text in unclaimed[:8])
        written = ", ".join(f'"{text}"' for text in unclaimed[:8])
        # What ends the time that is averaged is one event, whatever it is.
        others = "event_value" if "arm" in section else "event_value or competing"
        raise section.error(
            "event",
            f"the event column also holds {listed}, and it is not said what they mean",
            f"Add censored = [{written}] if they mean that no event was seen, list them under {others}, "
            "or name them in [data] missing if they mean not known",
        )
    return censored


def _follow_up(section: Section) -> FollowUp:
    end = section.values.get("end")
    numeric = "end" in section and not isinstance(end, str)
    last = section.number("end") if numeric else None
    if last is not None and last <= 0:
        raise section.error("end", f"follow-up cannot end at {last:g}", "Write a time after 0, or a column's name")
    horizons = _horizons(section)
    if last is not None and horizons[-1] > last:
        raise section.error(
            "horizons", f"the horizon {horizons[-1]:g} lies after the end of follow-up, {last:g}", "Drop it"
        )
    landmarks = read_landmarks(section, last, horizons)
    return FollowUp(
        time=section.text("time"),
        unit=section.one_of("unit", UNITS),
        horizons=horizons,
        entry=section.optional_text("entry"),
        end=last if numeric else section.optional_text("end"),
        landmarks=landmarks,
        visit=section.optional_text("visit"),
    )


def _horizons(section: Section) -> tuple[float, ...]:
    listed = section.listed("horizons")
    if not listed:
        raise section.error("horizons", "no horizon is declared", "Write horizons = [365, 1825], in the unit of time")
    numbers = tuple(float(item) for item in listed if isinstance(item, (int, float)) and not isinstance(item, bool))
    if len(numbers) < len(listed) or not all(0 < number < float("inf") for number in numbers):
        raise section.error("horizons", "a horizon is a number above 0", "Write them without quotes, in the unit")
    # As they are written in names of measures and columns: 1825, not 1825.0.
    if not all(low < high and f"{low:g}" != f"{high:g}" for low, high in pairwise(numbers)):
        raise section.error("horizons", "the horizons do not ascend", "Write each once, the shortest first")
    return numbers
