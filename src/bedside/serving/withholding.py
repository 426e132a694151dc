"""Own estimate first: what the model says is kept from a clinician until that clinician has said what they expect."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bedside.ledger import AnswerRow, Listed, Review, User
from bedside.serving.documents import AnswerLine, AnswerReply
from bedside.serving.service import Service

SIGNED = frozenset({"final", "amended"})


def seen_by(user: User, answer: AnswerReply) -> AnswerReply:
    """The answer as this user may see it now.

    Nothing is kept from a service, nor where the model abstains; guidance, which is not the model's word, from nobody.
    Of an answer that is signed the physician's conclusion and action stand and are shown; the reasons of others, and
    what they expected, wait with the estimate.
    """
    given = any(own.clinician == user.name for own in answer.own_estimates)
    if user.role != "clinician" or not answer.own_estimate_first or given:
        return answer
    return msgspec.structs.replace(
        answer,
        estimate=None,
        prediction_set=(),
        spread=None,
        alert=None,
        explanation=None,
        course=None,
        arms=None,
        dose=None,
        reviews=tuple(_without_reasons(review, signed=answer.status in SIGNED) for review in answer.reviews),
        own_estimates=(),
        withheld=True,
    )


def _without_reasons(review: Review, *, signed: bool) -> Review:
    kept = {} if signed else {"conclusion": "", "action": ""}
    return msgspec.structs.replace(review, reason="", reason_codes=(), **kept)


def lines(service: Service, user: User, rows: Iterable[AnswerRow]) -> tuple[AnswerLine, ...]:
    """Rows of the worklist as this clinician may see them."""
    listed = list(rows)
    asked = [row.id for row in listed if row.own_first]
    given = service.ledger.own_estimates_of(user.name, asked) if asked else frozenset()
    return tuple(_line(row, withheld=row.own_first and row.id not in given) for row in listed)


def _line(row: AnswerRow, *, withheld: bool) -> AnswerLine:
    told = {name: getattr(row, name) for name in Listed.__struct_fields__}
    return AnswerLine(**told | ({"alert": None} if withheld else {}), withheld=withheld)
