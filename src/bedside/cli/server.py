"""The ward's side: ``serve``, ``user add`` and ``renew``."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bedside.errors import AccessDenied

if TYPE_CHECKING:
    from bedside.ledger import Ledger, User

DEFAULT_LEDGER = "bedside-ledger.db"


class Added(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user with a new one-time password, or a new service with its API key; neither is shown again."""

    name: str
    role: str
    password: str | None = None
    key: str | None = None


def open_ledger(url: str | None) -> Ledger:
    """The ledger at `url`, or at ``BEDSIDE_LEDGER``, or beside the current folder."""
    from bedside.ledger import Ledger

    return Ledger.open(url or os.environ.get("BEDSIDE_LEDGER") or DEFAULT_LEDGER)


def serve(
    releases: Sequence[str | Path],
    *,
    key: str | Path,
    ledger: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8765,
    solo: bool = False,
    oip: bool = False,
    oidc: str | Path | None = None,
    tls_cert: str | Path | None = None,
    tls_key: str | Path | None = None,
    behind_proxy: str | None = None,
    insecure_host: bool = False,
    idle_minutes: int = 15,
    rate_limit: int = 10_000,
    connections: int = 500,
    target: str = "server-cpu",
) -> None:
    """Serve verified releases, and those that the ledger says are deployed, until the process is told to stop.

    Which version of a name answers is the ledger's to say; where it says nothing, the highest one named here.
    `target` is the file of each release that runs; ``auto`` takes the fastest whose golden cases hold on this machine.
    Raises `SignatureInvalid` or `Refused` before anything is served where a release does not verify or its golden cases
    come out differently on this machine, and `UsageError` for options that do not fit.
    """
    from bedside.release import open_release
    from bedside.review import PAGES
    from bedside.serving import admission, create_app, run, tls_files

    tls = tls_files(tls_cert, tls_key)
    admitted = admission(idle_minutes, rate_limit, oidc, connections)
    opened = [open_release(Path(release), Path(key)) for release in releases]
    with open_ledger(ledger) as book:
        app = create_app(
            opened, book, solo=solo, pages=PAGES, key=Path(key), oip=oip, admission=admitted, target=target
        )
        run(
            app,
            host,
            port,
            tls=tls,
            behind_proxy=behind_proxy,
            insecure_host=insecure_host,
            announce=_announce,
        )


def _announce(url: str) -> None:
    sys.stderr.write(f"Serving on {url}/ (Ctrl-C ends it)\n")
    sys.stderr.flush()


def _password(user: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {user}: ")
    return sys.stdin.readline().rstrip("\n")


def proven(book: Ledger, user: str, password: str | None) -> User:
    """The user whose password this is; where it is None it is asked for, or read from standard input.

    Raises `AccessDenied` for a wrong password, and for a one-time password that has not been changed yet.
    """
    person = book.authenticate(user, _password(user) if password is None else password)
    if book.must_change(person):
        raise AccessDenied("the one-time password must be changed first", remedy="Log in to the pages once")
    return person


def user_add(
    name: str, *, role: str, full_name: str | None = None, days: int | None = None, ledger: str | None = None
) -> Added:
    """Add a user; the one-time password (or a service's API key) is returned once and kept only as a hash.

    A service's key works for `days`, or until it is revoked.
    """
    actor = f"command line ({getpass.getuser()})"
    with open_ledger(ledger) as book:
        user, secret = book.add_user(name, role, full_name=full_name, days=days, actor=actor)
    return Added(user.name, user.role, key=secret) if user.role == "service" else Added(user.name, user.role, secret)


def user_renew(name: str, *, ledger: str | None = None) -> Added:
    """Give a user a new one-time password; ends the old one, a lock-out and all sessions.

    Raises `NotFound` where there is no such user, and `Conflict` for a service, which has keys.
    """
    with open_ledger(ledger) as book:
        secret = book.renew_secret(name, actor=f"command line ({getpass.getuser()})")
        user = book.user(name)
    return Added(user.name, user.role, secret)


def user_link(name: str, *, issuer: str, subject: str, ledger: str | None = None) -> User:
    """Let a user who is there already log in through a provider, as the person that it calls `subject`.

    Raises `NotFound` where there is no such user, and `Conflict` where either of the two is linked already.
    """
    with open_ledger(ledger) as book:
        return book.link(name, issuer, subject, actor=f"command line ({getpass.getuser()})")
