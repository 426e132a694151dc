"""What pushed an estimate up and down, in the unit of the estimate: points of a probability, an effect, a dose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from bedside.explanation import Explanation
from bedside.review import answer_view as view
from bedside.review.course_words import estimate_words
from bedside.review.figures import percent, points, unit_text
from bedside.review.quantities import digit, dose_step, number, rate_text
from bedside.review.reader import Reader
from bedside.review.times import duration
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply
from bedside.serving.served import Loaded
from bedside.sources import Schema

Figure = Callable[[float], str]


@dataclass(frozen=True)
class Pushes:
    """An explanation as it is shown.

    Attributes
    ----------
    rows: the strongest pushes, each with its figure, and the rest in one sum. unit: what the figures are in.
    sentence: what they are about, and what they add up to. certainty: how well each is known.
    tabs: what else can be explained: the query of its address, in words, and whether it is that one now; asks: the
        question that these answer.
    """

    rows: list[tuple[view.Contribution, str]]
    unit: str
    sentence: str
    certainty: str
    tabs: list[tuple[str, str, bool]]
    asks: str


def pushes(shown: AnswerReply, loaded: Loaded | None, reader: Reader) -> Pushes | None:
    """None where nothing is explained, or the reader may not see it yet."""
    told, t = shown.explanation, reader.t
    if told is None:
        return None
    schema: Schema | None = loaded.model.manifest.schema if loaded is not None else None
    rows = view.contributions(shown, schema, t)
    figure, unit = _measured(shown, max((abs(row.push) for row in rows), default=0.0), t)
    asks = t("Which risk is explained") if shown.course is not None else t("Whose effect is explained")
    return Pushes(
        rows=[(row, figure(row.push)) for row in rows],
        unit=t("Points") if unit == "" else unit,
        sentence=_sentence(shown, told, figure, unit, reader),
        certainty=_certainty(told, figure, unit, t),
        tabs=_tabs(shown, t) if loaded is not None else [],
        asks=asks,
    )


def _measured(shown: AnswerReply, largest: float, t: Translate) -> tuple[Figure, str]:
    """How a push is written, and in which unit; empty: percentage points."""
    if shown.dose is not None:
        step, unit = dose_step(shown.dose.dose or 0.0) / 10, rate_text(shown.dose.unit, t)
    elif shown.arms is not None and shown.arms.kind != "probability":
        step, unit = digit(largest), unit_text(shown.arms.unit, t)
    else:
        return points, ""
    return (lambda value: number(value, step, signed=True)), unit


def _sentence(shown: AnswerReply, told: Explanation, figure: Figure, unit: str, reader: Reader) -> str:
    t, whom = reader.t, reader.told(told.compared_with)
    if shown.dose is not None:
        return t(
            "In {unit}. Starting from {base}, the mean over {compared_with}, the figures add up to the dose before it "
            "is rounded.",
            unit=unit,
            base=figure(told.base_value).lstrip("+"),
            compared_with=whom,
        )
    if shown.arms is not None:
        control = shown.arms.control
        return t(
            "What {arm} changes in “{outcome}” against {control}, in {unit}. Starting from {base}, the mean over "
            "{compared_with}, the figures add up to the difference.",
            arm=told.output.removesuffix(f" against {control}"),
            outcome=shown.arms.outcome,
            control=control,
            unit=unit or t("percentage points"),
            base=figure(told.base_value),
            compared_with=whom,
        )
    return t(
        "Percentage points of the probability of {output}. Starting from {base}, the mean over {compared_with}, the "
        "points add up to the estimate.",
        output=estimate_words(told.output, shown.course, t),
        base=percent(told.base_value, t),
        compared_with=whom,
    )


def _certainty(told: Explanation, figure: Figure, unit: str, t: Translate) -> str:
    if told.error == 0:
        return t("Computed over all combinations: no sampling error.")
    if not unit:
        return t("Each is known to ±{error} points (standard error of the sampling).", error=f"{told.error * 100:.2g}")
    if float(figure(told.error).lstrip("+")) == 0:
        return t("Each is known to the last digit that is shown.")
    return t("Each is known to ±{error} {unit} (standard error of the sampling).", error=f"{told.error:.2g}", unit=unit)


def _tabs(shown: AnswerReply, t: Translate) -> list[tuple[str, str, bool]]:
    told, course, arms = shown.explanation, shown.course, shown.arms
    assert told is not None
    if course is not None:
        named = zip(course.horizons, course.estimates, strict=True)
        found = [(f"horizon={at:g}", duration(at, course.unit, t), name == told.output) for at, name in named]
    elif arms is not None:
        each = ((arm, f"{arm} against {arms.control}") for arm in arms.arms if arm in arms.differences)
        found = [(urlencode({"arm": arm}), arm, name == told.output) for arm, name in each]
    else:
        return []
    return found if len(found) > 1 else []
