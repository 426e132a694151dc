"""What became of an answer, step by step, and what was asked about the patient before."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.ledger import OwnEstimate, Review
from bedside.review import terms
from bedside.review.course_words import estimate_words
from bedside.review.figures import listed, percent
from bedside.review.quantities import dose_words, rate_text
from bedside.review.reader import Reader
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply
from bedside.serving.finding import Earlier


@dataclass(frozen=True)
class Step:
    """One thing that happened to an answer; ``tone`` as of a banner."""

    at: str
    what: str
    who: str
    tone: str
    texts: tuple[tuple[str, str], ...] = ()


def steps(answer: AnswerReply, reader: Reader) -> list[Step]:
    """From the question to where the answer stands, oldest first."""
    t = reader.t
    asked = Step(answer.created.isoformat(), t("Asked"), answer.asker or "", "open")
    own = [_own_step(one, answer, t) for one in answer.own_estimates]
    reviewed = [_review_step(review, t) for review in answer.reviews]
    return [asked, *sorted([*own, *reviewed], key=lambda step: step.at)]


def _own_step(own: OwnEstimate, answer: AnswerReply, t: Translate) -> Step:
    return Step(own.at, t("Own estimate: {words}", words=own_words(own, answer, t)), own.clinician_name, "open")


def own_words(own: OwnEstimate, answer: AnswerReply, t: Translate) -> str:
    """What a clinician expected, as one reads it."""
    if own.choice is not None:
        return own.choice
    if own.estimate is None:
        return t("could not say")
    if own.unit is not None:
        return t(", ").join(f"{value:.6g} {rate_text(own.unit, t)}" for value in own.estimate.values())
    if answer.course is None and answer.positive in own.estimate:
        return percent(own.estimate[answer.positive], t)
    # The ledger keeps names in the order of the alphabet; a course has an order of its own.
    ordered = answer.course.estimates if answer.course is not None else tuple(own.estimate)
    given = [(estimate_words(name, answer.course, t), own.estimate[name]) for name in ordered if name in own.estimate]
    return t(", ").join(f"{name} {percent(value, t)}" for name, value in given)


def _review_step(review: Review, t: Translate) -> Step:
    what = {
        "unsure": t("Second reading asked for"),
        "entered-in-error": t("Withdrawn: entered in error"),
    }.get(review.verdict)
    if what is None:
        verdict = terms.verdict(review.verdict, t)
        amended, signed = t("Amended: {verdict}", verdict=verdict), t("Signed: {verdict}", verdict=verdict)
        what = amended if review.status == "amended" else signed
    tone = {"unsure": "open", "entered-in-error": "void"}.get(review.verdict, "closed")
    codes = listed([terms.reason(code, t) for code in review.reason_codes], t)
    texts = (
        (t("Conclusion"), review.conclusion),
        (t("Action"), review.action),
        (t("Reason"), "\n".join(part for part in (codes, review.reason) if part)),
    )
    return Step(review.at, what, review.reviewer_name, tone, tuple((name, text) for name, text in texts if text))


@dataclass(frozen=True)
class EarlierRow:
    """Another answer about the patient, in a line."""

    id: str
    created: str
    release: str
    says: str
    stands: str
    void: bool
    status: str
    review: str


def earlier_rows(found: list[Earlier], t: Translate) -> list[EarlierRow]:
    """Earlier answers as they are listed beside one."""
    return [
        EarlierRow(
            one.line.id,
            one.line.created,
            f"{one.line.release} {one.line.version}",
            _says(one, t),
            _stands(one),
            one.status in {"expired", "superseded", "entered-in-error"},
            terms.status(one.status, t),
            _reviewed(one, t),
        )
        for one in found
    ]


def _says(one: Earlier, t: Translate) -> str:
    if one.line.withheld:
        return t("your own estimate first")
    if one.arms is not None:
        favoured = one.arms.recommended
        return t("no recommendation") if favoured is None else t("recommends {arm}", arm=favoured)
    if one.dose is not None:
        return t("no dose") if one.dose.dose is None else dose_words(one.dose.dose, one.dose.unit, t)
    if one.estimate is None:
        return t("∅ no estimate")
    name = one.positive or max(one.estimate, key=lambda key: one.estimate[key] if one.estimate else 0.0)
    return f"{estimate_words(name, one.course, t)} {percent(one.estimate[name], t)}"


def _stands(one: Earlier) -> str:
    """A physician's conclusion that stands in place of the estimate."""
    return one.review.conclusion if one.review is not None and one.status in {"final", "amended"} else ""


def _reviewed(one: Earlier, t: Translate) -> str:
    if one.review is None:
        return ""
    said = t("{name}: {value}", name=one.review.reviewer_name, value=terms.verdict(one.review.verdict, t))
    return f"{said} · {t('model: {says}', says=_says(one, t))}" if _stands(one) else said
