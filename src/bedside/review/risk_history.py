"""How the risk of one patient went from answer to answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from bedside.review.course_drawn import scale_end
from bedside.review.course_words import estimate_words
from bedside.review.figures import moment, percent, share
from bedside.review.reader import Reader
from bedside.serving.documents import AnswerReply
from bedside.serving.finding import Earlier


@dataclass(frozen=True)
class History:
    """The decisive risk in one answer after another.

    Attributes
    ----------
    name: of the risk. top: where the scale ends. limit: y of the threshold.
    points: x, y (from 0 to 1, y downwards), day and risk in words, and whether it is the answer that is read; oldest
        first.
    """

    name: str
    top: str
    points: tuple[tuple[float, float, str, str, bool], ...]
    limit: float | None


def risk_history(answer: AnswerReply, found: Sequence[Earlier], reader: Reader) -> History | None:
    """Of the answers of the same release's name that were not withdrawn; None where this is the only one."""
    if answer.course is None or answer.estimate is None or answer.positive is None:
        return None
    said = [(answer.created, answer.estimate[answer.positive], True)]
    for one in found:
        same = one.line.release == answer.release.name and one.status != "entered-in-error"
        if same and one.estimate is not None and answer.positive in one.estimate:
            said.append((moment(one.line.created), one.estimate[answer.positive], False))
    return _history(sorted(said), answer, reader) if len(said) > 1 else None


def _history(said: Sequence[tuple[dt.datetime, float, bool]], answer: AnswerReply, reader: Reader) -> History:
    first, last = said[0][0], said[-1][0]
    span = (last - first).total_seconds() or 1.0
    threshold = answer.threshold if isinstance(answer.threshold, float) else None
    top = scale_end([*(risk for _, risk, _ in said), threshold or 0.0])
    points = tuple(
        ((at - first).total_seconds() / span, 1 - risk / top, _day(at, reader), percent(risk, reader.t), here)
        for at, risk, here in said
    )
    limit = None if threshold is None else 1 - threshold / top
    return History(estimate_words(answer.positive or "", answer.course, reader.t), share(top, reader.t), points, limit)


def _day(at: dt.datetime, reader: Reader) -> str:
    return reader.day(reader.local(at).date())
