"""Deployments: which version of a release answers is decided by a person, entered, and followed by every server."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from bedside.errors import AccessDenied, Conflict, Refused
from bedside.ledger.standing import Standing, Standings
from bedside.ledger.succession import Deployment, Succession, successions
from bedside.ledger.suspensions import refusal
from bedside.ledger.user import User

Mode = Literal["live", "silent", "withdrawn"]


class Deployments(Standing):
    """Decisions of administrators, and what servers made of them, in the order of the chain."""

    def deploy(
        self,
        digest: str,
        name: str,
        version: str,
        *,
        place: str,
        mode: Mode = "live",
        user: User,
        reason: str = "",
        solo: bool = False,
    ) -> Deployment:
        """Decide that a release answers (``live``), runs silently, or does neither any more (``withdrawn``).

        ``solo`` is for servers that answer without approval for care. Raises ``AccessDenied`` for anybody but an
        administrator, ``Refused`` where it is suspended or, to go live without ``solo``, not approved for care,
        ``Conflict`` where the version names other bytes already or what is live should run silently beside itself.
        """
        _only_admins(user)
        body = {"name": name, "version": version, "digest": digest, "mode": mode, "place": place, "solo": solo}
        with self._writing() as connection:
            said = self._standings(connection)
            now = self._succession(said, name)
            _refuse_other_bytes(said, digest, name, version)
            if mode == "silent" and now.present is not None and now.present.digest == digest:
                raise Conflict(f"{name} {version} is live: it cannot run silently beside itself")
            if mode != "withdrawn":
                _refuse_unfit(said, digest, name, version, care=mode == "live" and not solo)
            act = self._enter_act(connection, "deployed", body, user.name, reason)
        self.latest_standing = act.seq
        return act

    def roll_back(
        self, name: str, *, user: User, reason: str = "", silent: bool = False, expected: str | None = None
    ) -> Deployment:
        """Go back to the version of this name that was live before; with ``silent``, end its silent release instead.

        ``expected``: the version that the user saw live, or silent, and wants to leave. Raises ``AccessDenied`` for
        anybody but an administrator, ``Conflict`` where there is nothing to go back to or another version than
        ``expected`` is to be left, ``Refused`` where the version before is suspended or, on a server for care, not
        approved.
        """
        _only_admins(user)
        with self._writing() as connection:
            said = self._standings(connection)
            now = self._succession(said, name)
            _refuse_unexpected(now.silent if silent else now.present, name, expected)
            if silent:
                if now.silent is None:
                    raise Conflict(f"no release of the name {name} runs silently")
                body = {**_facts(now.silent), "mode": "withdrawn"}
                act = self._enter_act(connection, "deployed", body, user.name, reason)
            else:
                before = now.before
                if before is None:
                    raise Conflict(
                        f"no other version of {name} was live before", remedy="Deploy the one that shall answer"
                    )
                _refuse_unfit(said, before.digest, name, before.version, care=not before.solo)
                act = self._enter_act(connection, "rolled-back", _facts(before), user.name, reason)
        self.latest_standing = act.seq
        return act

    def take_over(self, act: Deployment, *, server: str, refused: str | None = None) -> Deployment:
        """Enter that a server serves what was decided (or, with number 0, what its command line says), or why not."""
        kind = "taken-over" if refused is None else "deployment-refused"
        body = {**_facts(act), "of": act.seq or None}
        with self._writing() as connection:
            entered = self._enter_act(connection, kind, body, server, refused or "")
        self.latest_standing = entered.seq
        return entered

    def _succession(self, said: Standings, name: str) -> Succession:
        return successions(said.acts).get(name, Succession())

    def _enter_act(
        self, connection: Connection, kind: str, body: dict[str, Any], actor: str, reason: str
    ) -> Deployment:
        body = {**body, "by": actor, "reason": reason.strip()}
        entry = self._enter(connection, kind, actor=actor, body=body, subject=body["name"])
        return msgspec.convert({**body, "seq": entry.seq, "at": entry.at, "kind": kind}, Deployment)


def _facts(act: Deployment) -> dict[str, Any]:
    return {
        "name": act.name,
        "version": act.version,
        "digest": act.digest,
        "mode": act.mode,
        "place": act.place,
        "solo": act.solo,
    }


def _only_admins(user: User) -> None:
    if user.role != "admin" or not user.active:
        raise AccessDenied("only an administrator decides which version answers")


def _refuse_unexpected(present: Deployment | None, name: str, expected: str | None) -> None:
    """Two people who go back at the same time must not go back twice."""
    version = None if present is None else present.version
    if expected is not None and version != expected:
        raise Conflict(
            f"{name} {expected} has been replaced meanwhile, by {version or 'none'}",
            remedy="Look who decided what, then decide again",
        )


def _refuse_other_bytes(said: Standings, digest: str, name: str, version: str) -> None:
    """A version stands under every answer: it must mean the same bytes for good."""
    other = next((a.digest for a in said.acts if (a.name, a.version) == (name, version) and a.digest != digest), None)
    if other is not None:
        raise Conflict(
            f"{name} {version} was served before with other bytes (digest {other[:16]}...)",
            remedy="Give the study another version, train, validate and sign again",
        )


def _refuse_unfit(said: Standings, digest: str, name: str, version: str, *, care: bool) -> None:
    if digest in said.suspensions:
        raise refusal(said.suspensions[digest])
    if care and not said.approved(digest):
        raise Refused(
            "this release is not approved for care",
            where=f"{name} {version}",
            remedy="Two people, one of them a clinician, approve it: bedside approve; --silent needs no approval",
        )
