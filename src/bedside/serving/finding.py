"""What was asked about one patient: found by the patient's number, or from another answer about them."""

from __future__ import annotations

import msgspec

from bedside.answering import PatientArms, PatientCourse, PatientDose, Status
from bedside.errors import LedgerError
from bedside.ledger import Review, User, Wanted
from bedside.serving import answers
from bedside.serving.documents import AnswerLine, AnswerReply, PatientAnswers, PatientIdentity
from bedside.serving.service import Service
from bedside.serving.withholding import lines, seen_by

EARLIER = 10
"""Earlier answers that are shown beside one."""


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """Another answer about the same patient, as the reader may see it; ``review`` is the latest."""

    line: AnswerLine
    status: Status
    positive: str | None
    estimate: dict[str, float] | None
    course: PatientCourse | None
    arms: PatientArms | None
    dose: PatientDose | None
    review: Review | None


def by_number(service: Service, user: User, number: str) -> PatientAnswers | None:
    """The patient with exactly this number, None where there is none; either way it is entered that this user looked.

    Raises ``LedgerError`` where the patient was erased.
    """
    ref = service.ledger.find_patient(number)
    if ref is None:
        service.ledger.append("patient-search", actor=user.name, body={"found": False})
        return None
    known = service.ledger.identity(ref, actor=user.name)
    identity = msgspec.convert(msgspec.to_builtins(known), PatientIdentity)
    rows = service.ledger.listed(Wanted(patient=ref), limit=200, newest=True)
    return PatientAnswers(identity=identity, patient=ref, answers=lines(service, user, rows))


def earlier(service: Service, user: User, shown: AnswerReply) -> list[Earlier]:
    """The last answers about the patient of ``shown``, other than itself, the newest first."""
    if shown.patient is None:
        return []
    rows = service.ledger.listed(Wanted(patient=shown.patient), limit=EARLIER + 1, newest=True)
    others = lines(service, user, [row for row in rows if row.id != shown.id][:EARLIER])
    return [found for line in others if (found := _earlier(service, user, line)) is not None]


def _earlier(service: Service, user: User, line: AnswerLine) -> Earlier | None:
    try:
        stored = service.ledger.answer(line.id)
    except LedgerError:  # cannot be read: its own page says why
        return None
    seen = seen_by(user, answers.replied(stored))
    last = seen.reviews[-1] if seen.reviews else None
    told = {name: getattr(seen, name) for name in ("status", "positive", "estimate", "course", "arms", "dose")}
    return Earlier(line=line, **told, review=last)
