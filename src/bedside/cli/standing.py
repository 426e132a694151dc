"""What people decide about releases: ``approve``, ``deploy``, ``rollback``, ``suspend``, ``reinstate``."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bedside.cli.server import open_ledger, proven
from bedside.errors import NotFound

if TYPE_CHECKING:
    from bedside.ledger import Approval, Deployment, Ledger, Suspension

WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.1


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it was entered, and what became of it.

    Attributes
    ----------
    name, version, digest: the release that it is about. mode: ``live``, ``silent`` or ``withdrawn``.
    entry: number of the decision in the ledger. by: who decided.
    taken_over_by: the server that follows it by now; None where none has said so yet.
    refused: why a server could not follow it; None where none said so.
    holds: False where a server refused it.
    followed: whether a server runs that follows this ledger; where none does, nobody is waited for.
    """

    name: str
    version: str
    digest: str
    mode: str
    entry: int
    by: str
    taken_over_by: str | None
    refused: str | None
    holds: bool
    followed: bool


class Reinstated(msgspec.Struct, frozen=True, kw_only=True):
    """Who said that the release may answer again, and whether it may."""

    name: str
    version: str
    digest: str
    by: str
    lifted: bool


def approve(
    release: str | Path,
    *,
    key: str | Path,
    user: str,
    reason: str,
    ledger: str | None = None,
    password: str | None = None,
) -> Approval:
    """Approve a release for care in the name of `user`; the password is asked for, or read from standard input.

    Care needs approvals of two people, one of them a clinician. Raises `AccessDenied` for a wrong password, and for a
    one-time password that has not been changed yet.
    """
    from bedside.release import verify

    verified = verify(Path(release), Path(key))
    with open_ledger(ledger) as book:
        person = proven(book, user, password)
        return book.approve(verified.digest, verified.name, verified.version, person, reason)


def deploy(
    release: str | Path,
    *,
    key: str | Path,
    user: str,
    silent: bool = False,
    solo: bool = False,
    reason: str = "",
    ledger: str | None = None,
    wait: float = WAIT_SECONDS,
    password: str | None = None,
) -> Deployed:
    """Put a release into service: verified and its golden cases run here, entered, then followed by every server.

    Servers on this ledger open it from the same place, check it on their own machine and swap it in while they answer.
    With `silent` it answers beside the live one and is shown to nobody who treats. `solo`: for servers in solo mode.
    `wait`: seconds to wait for the word of a server, where one runs.

    Raises `SignatureInvalid` or `Refused` where it does not hold here, has expired, is suspended or not approved, and
    `AccessDenied` where `user` is no administrator: then nothing is entered.
    """
    from bedside.release import golden_check, open_release

    opened = open_release(Path(release), Path(key))
    manifest = opened.manifest
    manifest.require_valid(dt.datetime.now(dt.UTC).date())
    golden_check(opened.load("server-cpu"))
    with open_ledger(ledger) as book:
        person, followed = proven(book, user, password), book.attended()
        act = book.deploy(
            opened.digest,
            manifest.name,
            manifest.version,
            place=str(Path(release).absolute()),
            mode="silent" if silent else "live",
            user=person,
            reason=reason,
            solo=solo,
        )
        return _followed(book, act, wait if followed else 0, followed=followed)


def rollback(
    name: str,
    *,
    user: str,
    silent: bool = False,
    reason: str = "",
    ledger: str | None = None,
    wait: float = WAIT_SECONDS,
    password: str | None = None,
) -> Deployed:
    """Go back to the version of `name` that was live before; with `silent`, end its silent release instead.

    ``NAME@VERSION`` names the version to leave. Raises `Conflict` where another has taken its place meanwhile or there
    is nothing to go back to, `AccessDenied` where `user` is no administrator.
    """
    name, _, leaving = name.partition("@")
    with open_ledger(ledger) as book:
        person, followed = proven(book, user, password), book.attended()
        act = book.roll_back(name, user=person, reason=reason, silent=silent, expected=leaving or None)
        # Nobody has to open anything in order to stop: no server says a word about that.
        return _followed(book, act, wait if followed and act.mode != "withdrawn" else 0, followed=followed)


def suspend(
    release: str | Path,
    *,
    user: str,
    reason: str,
    key: str | Path | None = None,
    ledger: str | None = None,
    password: str | None = None,
) -> Suspension:
    """Stop a release at once, in the name of a clinician; no answer of it is given from then on.

    `release`: its folder or zip, or the name under which it is served, or ``NAME@VERSION``. Raises `AccessDenied` where
    `user` is no clinician, `Conflict` where it is suspended already.
    """
    with open_ledger(ledger) as book:
        digest, name, version = _meant(book, release, key)
        return book.suspend(digest, name, version, proven(book, user, password), reason)


def reinstate(
    release: str | Path,
    *,
    user: str,
    reason: str,
    key: str | Path | None = None,
    ledger: str | None = None,
    password: str | None = None,
) -> Reinstated:
    """Say that a suspended release may answer again; it may once two people have said so, one of them a clinician.

    `release` as for `suspend`. Raises `Conflict` where it is not suspended or this user has said so already.
    """
    with open_ledger(ledger) as book:
        digest, name, version = _meant(book, release, key)
        said, lifted = book.reinstate(digest, proven(book, user, password), reason)
        return Reinstated(name=name, version=version, digest=digest, by=said.by, lifted=lifted)


def _meant(book: Ledger, release: str | Path, key: str | Path | None) -> tuple[str, str, str]:
    """Digest, name and version of a release: from its files, or as the ledger knows it."""
    from bedside.ledger import successions
    from bedside.release import open_candidate, open_release

    path = Path(release)
    if path.is_file() or (path / "manifest.json").is_file():
        opened = open_release(path, Path(key)) if key else open_candidate(path)
        return opened.digest, opened.manifest.name, opened.manifest.version
    name, _, version = str(release).partition("@")
    said = book.standings()
    found = successions(said.acts).get(name)
    acts = [found.present or found.silent] if found is not None and not version else said.acts[::-1]
    for act in acts:
        if act is not None and act.name == name and version in ("", act.version):
            return act.digest, act.name, act.version
    raise NotFound(
        "no server on this ledger has served a release of this name", where=str(release), remedy="Name its folder"
    )


def _followed(book: Ledger, act: Deployment, wait: float, *, followed: bool) -> Deployed:
    """The decision with the first word of a server about it, waited for that long."""
    until = time.monotonic() + wait
    word = None
    while word is None and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        if book.standing_since(act.seq)[0]:
            word = next((said for said in book.standings().acts if said.of == act.seq), None)
    refused = word is not None and word.kind == "deployment-refused"
    return Deployed(
        name=act.name,
        version=act.version,
        digest=act.digest,
        mode=act.mode,
        entry=act.seq,
        by=act.by,
        taken_over_by=None if word is None or refused else word.by,
        refused=word.reason if word is not None and refused else None,
        holds=not refused,
        followed=followed,
    )
