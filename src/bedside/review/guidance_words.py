"""What stands beside guidance on a page: what the model's dose already counts of it, and that evidence knew no veto."""

from __future__ import annotations

from bedside.answering import Advice
from bedside.release import Guidance
from bedside.review.answer_view import label, shown_value, variable
from bedside.review.figures import listed
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply
from bedside.sources import Schema


def counted_words(advice: Advice, answer: AnswerReply, schema: Schema | None, t: Translate) -> str:
    """Whether the model's dose already counts what a statement follows from; empty where that is no question."""
    if advice.counted is None:
        return ""
    if not advice.counted:
        return t("The model's dose does not know of this.")
    values = [f"{label(schema, name)} {shown_value(answer, schema, name, t)}" for name in advice.counted]
    declared = [variable(schema, name) for name in advice.counted]
    if all(one is not None and one.gene is not None for one in declared):
        return t("The model's dose already counts this genotype: {values}.", values=listed(values, t))
    return t("The model's dose already counts, as it was sent: {values}.", values=listed(values, t))


def unvetoed_words(guidance: Guidance | None, t: Translate) -> str:
    """What figures of held-out patients leave out where the release has guidance."""
    if guidance is None:
        return ""
    return t("These figures are without vetoes: guidance was not asked about the held-out patients.")
