"""Asking, reading, reviewing: what the API and the pages do with answers, once, for both."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec

from bedside.answering import Answer, PatientCourse, answer_patient
from bedside.errors import Conflict, NotFound, ValueRefused
from bedside.ledger import Identity, OwnEstimate, Review, StoredAnswer, User, suspended_words
from bedside.serving.documents import (
    AnswerReply,
    AnswerRequest,
    OwnEstimateRequest,
    PatientIdentity,
    ReviewRequest,
    WithdrawalRequest,
)
from bedside.serving.identities import patient_ref
from bedside.serving.served import Loaded, cleared
from bedside.serving.service import Service
from bedside.serving.silently import beside
from bedside.serving.withholding import seen_by


def ask(service: Service, user: User, name: str, request: AnswerRequest, *, meant: str | None = None) -> AnswerReply:
    """Answer one patient and store the answer; its identity goes into the ledger encrypted, apart from the answer.

    ``meant``: digest of the release whose fields and units the values were entered for. Raises ``NotFound`` (no such
    release), ``Refused`` (not approved for care, suspended), ``Conflict`` (another than the one meant answers by now),
    ``ValueRefused`` (naming each value that cannot be used), and a 503 before the golden cases hold.
    """
    service.require_ready()
    served, now = service.served, service.clock()
    loaded = served.find(name)
    require_meant(loaded, meant)
    with service.computing:
        answer = answer_patient(
            loaded.model,
            request.values,
            now=now,
            explain=request.explain,
            horizon=request.horizon,
            arm=request.arm,
            asked=user.role == "clinician" if request.asked is None else request.asked,
            warnings=cleared(served, loaded, solo=service.solo),
        )
    answer = _stored(service, user, answer, request.patient, beside(service, served, loaded, request.values, now))
    service.metrics.answer(name, abstained=answer.abstained)
    # Whoever sent the identity knows it: sending it back to a clinician reads nothing out of the ledger.
    identity = request.patient if user.role == "clinician" else None
    made = msgspec.structs.replace(reply(msgspec.to_builtins(answer), identity), asker=user.name)
    return seen_by(user, made)


def require_meant(loaded: Loaded, meant: str | None) -> None:
    """What was entered for one version's fields and units must not reach another's: raises ``Conflict``."""
    if meant not in (None, loaded.digest):
        raise Conflict(
            f"another version answers by now: {loaded.version}",
            remedy="Check each value and its unit, then ask again",
        )


def _stored(
    service: Service, user: User, answer: Answer, patient: PatientIdentity | None, silent: dict[str, Any] | None
) -> Answer:
    ref = patient_ref(service, user, patient)
    answer = msgspec.structs.replace(answer, patient=ref)
    silent = silent and {**silent, "patient": ref}
    service.ledger.record_answer(msgspec.to_builtins(answer), actor=user.name, patient=ref, silent=silent)
    return answer


def find(service: Service, user: User, answer_id: str) -> StoredAnswer:
    """A stored answer. A service finds only those it asked for; for others, as for unknown ones, ``NotFound``."""
    stored = service.ledger.answer(answer_id)
    if user.role == "service" and stored.recorded.actor != user.name:
        raise NotFound("there is no such answer", where=answer_id[:100])
    return stored


def read(service: Service, user: User, answer_id: str) -> AnswerReply:
    """A stored answer with its reviews. A clinician gets the identity with it, and that reading is itself recorded."""
    stored = find(service, user, answer_id)
    identity = None
    if user.role == "clinician" and stored.patient is not None:
        identity = _sent(service.ledger.identity(stored.patient, actor=user.name))
    warned = msgspec.structs.replace(stored, answer=_warned(service, stored.answer))
    return seen_by(user, replied(warned, identity))


def _warned(service: Service, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer; where nobody has signed it and its release was suspended since, with a warning that says so."""
    suspension = service.served.said.suspensions.get(answer["release"]["digest"])
    if suspension is None or answer["status"] != "preliminary":
        return answer
    words = suspended_words(suspension)
    return {**answer, "warnings": [*answer["warnings"], f"{words[0].upper()}{words[1:].rstrip('.')}."]}


def _sent(identity: Identity) -> PatientIdentity:
    return msgspec.convert(
        {"id": identity.id, "name": identity.name, "birth_date": identity.birth_date}, PatientIdentity
    )


def reply(answer: dict[str, Any], identity: PatientIdentity | None) -> AnswerReply:
    """The stored form of an answer as a reply."""
    return msgspec.structs.replace(msgspec.convert(answer, AnswerReply), identity=identity)


def replied(stored: StoredAnswer, identity: PatientIdentity | None = None) -> AnswerReply:
    """A stored answer as a reply, with all that became of it; whoever passes it on says who sees it."""
    return msgspec.structs.replace(
        reply(stored.answer, identity),
        reviews=stored.reviews,
        own_estimates=stored.own_estimates,
        asker=stored.recorded.actor,
    )


def review(service: Service, user: User, answer_id: str, request: ReviewRequest) -> Review:
    """Sign a verdict. The rules are the ledger's: see ``bedside.ledger.reviews``."""
    signed = service.ledger.review(
        answer_id,
        verdict=request.verdict,
        conclusion=request.conclusion.strip(),
        action=request.action.strip(),
        reason=request.reason.strip(),
        reason_codes=request.reason_codes,
        reviewer=user,
        expected=request.expected,
    )
    service.metrics.verdict(request.verdict)
    return signed


def withdraw(service: Service, user: User, answer_id: str, request: WithdrawalRequest) -> Review:
    """Mark an answer as entered in error."""
    withdrawn = service.ledger.withdraw(
        answer_id, request.reason, user, reason_codes=request.reason_codes, expected=request.expected
    )
    service.metrics.verdict("entered-in-error")
    return withdrawn


def own_estimate(service: Service, user: User, answer_id: str, request: OwnEstimateRequest) -> OwnEstimate:
    """Enter what the clinician expects.

    Raises ``ValueRefused`` for a class or a treatment that the answer has not, for a probability above 1, and for a
    risk that falls as time goes on.
    """
    stored = msgspec.convert(find(service, user, answer_id).answer, Answer)
    if request.choice is not None:
        _require_arm(stored, request.choice)
    if request.estimate is not None:
        _require_estimate(stored, request.estimate)
    unit = stored.dose.unit if stored.dose is not None else None
    return service.ledger.own_estimate(
        answer_id, estimate=request.estimate, choice=request.choice, unit=unit, clinician=user
    )


def _require_arm(stored: Answer, choice: str) -> None:
    if stored.arms is None:
        raise ValueRefused({"choice": "this answer is not about treatments; give an estimate"})
    if choice not in stored.arms.arms:
        raise ValueRefused({"choice": f"{choice!r} is none of {', '.join(stored.arms.arms)}"})


def _require_estimate(stored: Answer, said: dict[str, float]) -> None:
    if stored.arms is not None:
        raise ValueRefused({"estimate": "this answer is about treatments; give the choice of one"})
    known = stored.estimate or {}
    strange = [name for name in said if name not in known]
    if strange:
        raise ValueRefused({"estimate": f"{strange[0]!r} is none of {', '.join(known)}"})
    if stored.course is not None:
        _require_rising(stored.course, said)


def _require_rising(course: PatientCourse, said: dict[str, float]) -> None:
    """Whoever has had the event by one horizon has had it by the next."""
    given = [(name, said[name]) for name in course.estimates if name in said]
    for (earlier, risk), (later, other) in pairwise(given):
        if other < risk:
            raise ValueRefused({"estimate": f"a risk cannot fall as time goes on: {later!r} is below {earlier!r}"})
