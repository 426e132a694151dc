"""``[outcome]`` of a study file, for a task that asks which treatment: the arms, and what is compared between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from bedside.cohort.outcome_section import listed_texts, read_outcome
from bedside.cohort.quantity_section import read_number
from bedside.cohort.section import Section
from bedside.cohort.study import FollowUp, Outcome, Treatment
from bedside.cohort.time_section import UNITS, read_events
from bedside.sources import as_text, nearest

MOST_ARMS = 10
"""Treatments that one study compares: a column with more texts is something else, a dose or a date."""

COMPARED = ("current-practice", "best-estimate")
"""What measures hold a rule against, beside one arm for all: no arm may be called so."""

ROUNDED = 0.01
"""How far declared probabilities may sum from 1: thirds written with two digits."""

Texts = Mapping[str, Mapping[str, int]]
"""For each key that names a column: its texts, missing ones left out, with their numbers of rows."""


def read_binary_effect(section: Section, texts: Texts) -> Outcome:
    """How probable an outcome is under each treatment. Raises `StudyError` as `read_arms` and `read_outcome`."""
    return _with_arms(section, texts, read_outcome(section, texts["column"]))


def read_mean_effect(section: Section, texts: Texts) -> Outcome:
    """The mean of a number under each treatment. Raises `StudyError` as `read_arms` and `read_number`."""
    if "unit" not in section:
        remedy = 'Write positive = "..." for yes and no, unit = "..." for a number, or time and event'
        raise section.error("column", "what the outcome means is missing", remedy)
    return _with_arms(section, texts, read_number(section, texts["column"]))


def read_effect_over_time(section: Section, texts: Texts) -> Outcome:
    """The mean time without an event, up to a limit, under each treatment.

    Raises
    ------
    StudyError: as `read_arms` and `read_events`; also a limit that is not above 0.
    """
    until = section.number("until")
    if until is None or until <= 0:
        what = "the limit of the time is missing" if until is None else f"a time up to {until:g} is none"
        raise section.error("until", what, "Write until = 1000, say: the time without the event is averaged up to it")
    events = read_events(section, texts["event"])
    followed = FollowUp(time=section.text("time"), unit=section.one_of("unit", UNITS), horizons=(until,))
    return _with_arms(section, texts, msgspec.structs.replace(events, follow_up=followed))


def _with_arms(section: Section, texts: Texts, outcome: Outcome) -> Outcome:
    return msgspec.structs.replace(outcome, treatment=read_arms(section, texts["arm"]))


def read_arms(section: Section, counts: Mapping[str, int]) -> Treatment:
    """Which treatments are compared, the control first.

    Parameters
    ----------
    section: ``[outcome]``.
    counts: the texts of the column of arms.

    Raises
    ------
    StudyError: there are fewer than two arms or more than `MOST_ARMS`, the control or a named arm does not occur, a
        text of the column has no name where others have, a treatment is called as one of `COMPARED`, or
        the probabilities do not fit the arms or do not sum to 1.
    """
    column = section.text("arm")
    if len(counts) < 2:
        held = listed_texts(counts) or "nothing"
        raise section.error("arm", f"the column '{column}' holds {held}", "Two treatments at least can be compared")
    names = _names(section, column, counts)
    if len(names) > MOST_ARMS:
        what = f"the column '{column}' holds {len(names)} different texts, and at most {MOST_ARMS} can be compared"
        raise section.error("arm", what, "Name the column that says which treatment each patient got")
    for name in COMPARED:
        if name in names.values():
            what = f"a treatment is called '{name}', which means something else among the measures"
            raise section.error("arms", what, 'Give it another name: arms = { "1" = "as usual", ... }')
    texts = (_control(section, names), *(text for text in names if text != _control(section, names)))
    better: Literal["lower", "higher"] = (
        "lower" if section.one_of("better", ("lower", "higher")) == "lower" else "higher"
    )
    return Treatment(
        column=column,
        arms=tuple(names[text] for text in texts),
        codes={text: place for place, text in enumerate(texts)},
        better=better,
        propensity=_propensity(section, texts),
    )


def _names(section: Section, column: str, counts: Mapping[str, int]) -> dict[str, str]:
    """Text of the column → name of the arm."""
    if "arms" not in section:
        return {text: text for text in counts}
    table = section.below("arms")
    found = {as_text(key): table.text(key) for key in table.names()}
    for key in table.names():
        if as_text(key) not in counts:
            what = f"nobody got the treatment '{as_text(key)}'"
            raise table.error(key, what, f"The column '{column}' holds {listed_texts(counts)}")
        if list(found.values()).count(found[as_text(key)]) > 1:
            raise table.error(key, f"'{found[as_text(key)]}' names two treatments", "Each needs a name of its own")
    without = {text: count for text, count in counts.items() if text not in found}
    if without:
        remedy = "Name each; who got something else cannot be compared, and does not belong into the table"
        raise table.error("", f"the column '{column}' also holds {listed_texts(without)}", remedy)
    return found


def _control(section: Section, names: Mapping[str, str]) -> str:
    if "control" not in section:
        raise section.error(
            "control", "which treatment the others are compared with is missing", f"There are: {', '.join(names)}"
        )
    control = as_text(section.values["control"])
    if control not in names:
        raise section.error("control", f"'{control}' is none of the treatments", nearest(control, tuple(names)))
    return control


def _propensity(section: Section, texts: tuple[str, ...]) -> tuple[float, ...] | None:
    """How probable each arm was, in the order of `texts`."""
    if "propensity" not in section:
        return None
    if not isinstance(section.values["propensity"], dict):
        share = section.share("propensity")
        assert share is not None
        if len(texts) > 2:
            example = ", ".join(f'"{text}" = {1 / len(texts):.3g}' for text in texts)
            what = f"one probability does not say how probable each of {len(texts)} treatments was"
            raise section.error("propensity", what, f"Write propensity = {{ {example} }}")
        return 1.0 - share, share
    table = section.below("propensity")
    given = {as_text(key): table.share(key) for key in table.names()}
    for key in given:
        if key not in texts:
            raise table.error(key, f"'{key}' is none of the treatments", nearest(key, texts))
    without = [text for text in texts if text not in given]
    if without:
        raise table.error("", f"no probability for: {', '.join(without)}", "Each treatment has one")
    shares = [given[text] or 0.0 for text in texts]
    if abs(sum(shares) - 1.0) > ROUNDED:
        raise table.error("", f"the probabilities sum to {sum(shares):g}, not to 1", "Each patient got one treatment")
    return tuple(share / sum(shares) for share in shares)
