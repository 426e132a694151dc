"""Which version of a release answers, as the acts entered one after another imply it: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
from msgspec.structs import replace

MODES = ("live", "silent", "withdrawn")


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One act about which version of a release answers.

    Attributes
    ----------
    seq, at: the entry, and when it was written, UTC.
    kind: ``deployed`` and ``rolled-back``: a person decided; ``taken-over`` and ``deployment-refused``: what a server
        made of it.
    name, version, digest: the release that it is about; of a rollback, the version gone back to.
    mode: ``live``: it answers; ``silent``: it answers beside the live one, shown to nobody who treats; ``withdrawn``:
        neither from then on.
    place: folder or zip that servers read it from. by: the user, or the server. reason: in the user's words, or why it
        was refused.
    solo: decided for servers that answer without approval for care. of: number of the decision that a server acted on;
        None where its own command line decided.
    """

    seq: int
    at: str
    kind: Literal["deployed", "rolled-back", "taken-over", "deployment-refused"]
    name: str
    version: str
    digest: str
    mode: Literal["live", "silent", "withdrawn"]
    place: str
    by: str
    reason: str = ""
    solo: bool = False
    of: int | None = None


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """What was live under one name, and what is.

    Attributes
    ----------
    live: the acts that made each version live, the present one last; empty where none is.
    silent: the act that made one silent. withdrawn: digests that were rolled back or withdrawn.
    decided: whether a person decided; before that, the command line of each server does.
    """

    live: tuple[Deployment, ...] = ()
    silent: Deployment | None = None
    withdrawn: frozenset[str] = frozenset()
    decided: bool = False

    @property
    def present(self) -> Deployment | None:
        """The act that made the present version live."""
        return self.live[-1] if self.live else None

    @property
    def before(self) -> Deployment | None:
        """The act that made the version before the present one live: the one to go back to."""
        return self.live[-2] if len(self.live) > 1 else None


def successions(
    acts: Iterable[Deployment], counts: Callable[[Deployment], bool] = lambda _: True
) -> dict[str, Succession]:
    """By name; an act that does not count, as those for solo servers do not on others, is passed over."""
    found: dict[str, Succession] = {}
    for act in acts:
        if act.kind != "deployment-refused" and counts(act):
            found[act.name] = after(found.get(act.name, Succession()), act)
    return found


def after(now: Succession, act: Deployment) -> Succession:
    """What is live and silent once this act was entered."""
    if act.kind == "taken-over":
        return _begun(now, act)
    if act.kind == "rolled-back":
        return _gone_back(now, act)
    others = now.withdrawn - {act.digest}
    silent = None if now.silent is not None and now.silent.digest == act.digest else now.silent
    if act.mode == "silent":
        return replace(now, silent=act, withdrawn=others)
    if act.mode == "withdrawn":
        ends = now.present is not None and now.present.digest == act.digest
        decided = now.decided or ends
        live = () if ends else now.live
        return Succession(live=live, silent=silent, withdrawn=others | {act.digest}, decided=decided)
    again = now.present is not None and now.present.digest == act.digest
    live = (*(now.live[:-1] if again else now.live), act)
    return Succession(live=live, silent=silent, withdrawn=others, decided=True)


def _begun(now: Succession, act: Deployment) -> Succession:
    """A server's own command line decides as long as no person did."""
    known = now.present is not None and now.present.digest == act.digest
    if act.of is not None or act.mode != "live" or now.decided or known:
        return now
    return replace(now, live=(*now.live, act))


def _gone_back(now: Succession, act: Deployment) -> Succession:
    earlier, gone = now.live[:-1], now.live[-1:]
    while earlier and earlier[-1].digest != act.digest:
        earlier = earlier[:-1]
    withdrawn = (now.withdrawn | {one.digest for one in gone}) - {act.digest}
    return replace(now, live=(*earlier[:-1], act), withdrawn=withdrawn, decided=True)
