"""An answer in the words and figures that a physician reads first; every number in it comes from the answer."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.review.figures import listed, share, unit_text, with_unit
from bedside.review.quantities import dose_words
from bedside.review.reader import Reader
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply
from bedside.sources import Schema, Variable

TOP = 8
"""Contributions that are shown one by one."""


@dataclass(frozen=True)
class Banner:
    """Where the answer stands.

    ``tone`` is ``open``, ``closed`` or ``void``; the words say the same without the colour. ``stands`` is what a
    physician has put in place of the estimate, or left standing; ``overruled``: the estimate is not what stands.
    """

    tone: str
    title: str
    text: str
    stands: str = ""
    overruled: bool = False


@dataclass(frozen=True)
class ClassRisk:
    """One class: its probability, the threshold it is held against, and whether the prediction set holds it.

    Of a course: the risk at one horizon. ``name`` is what people read, ``estimate`` what the evidence calls it.
    """

    name: str
    probability: float
    threshold: float | None
    possible: bool
    estimate: str = ""

    @property
    def reached(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.threshold is not None and self.probability >= self.threshold


@dataclass(frozen=True)
class Contribution:
    """One variable's push on the estimate; ``start`` and ``width`` place its bar on a scale of 200, 0 in the middle.

    ``name`` is the variable's, empty for the sum of the others.
    """

    name: str
    label: str
    value: str
    push: float
    start: float
    width: float


def banner(answer: AnswerReply, reader: Reader) -> Banner:
    """The status in words: a preliminary answer never looks final."""
    t, when = reader.t, reader.when
    last = answer.reviews[-1] if answer.reviews else None
    if answer.status == "preliminary":
        until = t("Nobody has signed it. It is void from {moment}.", moment=when(answer.expires))
        if answer.withheld:
            return Banner("open", t("Preliminary: not reviewed by a physician"), until)
        if last is not None and last.verdict == "unsure":
            text = t("{name} was unsure on {moment}.", name=last.reviewer_name, moment=when(last.at))
            return Banner("open", t("Preliminary: a second reading is needed, by another clinician"), text)
        return Banner("open", t("Preliminary: not reviewed by a physician"), until)
    if answer.status in {"final", "amended"} and last is not None:
        title = t("Final: signed by a physician") if answer.status == "final" else t("Amended: signed again")
        said = {"agree": t("agreed"), "disagree": t("disagreed"), "unsure": t("was unsure")}.get(
            last.verdict, last.verdict
        )
        text = t("{name} {said} on {moment}.", name=last.reviewer_name, said=said, moment=when(last.at))
        stands = last.conclusion or _stands(answer, t)
        if answer.withheld and not last.conclusion:
            stands = t("A physician has signed it. What the model says is shown after your own estimate.")
        return Banner("closed", title, text, stands, overruled=last.verdict == "disagree")
    titles = {
        "expired": t("Expired: void, because nobody signed it in time"),
        "superseded": t("Superseded: a newer answer stands"),
        "entered-in-error": t("Entered in error: do not use"),
    }
    return Banner("void", titles.get(answer.status, answer.status), t("Do not act on this answer."))


def _stands(answer: AnswerReply, t: Translate) -> str:
    """What stands where a physician agreed and wrote nothing."""
    if answer.arms is not None and answer.arms.recommended is not None:
        return t("The recommendation stands: {arm}.", arm=answer.arms.recommended)
    if answer.dose is not None and answer.dose.dose is not None:
        return t("The dose stands: {dose}.", dose=dose_words(answer.dose.dose, answer.dose.unit, t))
    return t("The estimate stands as it is.")


def agree_words(answer: AnswerReply, t: Translate) -> str:
    """What a physician agrees with."""
    if answer.abstained:
        return t("Agree: no estimate; my conclusion stands")
    if answer.arms is not None:
        return t("Agree with the recommendation") if answer.arms.recommended else t("Agree: no recommendation")
    if answer.dose is not None:
        return t("Agree: no dose of it") if answer.dose.withheld else t("Agree with the dose")
    return t("Agree with the estimate")


def risks(answer: AnswerReply) -> list[ClassRisk]:
    """The classes to show: with two, the one that is looked for; with more, all, most probable first."""
    estimate = answer.estimate or {}
    shown = [answer.positive] if answer.positive is not None else sorted(estimate, key=lambda name: -estimate[name])
    return [
        ClassRisk(name, estimate[name], _threshold(answer, name), name in answer.prediction_set)
        for name in shown
        if name in estimate
    ]


def _threshold(answer: AnswerReply, name: str) -> float | None:
    return answer.threshold.get(name) if isinstance(answer.threshold, dict) else answer.threshold


def alert_words(answer: AnswerReply, shown: list[ClassRisk], t: Translate) -> str:
    """What the threshold says of the risks that are shown, in words."""
    if answer.threshold is None or answer.alert is None:
        return t("No threshold is declared for this release.")
    held = [risk for risk in shown if risk.threshold is not None]
    reached = [risk for risk in held if risk.reached] or held[:1]
    if not reached:
        return t("Alert: a threshold is reached.") if answer.alert else t("No alert: no threshold is reached.")
    limit = share(reached[0].threshold or 0.0, t)
    names = listed([risk.name for risk in reached], t)
    if answer.alert:
        return t("Alert: at or above the threshold for acting ({limit}) for {names}.", limit=limit, names=names)
    return t("No alert: below the threshold for acting ({limit}) for {names}.", limit=limit, names=names)


def set_words(answer: AnswerReply, t: Translate) -> str:
    """What the conformal set says, in words; empty where the estimates are no classes."""
    if answer.alpha is None:
        return ""
    names, rate = listed(answer.prediction_set, t), share(answer.alpha or 0.0, t)
    if len(answer.prediction_set) == 1:
        return t(
            "It holds only {names}. Such sets leave out the true class for at most {rate} of each class's patients.",
            names=names,
            rate=rate,
        )
    return t("It holds {names}: at an error rate of {rate} none of them can be excluded.", names=names, rate=rate)


def contributions(answer: AnswerReply, schema: Schema | None, t: Translate) -> list[Contribution]:
    """The strongest pushes, and the rest in one sum, so that base value and pushes still make up the estimate."""
    if answer.explanation is None:
        return []
    ordered = sorted(answer.explanation.values.items(), key=lambda item: -abs(item[1]))
    rows = [(name, label(schema, name), shown_value(answer, schema, name, t), push) for name, push in ordered[:TOP]]
    if ordered[TOP:]:
        rest = sum(push for _, push in ordered[TOP:])
        rows.append(("", t("{count} others together", count=len(ordered) - TOP), "", rest))
    longest = max((abs(push) for *_, push in rows), default=0.0) or 1.0
    return [Contribution(*row, *_bar(row[-1] / longest)) for row in rows]


def _bar(length: float) -> tuple[float, float]:
    width = round(abs(length) * 100, 2)
    return (100.0 if length >= 0 else round(100.0 - width, 2)), width


def variable(schema: Schema | None, name: str) -> Variable | None:
    """The declaration of a predictor; None where the release that answered is not loaded any more."""
    return schema[name] if schema is not None and name in schema.names else None


def label(schema: Schema | None, name: str) -> str:
    """How people read a predictor."""
    declared = variable(schema, name)
    return declared.label if declared else name


def plausible(declared: Variable | None, t: Translate) -> str:
    """The declared range or categories, in words."""
    if declared is None:
        return ""
    if declared.range is not None:
        low, high = declared.range
        return t("{low:g} to {high:g} {unit}", low=low, high=high, unit=unit_text(declared.unit, t)).rstrip()
    return ", ".join(declared.category_label(text) for text in declared.categories or ())


def shown_value(answer: AnswerReply, schema: Schema | None, name: str, t: Translate) -> str:
    """One value with its unit, or a category as people read it."""
    given = answer.values.get(name)
    if given is None or given.value is None:
        return t("not known")
    if isinstance(given.value, str):
        declared = variable(schema, name)
        return declared.category_label(given.value) if declared else given.value
    return with_unit(given.value, given.unit, t)
