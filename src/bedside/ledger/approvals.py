"""Approvals: before a release answers for care, two people have to say so."""

from __future__ import annotations

import msgspec

from bedside.errors import AccessDenied, Conflict
from bedside.ledger.standing import Approval, Standing, enough
from bedside.ledger.user import User

APPROVING_ROLES = ("clinician", "scientist", "admin")


class Approvals(Standing):
    """Who approved which release."""

    def approve(self, digest: str, name: str, version: str, user: User, reason: str = "") -> Approval:
        """Enter an approval.

        Raises ``AccessDenied`` for a role that approves nothing and ``Conflict`` where this user already did.
        """
        if user.role not in APPROVING_ROLES or not user.active:
            raise AccessDenied(f"a release is approved by a {', '.join(APPROVING_ROLES[:-1])} or {APPROVING_ROLES[-1]}")
        body = {"name": name, "version": version, "approver": user.name, "role": user.role, "reason": reason.strip()}
        with self._writing() as connection:
            earlier = self._entries(connection, kind="approval", subject=digest)
            if any(entry.actor == user.name for entry in earlier):
                raise Conflict(f"{user.name} has approved {name} {version} already")
            entry = self._enter(connection, "approval", actor=user.name, body=body, subject=digest)
        self.latest_standing = entry.seq
        return msgspec.convert({**body, "digest": digest, "at": entry.at}, Approval)

    def approvals(self, digest: str) -> list[Approval]:
        """Approvals of the release with this digest, oldest first."""
        with self._reading() as connection:
            return [
                msgspec.convert({**self._decoded(connection, entry), "digest": digest, "at": entry.at}, Approval)
                for entry in self._entries(connection, kind="approval", subject=digest)
            ]

    def approved_for_care(self, digest: str) -> bool:
        """Whether two different people approved, at least one of them as a clinician."""
        return enough((given.approver, given.role) for given in self.approvals(digest))
