"""The patient's values as a reader weighs them: against the reference range, by age, and beside what is usual."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bedside.answering import Unusual, ValueGiven, unusual
from bedside.release import Guidance
from bedside.review.answer_view import label, plausible, shown_value, variable
from bedside.review.figures import share, unit_text, with_unit
from bedside.review.reader import Reader
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply
from bedside.sources import Schema, Variable


@dataclass(frozen=True)
class UsedValue:
    """One predictor as it was used.

    Attributes
    ----------
    mark: ``"above"`` or ``"below"`` the declared reference range, else empty.
    reference, plausible: the declared ranges in words; given: the value as sent, where it was converted.
    time, age, oldest: when it was measured, how old it was when asked, and the oldest that is accepted; in words.
    """

    name: str
    label: str
    value: str
    mark: str
    reference: str
    plausible: str
    given: str
    time: str
    age: str
    oldest: str


def used_values(answer: AnswerReply, schema: Schema | None, reader: Reader) -> list[UsedValue]:
    """All values, in the schema's order."""
    order = {name: position for position, name in enumerate(schema.names)} if schema is not None else {}
    ordered = sorted(answer.values.items(), key=lambda item: order.get(item[0], len(order)))
    return [_used(answer, schema, name, value, reader) for name, value in ordered]


def record_words(answer: AnswerReply, guidance: Guidance | None, t: Translate) -> list[tuple[str, str]]:
    """What only guidance looked at, as it was sent: label and value."""
    labels = {one.name: one for one in guidance.record} if guidance is not None else {}
    return [
        (labels[name].label if name in labels else name, _recorded(value, labels.get(name), t))
        for name, value in sorted(answer.record.items())
    ]


def _recorded(given: ValueGiven, declared: Variable | None, t: Translate) -> str:
    if given.value is None:
        return t("not known")
    if isinstance(given.value, float):
        return with_unit(given.value, given.unit, t)
    return (declared.category_label(given.value) if declared is not None else given.value) or t("none")


def _used(answer: AnswerReply, schema: Schema | None, name: str, value: ValueGiven, reader: Reader) -> UsedValue:
    declared, t = variable(schema, name), reader.t
    oldest = declared.max_age_days if declared is not None else None
    return UsedValue(
        name=name,
        label=label(schema, name),
        value=shown_value(answer, schema, name, t),
        mark=reference_mark(declared, value),
        reference=reference_words(declared, t),
        plausible=plausible(declared, t),
        given=value.given or "",
        time=reader.when(value.time) if value.time else "",
        age=old(value.time, answer.created, t) if value.time else "",
        oldest=t("at most {days:g} d", days=oldest) if oldest is not None else "",
    )


def reference_mark(declared: Variable | None, value: ValueGiven) -> str:
    """On which side of its reference range a value lies; empty within it, and where none is declared."""
    if declared is None or declared.reference is None or not isinstance(value.value, float):
        return ""
    low, high = declared.reference
    return "below" if value.value < low else "above" if value.value > high else ""


def reference_words(declared: Variable | None, t: Translate) -> str:
    """The declared reference range with its unit."""
    if declared is None or declared.reference is None:
        return ""
    low, high = declared.reference
    return t("{low:g} to {high:g} {unit}", low=low, high=high, unit=unit_text(declared.unit, t)).rstrip()


def old(time: dt.datetime, asked: dt.datetime, t: Translate) -> str:
    """How old a value was when the answer was asked for, in its largest unit."""
    minutes = int((asked - time).total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return t("{days} d old", days=minutes // (24 * 60))
    if minutes >= 60:
        return t("{hours} h old", hours=minutes // 60)
    return t("{minutes} min old", minutes=max(minutes, 0))


@dataclass(frozen=True)
class Strange:
    """One variable in which the patient stands apart: its value, in which way, and what is usual."""

    label: str
    value: str
    how: str
    usual: str


@dataclass(frozen=True)
class Strangeness:
    """What is unusual about the patient.

    ``told`` is False where the release does not say what is usual. ``rows`` begins with the farthest out; ``unknown``
    names what is not known here, though known of nearly all. ``distance`` is about all values together; ``ratio`` is
    that distance by its limit, ``typical`` the same of the middle development patient; None where not known.
    """

    told: bool
    rows: tuple[Strange, ...]
    unknown: tuple[str, ...]
    distance: str
    ratio: float | None
    typical: float | None


def strangeness(
    answer: AnswerReply, evidence: Mapping[str, Any], schema: Schema | None, limit: float | None, t: Translate
) -> Strangeness:
    """Against the aggregates of the development patients that were signed with the release."""
    development = evidence.get("development") or {}
    usual = development.get("usual")
    values = {name: given.value for name, given in answer.values.items()}
    found = sorted(unusual(usual or {}, values), key=lambda one: -_beyond(one, values[one.variable]))
    typical = (development.get("distance") or {}).get("median")
    known = answer.distance is not None and limit is not None and limit > 0
    return Strangeness(
        told=bool(usual),
        rows=tuple(_strange(one, answer, schema, t) for one in found if one.kind != "unknown"),
        unknown=tuple(label(schema, one.variable) for one in found if one.kind == "unknown"),
        distance=_distance(answer.distance, limit, typical, t) if known else "",
        ratio=answer.distance / limit if known and answer.distance is not None and limit else None,
        typical=typical / limit if typical is not None and limit else None,
    )


def _beyond(one: Unusual, value: float | str | None) -> float:
    """How far beyond its usual limits a number lies, in widths of them; what has no such distance comes first."""
    if one.low is None or one.high is None or not isinstance(value, float) or one.high <= one.low:
        return math.inf
    return max(one.low - value, value - one.high) / (one.high - one.low)


def _strange(one: Unusual, answer: AnswerReply, schema: Schema | None, t: Translate) -> Strange:
    how = {"below": t("▼ low"), "above": t("▲ high"), "rare": t("rare")}[one.kind]
    return Strange(label(schema, one.variable), shown_value(answer, schema, one.variable, t), how, _usual(one, t))


def _usual(one: Unusual, t: Translate) -> str:
    if one.kind == "rare":
        return t("fewer than 10 patients") if one.share is None else t("{share} of them", share=share(one.share, t))
    inside = share(round(one.inside or 0.0, 2), t)
    return t("{inside} had {low:.4g} to {high:.4g}", inside=inside, low=one.low, high=one.high)


def _distance(distance: float | None, limit: float | None, typical: float | None, t: Translate) -> str:
    assert distance is not None and limit is not None
    figures = {"distance": f"{distance:.2g}", "limit": f"{limit:.2g}"}
    if distance > limit:
        return t(
            "Taken together, unlike the patients the model learned from: distance {distance}, limit {limit}.", **figures
        )
    if typical is None:
        return t("Taken together, within the limit: distance {distance}; above {limit} the model abstains.", **figures)
    figures["typical"] = f"{typical:.2g}"
    if distance <= typical:
        return t(
            "Taken together, as near as the nearer half of the patients the model learned from: distance {distance} "
            "(half lie within {typical}); above {limit} the model abstains.",
            **figures,
        )
    return t(
        "Taken together, farther than half of the patients the model learned from: distance {distance} (half lie "
        "within {typical}); above {limit} the model abstains.",
        **figures,
    )
