"""Suspensions: one clinician stops a release at once; two people let it answer again."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from bedside.errors import AccessDenied, Conflict, Refused, ValueRefused
from bedside.ledger.approvals import APPROVING_ROLES
from bedside.ledger.standing import Reinstatement, Standing, Suspension, enough, suspended
from bedside.ledger.user import User


class Suspensions(Standing):
    """Who suspended which release, and who said that it may answer again."""

    def suspend(self, digest: str, name: str, version: str, user: User, reason: str) -> Suspension:
        """Stop a release: from the moment this returns no answer of it is recorded, by whatever process.

        Raises ``AccessDenied`` for anybody but a clinician, ``ValueRefused`` without a reason, ``Conflict`` where it is
        suspended already.
        """
        if user.role != "clinician" or not user.active:
            raise AccessDenied("only a clinician suspends a release")
        body = {
            "name": name,
            "version": version,
            "by": user.name,
            "by_name": user.full_name or user.name,
            "reason": _required(reason),
        }
        with self._writing() as connection:
            standing = self._suspension(connection, digest)
            if standing is not None:
                raise Conflict(f"{name} {version} is suspended already: {suspended_words(standing)}")
            entry = self._enter(connection, "suspended", actor=user.name, body=body, subject=digest)
        self.latest_standing = entry.seq
        return msgspec.convert({**body, "digest": digest, "at": entry.at}, Suspension)

    def reinstate(self, digest: str, user: User, reason: str) -> tuple[Reinstatement, bool]:
        """Say that a suspended release may answer again; whether it may from now on, comes with it.

        It takes two different people, one of them a clinician; the one who suspended it may be among them.
        Raises ``AccessDenied`` for a role that approves nothing, ``ValueRefused`` without a reason, ``Conflict`` where
        nothing is suspended or this user has said so already.
        """
        if user.role not in APPROVING_ROLES or not user.active:
            raise AccessDenied(
                f"a release is reinstated by a {', '.join(APPROVING_ROLES[:-1])} or {APPROVING_ROLES[-1]}"
            )
        reason = _required(reason)
        with self._writing() as connection:
            standing = self._suspension(connection, digest)
            if standing is None:
                raise Conflict("this release is not suspended")
            if any(said.by == user.name for said in standing.reinstating):
                raise Conflict(f"{user.name} has said so already", remedy="Another person has to say it, too")
            body = {
                "name": standing.name,
                "version": standing.version,
                "by": user.name,
                "role": user.role,
                "reason": reason,
            }
            entry = self._enter(connection, "reinstatement", actor=user.name, body=body, subject=digest)
        self.latest_standing = entry.seq
        said = msgspec.convert({**body, "digest": digest, "at": entry.at}, Reinstatement)
        return said, enough((one.by, one.role) for one in (*standing.reinstating, said))

    def _suspension(self, connection: Connection, digest: str) -> Suspension | None:
        """The suspension that holds within this transaction, or None."""
        standing: dict[str, Suspension] = {}
        for entry in self._entries(connection, subject=digest):
            if entry.kind in ("suspended", "reinstatement"):
                suspended(standing, entry, self._decoded(connection, entry))
        return standing.get(digest)

    def _refuse_suspended(self, connection: Connection, digest: str) -> None:
        standing = self._suspension(connection, digest)
        if standing is not None:
            raise refusal(standing)


def suspended_words(suspension: Suspension) -> str:
    """Who suspended it, when and why, as a sentence."""
    return f"this release was suspended by {suspension.by_name} on {suspension.at[:16]}Z: {suspension.reason}"


def refusal(suspension: Suspension) -> Refused:
    """The error that every question to a suspended release gets."""
    return Refused(
        suspended_words(suspension),
        where=f"{suspension.name} {suspension.version}",
        remedy="Two people, one of them a clinician, reinstate it: bedside reinstate",
    )


def _required(reason: str) -> str:
    if not reason.strip():
        raise ValueRefused({"reason": "say why, in a sentence"})
    return reason.strip()
