"""Files for other machines: ``drop``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from bedside.cli.study import HeldOut, local_folder


class Dropped(msgspec.Struct, frozen=True):
    """What `drop` left: the candidate's folder, its new digest and the targets that it still has."""

    candidate: str
    target: str
    digest: str
    targets: tuple[str, ...]


def drop(candidate: str | Path, target: str) -> Dropped:
    """Pack a candidate without one of its targets; its digest changes and its evidence goes.

    Raises `NotFound` where it has no such target, `UsageError` for the reference, `Conflict` for a signed release.
    """
    from bedside.release import drop as without
    from bedside.release import open_candidate

    path = Path(candidate)
    before = open_candidate(path)
    after = without(before, target)
    _follow(local_folder(path.resolve()), before.digest, after.digest, target)
    return Dropped(str(candidate), target, after.digest, tuple(after.manifest.targets))


def _follow(local: Path, before: str, after: str, target: str) -> None:
    """The record of who was held out is about the new bytes now; where it is not here, there is nothing to change."""
    record = local / "split.json"
    try:
        held_out = msgspec.json.decode(record.read_bytes(), type=HeldOut)
    except (OSError, msgspec.MsgspecError):
        return
    if held_out.candidate_digest == before:
        changed = msgspec.structs.replace(held_out, candidate_digest=after)
        record.write_bytes(msgspec.json.format(msgspec.json.encode(changed)))
        with (local / "train.log").open("a") as log:
            log.write(f"{dt.datetime.now(dt.UTC).isoformat()} dropped {target} from {before}: {after}\n")
