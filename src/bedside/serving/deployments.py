"""Putting a version into service: verified, its golden cases run here, and only then swapped in, all at once.

A decision is an entry of the ledger. Every server on that ledger follows it: it opens the release from the place that
the entry names, with its own key, while the old version goes on answering. What does not hold is refused, entered and
logged, and the old version stays.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bedside.errors import Conflict, LedgerError, Refused, UsageError
from bedside.ledger import Deployment, Succession, User, successions
from bedside.release import golden_check, open_release
from bedside.serving.logs import log
from bedside.serving.served import Loaded, Served, arranged, load
from bedside.serving.service import Service

_NOTHING = Succession()


def open_service(releases: Sequence[Loaded], service: Service) -> Service:
    """Let the service take in the releases that the command line names and those that the ledger says are deployed.

    Which version answers is the ledger's to say; where it says nothing, the highest of the command line. Raises
    ``UsageError`` for no release at all or two of the same name and version, ``Refused`` for a live one that cannot be
    read or does not verify.
    """
    arranged(releases)
    service.given = frozenset(loaded.digest for loaded in releases)
    service.take_in(releases)
    service.take_in(_deployed_elsewhere(service))
    if not service.served.all:
        raise UsageError("there is no release to serve", remedy="Name at least one signed release, or deploy one")
    return service


def deploy(
    service: Service,
    user: User,
    place: str | Path,
    mode: Literal["live", "silent", "withdrawn"] = "live",
    reason: str = "",
    *,
    name: str | None = None,
) -> Deployment:
    """Open, verify and check the release at ``place`` here, enter the decision, and serve it from then on.

    Raises ``SignatureInvalid`` or ``Refused`` where it does not hold here or has expired, ``Conflict`` where it is not
    the release ``name`` that was meant, and what ``Ledger.deploy`` raises: then nothing is entered.
    """
    with service.loading:
        loaded = _opened(service, service.follow(), Path(place))
        if name is not None and loaded.name != name:
            raise Conflict(f"the release there is {loaded.name}, not {name}", where=str(place))
        if mode != "withdrawn":
            loaded.model.manifest.require_valid(service.clock().astimezone(dt.UTC).date())
        act = service.ledger.deploy(
            loaded.digest,
            loaded.name,
            loaded.version,
            place=loaded.place,
            mode=mode,
            user=user,
            reason=reason,
            solo=service.solo,
        )
        _serve(service, (loaded,))
    return act


def rollback(
    service: Service, user: User, name: str, reason: str = "", *, silent: bool = False, expected: str | None = None
) -> Deployment:
    """Go back to the version before, which is opened and checked first, or end the silent release.

    Raises what ``deploy`` raises where the version before does not hold here, and as ``Ledger.roll_back``: then nothing
    is entered, and what was live stays.
    """
    with service.loading:
        picture = service.follow()
        before = None if silent else successions(picture.said.acts).get(name, _NOTHING).before
        missing = before is not None and picture.of_digest(before.digest) is None
        opened = (_opened(service, picture, Path(before.place), before),) if before is not None and missing else ()
        act = service.ledger.roll_back(name, user=user, reason=reason, silent=silent, expected=expected)
        _serve(service, opened)
    return act


def _serve(service: Service, opened: tuple[Loaded, ...]) -> None:
    """Serve what was entered just now.

    It stands whatever happens next: where the ledger fails before this server has taken it in, the thread that follows
    the ledger does so as soon as it can.
    """
    try:
        service.take_in(opened)
        _acknowledge(service)
    except LedgerError as error:
        log("a decision was entered and will be followed later", level=logging.ERROR, what=error.what)


def take_over(service: Service) -> Served:
    """Serve what the ledger has decided since: what is not loaded is opened and checked first, then swapped in.

    A release that cannot be opened, does not verify or answers its golden cases otherwise is refused: entered, logged,
    counted, and not tried again before it is deployed again.
    """
    with service.loading:
        picture = service.follow()
        opened = []
        for act in _missing(picture):
            if act.seq in service.settled:
                continue
            try:
                opened.append(_opened(service, picture, Path(act.place), act))
            except Exception as error:  # whatever is wrong with one release must not keep back the others
                _refuse(service, act, error)
        if opened:
            service.take_in(opened)
        _acknowledge(service)
        return service.served


def _deployed_elsewhere(service: Service) -> list[Loaded]:
    """What the ledger says is deployed and the command line does not name, opened.

    Raises ``Refused`` where a live one cannot be had: then the server must not start. A silent one is left out.
    """
    opened = []
    picture = service.served
    for act in _missing(picture):
        try:
            # A live one's golden cases stop the start where they do not hold, with those of all that is loaded.
            opened.append(_opened(service, picture, Path(act.place), act, golden=act.mode == "silent"))
        except Exception as error:
            if act.mode == "live":
                raise Refused(
                    f"{act.name} {act.version} is deployed and cannot be served: {error}",
                    where=act.place,
                    remedy=f"Put it back there, or go back to the version before: bedside rollback {act.name}",
                ) from error
            _refuse(service, act, error)
    return opened


def begin(service: Service) -> None:
    """Enter what this server serves from its start on."""
    picture = service.served
    for loaded in picture.live.values():
        if not picture.decided.get(loaded.name, _NOTHING).decided:
            act = Deployment(
                seq=0, at="", kind="taken-over", name=loaded.name, version=loaded.version, digest=loaded.digest,
                mode="live", place=loaded.place, by="", solo=service.solo,
            )  # fmt: skip
            service.ledger.take_over(act, server=service.id)
    _acknowledge(service)


def _decisions(picture: Served) -> list[Deployment]:
    """The acts of people that say what answers now."""
    found = [act for name in picture.decided.values() for act in (name.present, name.silent) if act is not None]
    return [act for act in found if act.kind in ("deployed", "rolled-back")]


def _missing(picture: Served) -> list[Deployment]:
    return [act for act in _decisions(picture) if picture.of_digest(act.digest) is None]


def _opened(
    service: Service, picture: Served, place: Path, act: Deployment | None = None, *, golden: bool = True
) -> Loaded:
    """The release at ``place``, verified with this server's key and, with ``golden``, asked its golden cases here."""
    if service.key is None:
        raise UsageError("this server was started without a key to verify releases with", where=str(place))
    loaded = load(open_release(place, service.key), target=service.target)
    if act is not None and loaded.digest != act.digest:
        raise Refused(f"the release there is not the one that was deployed ({act.name} {act.version})")
    other = picture.versions.get(loaded.name, {}).get(loaded.version)
    if other is not None and other.digest != loaded.digest:
        raise Refused(f"{loaded.name} {loaded.version} is loaded here with other bytes")
    if golden:
        golden_check(loaded.model)
    return loaded


def _refuse(service: Service, act: Deployment, error: Exception) -> None:
    reason = str(error) or type(error).__name__
    service.ledger.take_over(act, server=service.id, refused=reason)
    service.settled.add(act.seq)  # not before: what could not be entered is tried again
    service.metrics.deployment("refused")
    log("deployment refused", level=logging.ERROR, release=act.name, version=act.version, reason=reason)


def _acknowledge(service: Service) -> None:
    """Enter, once for each decision, that this server follows it."""
    picture = service.served
    for act in _decisions(picture):
        serving = picture.silent if act.mode == "silent" else picture.live
        loaded = serving.get(act.name)
        if act.seq in service.settled or loaded is None or loaded.digest != act.digest:
            continue
        service.ledger.take_over(act, server=service.id)
        service.settled.add(act.seq)
        service.metrics.deployment("taken-over")
        log("deployment taken over", release=act.name, version=act.version, mode=act.mode)
