"""A clinician's own estimate, given before the model's is shown; it is an entry and never changes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from bedside.errors import AccessDenied, Conflict, ValueRefused
from bedside.ledger import tables
from bedside.ledger.answers import Answers, OwnEstimate
from bedside.ledger.tables import OWN_ESTIMATE
from bedside.ledger.user import User


class OwnEstimates(Answers):
    """One own estimate for each clinician and answer."""

    def own_estimate(
        self,
        answer_id: str,
        *,
        estimate: Mapping[str, float] | None,
        clinician: User,
        choice: str | None = None,
        unit: str | None = None,
    ) -> OwnEstimate:
        """Enter what the clinician expects: probability by class, or a quantity in `unit`, or the treatment chosen.

        With neither the clinician could not say. Raises ``AccessDenied`` for other roles, ``NotFound``,
        ``ValueRefused`` for what is no probability and no quantity, and ``Conflict`` where the answer does not ask for
        it or the clinician has given one before.
        """
        if clinician.role != "clinician" or not clinician.active:
            raise AccessDenied("only a clinician can give an own estimate")
        given = None if estimate is None else _checked(estimate) if unit is None else _quantities(estimate)
        with self._writing() as connection:
            row = self._row(connection, answer_id)
            if not row.own_first:
                raise Conflict("this answer does not ask for an own estimate", where=answer_id)
            if self._has_own(connection, answer_id, clinician.name):
                raise Conflict("you have given your own estimate already", where=answer_id)
            body = {"estimate": given, "clinician": clinician.name}
            body |= {"clinician_name": clinician.full_name or clinician.name}
            body |= {name: told for name, told in (("choice", choice), ("unit", unit)) if told is not None}
            entry = self._enter(
                connection, OWN_ESTIMATE, actor=clinician.name, body=body, subject=row.id, patient=row.patient
            )
        return msgspec.convert({**body, "answer": answer_id, "at": entry.at}, OwnEstimate)

    def own_estimates_of(self, clinician: str, answer_ids: list[str]) -> frozenset[str]:
        """Those of the answers that this clinician has given an own estimate of."""
        entry = tables.entries.c
        query = select(entry.subject).where(
            entry.kind == OWN_ESTIMATE, entry.actor == clinician, entry.subject.in_(answer_ids)
        )
        with self._reading() as connection:
            return frozenset(connection.execute(query).scalars()) if answer_ids else frozenset()


def _quantities(estimate: Mapping[str, float]) -> dict[str, float]:
    wrong = [name for name, value in estimate.items() if not (math.isfinite(value) and value >= 0.0)]
    if wrong or not estimate:
        raise ValueRefused({"estimate": "give a number that is not below 0, or say that you cannot"})
    return dict(estimate)


def _checked(estimate: Mapping[str, float]) -> dict[str, float]:
    problems = {}
    for name, probability in estimate.items():
        if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
            problems[f"estimate.{name}"] = "a probability lies between 0 and 1"
    if not problems and not estimate:
        problems["estimate"] = "give a probability, or say that you cannot"
    if not problems and sum(estimate.values()) > 1.0 + 1e-9:
        problems["estimate"] = "the probabilities of all classes together are more than 1"
    if problems:
        raise ValueRefused(problems)
    return dict(estimate)
