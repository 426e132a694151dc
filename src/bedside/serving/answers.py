"""Asking, reading, reviewing: what the API and the pages do with answers, once, for both."""

from __future__ import annotations

from typing import Any

import msgspec

from bedside.answering import Answer, answer_patient
from bedside.errors import NotFound
from bedside.ledger import Identity, Review, StoredAnswer, User
from bedside.serving.documents import AnswerReply, AnswerRequest, PatientIdentity, ReviewRequest
from bedside.serving.served import cleared
from bedside.serving.service import Service


def ask(service: Service, user: User, name: str, request: AnswerRequest) -> AnswerReply:
    """Answer one patient and store the answer; its identity goes into the ledger encrypted, apart from the answer.

    Raises ``NotFound`` (no such release), ``Refused`` (not approved for care, suspended), ``ValueRefused`` (naming each
    value that cannot be used), and a 503 before the golden cases hold.
    """
    service.require_ready()
    served = service.served
    loaded = served.find(name)
    answer = answer_patient(
        loaded.model,
        request.values,
        now=service.clock(),
        explain=request.explain,
        asked=user.role == "clinician" if request.asked is None else request.asked,
        warnings=cleared(served, loaded, solo=service.solo),
    )
    answer = _stored(service, user, answer, request.patient)
    service.metrics.answer(name, abstained=answer.abstained)
    # Whoever sent the identity knows it: sending it back to a clinician reads nothing out of the ledger.
    identity = request.patient if user.role == "clinician" else None
    return reply(msgspec.to_builtins(answer), identity)


def _stored(service: Service, user: User, answer: Answer, patient: PatientIdentity | None) -> Answer:
    ref = service.ledger.patient(_identity(patient), actor=user.name) if patient else None
    answer = msgspec.structs.replace(answer, patient=ref)
    service.ledger.record_answer(msgspec.to_builtins(answer), actor=user.name, patient=ref)
    return answer


def _identity(patient: PatientIdentity) -> Identity:
    born = patient.birth_date.isoformat() if patient.birth_date else None
    return Identity(id=patient.id.strip(), name=patient.name, birth_date=born)


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
    return reply(stored.answer, identity, stored.reviews)


def _sent(identity: Identity) -> PatientIdentity:
    return msgspec.convert(
        {"id": identity.id, "name": identity.name, "birth_date": identity.birth_date}, PatientIdentity
    )


def reply(answer: dict[str, Any], identity: PatientIdentity | None, reviews: tuple[Review, ...] = ()) -> AnswerReply:
    """The stored form of an answer as a reply."""
    return msgspec.structs.replace(msgspec.convert(answer, AnswerReply), identity=identity, reviews=reviews)


def review(service: Service, user: User, answer_id: str, request: ReviewRequest) -> Review:
    """Sign a verdict. The rules are the ledger's: see ``bedside.ledger.reviews``."""
    signed = service.ledger.review(
        answer_id,
        verdict=request.verdict,
        conclusion=request.conclusion.strip(),
        action=request.action.strip(),
        reason=request.reason.strip(),
        reviewer=user,
        expected=request.expected,
    )
    service.metrics.verdict(request.verdict)
    return signed
