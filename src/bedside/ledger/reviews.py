"""The physician leads: how a review moves an answer from one status to the next.

=========================  ==========  =====================  ================  =================================
status                     verdict     must say               becomes           unless
=========================  ==========  =====================  ================  =================================
preliminary                agree       (conclusion) [#a]_     final             the reviewer was unsure last
preliminary                disagree    conclusion, reason     final             the reviewer was unsure last
preliminary                unsure                             preliminary       the reviewer was unsure last
final, amended             agree       (conclusion), reason   amended
final, amended             disagree    conclusion, reason     amended
any but entered-in-error   (withdraw)  reason                 entered-in-error
=========================  ==========  =====================  ================  =================================

.. [#a] only where the model abstained: there is no estimate whose words could stand, so the clinician's own must.

Whatever is not in the table is a ``Conflict``: an expired, superseded or withdrawn answer cannot be reviewed, and a
final one cannot become unsure. Only clinicians review and withdraw. ``unsure`` asks for a second reading by somebody
else: until another clinician has spoken, the one who asked cannot close the answer. Where a release asks for the
clinician's own estimate first, a review without one is a ``Conflict`` too; a withdrawal needs none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bedside.errors import AccessDenied, Conflict, ValueRefused
from bedside.ledger.answers import Answers, Review
from bedside.ledger.projection import AnswerRow, status_at
from bedside.ledger.user import User

VERDICTS = ("agree", "disagree", "unsure")
REASONS = (
    "fits-the-patient",
    "other-findings",
    "history-unknown-to-model",
    "values-wrong",
    "not-this-population",
    "too-uncertain",
    "wrong-patient",
    "duplicate",
)
"""Quick reasons: each is enough where a reason is needed, alone or beside words."""

TRANSITIONS: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("preliminary", "agree"): ((), "final"),
    ("preliminary", "disagree"): (("conclusion", "reason"), "final"),
    ("preliminary", "unsure"): ((), "preliminary"),
    ("final", "agree"): (("reason",), "amended"),
    ("final", "disagree"): (("conclusion", "reason"), "amended"),
    ("amended", "agree"): (("reason",), "amended"),
    ("amended", "disagree"): (("conclusion", "reason"), "amended"),
    **{
        (status, "entered-in-error"): (("reason",), "entered-in-error")
        for status in ("preliminary", "final", "amended", "superseded", "expired")
    },
}
"""(status, verdict) → (texts that must not be empty, new status)."""


class Reviews(Answers):
    """Reviews and withdrawals; each is checked and written in one transaction, so two at once cannot both be first."""

    def review(
        self,
        answer_id: str,
        *,
        verdict: str,
        conclusion: str = "",
        action: str = "",
        reason: str = "",
        reason_codes: Sequence[str] = (),
        reviewer: User,
        expected: str | None = None,
    ) -> Review:
        """Enter a clinician's verdict, under the table above.

        ``expected`` is the status that the reviewer saw; where it has changed since, the review is a ``Conflict``.
        Raises ``AccessDenied`` for other roles, ``ValueRefused`` naming a text that is missing, ``NotFound``.
        """
        if verdict not in VERDICTS:
            raise ValueRefused({"verdict": f"{verdict!r} is none of {', '.join(VERDICTS)}"})
        texts = {"conclusion": conclusion.strip(), "action": action.strip(), "reason": reason.strip()}
        return self._decide(answer_id, verdict, texts, reason_codes, reviewer, expected)

    def withdraw(
        self,
        answer_id: str,
        reason: str,
        reviewer: User,
        *,
        reason_codes: Sequence[str] = (),
        expected: str | None = None,
    ) -> Review:
        """Mark an answer as entered in error, such as one about the wrong patient. Raises as ``review`` does."""
        texts = {"conclusion": "", "action": "", "reason": reason.strip()}
        return self._decide(answer_id, "entered-in-error", texts, reason_codes, reviewer, expected)

    def _decide(
        self,
        answer_id: str,
        verdict: str,
        texts: dict[str, str],
        codes: Sequence[str],
        reviewer: User,
        expected: str | None,
    ) -> Review:
        _only_clinicians(reviewer)
        _only_known(codes)
        with self._writing() as connection:
            row = self._row(connection, answer_id)
            status = status_at(row, self.now())
            if expected not in (None, status):
                raise Conflict(f"the answer has become {status} meanwhile", where=answer_id, remedy="Read it again")
            if verdict in VERDICTS and row.own_first and not self._has_own(connection, answer_id, reviewer.name):
                raise Conflict(
                    "your own estimate comes first", where=answer_id, remedy="Give it, then read the model's"
                )
            body = {
                **texts,
                "verdict": verdict,
                "reviewer": reviewer.name,
                "reviewer_name": reviewer.full_name or reviewer.name,
                "status": _next(
                    row, status, verdict, texts | {"reason": texts["reason"] or ", ".join(codes)}, reviewer
                ),
                "reason_codes": list(codes),
            }
            kind = "withdrawal" if verdict == "entered-in-error" else "review"
            entry = self._moved(connection, row, kind, actor=reviewer.name, body=body)
        return msgspec.convert({**body, "answer": answer_id, "at": entry.at}, Review)


def _only_clinicians(reviewer: User) -> None:
    if reviewer.role != "clinician" or not reviewer.active:
        raise AccessDenied("only a clinician can review an answer")


def _only_known(codes: Sequence[str]) -> None:
    for code in codes:
        if code not in REASONS:
            raise ValueRefused({"reason_codes": f"{code!r} is none of {', '.join(REASONS)}"})


def _next(row: AnswerRow, status: str, verdict: str, texts: dict[str, str], reviewer: User) -> str:
    """The new status, or the error that says why there is none."""
    if (status, verdict) not in TRANSITIONS:
        act = "withdrawn" if verdict == "entered-in-error" else f"reviewed with {verdict!r}"
        raise Conflict(f"an answer that is {status} cannot be {act}", where=row.id)
    if verdict in VERDICTS and status == "preliminary" and row.reviewer == reviewer.name:
        raise Conflict(
            "you asked for a second reading of this answer", where=row.id, remedy="Another clinician has to read it"
        )
    required, new = TRANSITIONS[status, verdict]
    if verdict == "agree" and row.abstained:
        required = ("conclusion", *required)
    missing = {name: f"{verdict} needs a {name} here" for name in required if not texts[name]}
    if missing:
        raise ValueRefused(missing, where=row.id)
    return new
