"""What goes over the wire: every request and reply as a struct, from which /openapi.json is drawn too."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bedside.answering import Answer, Status
from bedside.ledger import Listed, OwnEstimate, Review
from bedside.release import Arms, Course, Dose
from bedside.sources import Variable

Verdict = Literal["agree", "disagree", "unsure"]
Words = Annotated[str, Meta(max_length=4000)]
ReasonCode = Literal[
    "fits-the-patient",
    "other-findings",
    "history-unknown-to-model",
    "values-wrong",
    "not-this-population",
    "too-uncertain",
    "wrong-patient",
    "duplicate",
]
"""Quick reasons, the same as ``bedside.ledger.REASONS``."""

_VALUE = {
    "anyOf": [
        {"type": ["number", "string", "boolean", "null"]},
        {"type": "array", "items": {"type": "string"}, "description": "medications, where guidance looks at them"},
        {
            "type": "object",
            "properties": {
                "value": {"type": ["number", "string", "boolean", "null"]},
                "unit": {"type": ["string", "null"], "description": "UCUM; converted to the declared unit"},
                "time": {"type": "string", "format": "date-time", "description": "when it was measured"},
            },
            "required": ["value"],
        },
    ]
}


class PatientIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who the patient is; kept encrypted, apart from the answer. ``id`` finds the same patient again."""

    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
    name: Annotated[str, Meta(max_length=200)] | None = None
    birth_date: dt.date | None = None


class AnswerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One patient's values.

    Attributes
    ----------
    values: per variable a number or text in the declared unit, or an object with ``value``, ``unit`` and ``time``; null
        or left out: not known; medications as a list of texts. What each release asks is in ``GET /api/v1/releases``.
    explain: whether to explain the estimate. horizon: of a course, explain the risk at this one of its horizons, not at
        that of the decision. arm: of several treatments, explain what this one changes against the control.
    asked: whether a person wants a review of it, whatever it says; by default so where a clinician asks, not where a
        service does.
    """

    values: Annotated[dict[str, Any], Meta(extra_json_schema={"additionalProperties": _VALUE})]
    patient: PatientIdentity | None = None
    explain: bool = True
    horizon: float | None = None
    arm: Annotated[str, Meta(max_length=200)] | None = None
    asked: bool | None = None


class AnswerReply(Answer, frozen=True, kw_only=True):
    """An answer, its reviews, and the patient's identity where the caller treats patients.

    Attributes
    ----------
    withheld: the clinician's own estimate is due: what the model says is left out until then.
    own_estimates: what clinicians expected before they saw it.
    asker: user who asked.
    """

    identity: PatientIdentity | None = None
    reviews: tuple[Review, ...] = ()
    own_estimates: tuple[OwnEstimate, ...] = ()
    withheld: bool = False
    asker: str | None = None


class SilentReply(msgspec.Struct, frozen=True, kw_only=True):
    """A silent release has answered; nothing of the answer is told. ``id`` finds it when its outcome is known."""

    id: str
    silent: Literal[True] = True


class AnswerFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answers to list; the longest waiting come first."""

    status: Status | None = None
    release: str | None = None
    alert: bool | None = None
    abstained: bool | None = None
    queued: bool | None = None
    mine: bool | None = None
    second_reading: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    offset: Annotated[int, Meta(ge=0, le=10_000)] = 0


class AnswerLine(Listed, frozen=True, kw_only=True):
    """One answer in a list, its status as of now.

    Attributes
    ----------
    withheld: the clinician who lists has not given the own estimate that is due; until then ``alert`` is None.
    """

    withheld: bool


class AnswerList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of answers; ``total`` counts all that match."""

    answers: tuple[AnswerLine, ...]
    total: int
    limit: int
    offset: int


class ReviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clinician's verdict.

    Attributes
    ----------
    conclusion: needed to disagree, and where the model abstained.
    reason, reason_codes: in words or as quick reasons; one of both is needed to disagree, and to amend.
    expected: the status that the clinician saw; where it has changed since, the review is refused (409).
    """

    verdict: Verdict
    conclusion: Words = ""
    action: Words = ""
    reason: Words = ""
    reason_codes: Annotated[tuple[ReasonCode, ...], Meta(max_length=8)] = ()
    expected: Status | None = None


class WithdrawalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clinician's word that an answer was entered in error, such as for the wrong patient; a reason is needed."""

    reason: Words = ""
    reason_codes: Annotated[tuple[ReasonCode, ...], Meta(max_length=8)] = ()
    expected: Status | None = None


class OwnEstimateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the clinician expects before seeing the model's estimate.

    Attributes
    ----------
    estimate: class → probability, or ``{"dose": 35}`` in the dose's unit; null: cannot say, or the answer is about
        treatments. choice: of treatments, the one that the clinician would give; null: cannot say.
    """

    estimate: dict[str, Annotated[float, Meta(ge=0)]] | None
    choice: Annotated[str, Meta(max_length=200)] | None = None


class PatientSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The patient's number, whole; it stands in the body, so that no log of paths holds it."""

    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]


class PatientAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """The patient with this number, and what was asked about them, the newest first; at most 200 answers."""

    identity: PatientIdentity
    patient: str
    answers: tuple[AnswerLine, ...]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the stored values give the stored answer again.

    Attributes
    ----------
    result: ``bit-for-bit``: every number is equal; ``within-tolerance``: no estimate differs by more than the release
        allows; ``different``: at least one does, or only one of the two answers abstains.
    largest_difference: over the estimates and the ends of their intervals, in probability, or of a quantity in its
        standard deviations; None where one of the two answers abstains.
    tolerance: the signed one, on the golden cases of this target.
    processor_then, processor_now: what ran the graph; bits are promised to be equal only where these are.
    """

    answer: str
    digest: str
    target: str
    result: Literal["bit-for-bit", "within-tolerance", "different"]
    largest_difference: float | None
    tolerance: float
    processor_then: str
    processor_now: str


class ReleaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A release that answers here, and what to send it.

    ``course`` is there where the question is when something happens, ``arms`` where it is which treatment, and ``dose``
    where it is how much of a drug. ``record`` and ``medications``: what only its guidance looks at, sent with the
    values of ``variables``.
    """

    name: str
    version: str
    digest: str
    task: str
    intended_use: str
    population: str
    classes: tuple[str, ...]
    threshold: float | dict[str, float] | None
    variables: tuple[Variable, ...]
    target: str
    processor: str
    valid_until: dt.date | None
    approved_for_care: bool
    course: Course | None = None
    arms: Arms | None = None
    dose: Dose | None = None
    record: tuple[Variable, ...] = ()
    medications: str | None = None


class ReleaseList(msgspec.Struct, frozen=True, kw_only=True):
    """All releases that answer here."""

    releases: tuple[ReleaseSummary, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All is well; where it is not, the reply is an error like any other."""

    status: Literal["ok"]
