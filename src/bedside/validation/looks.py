"""How often the held-out patients were looked at: each look after the first makes the evidence less independent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

BESIDE_STUDY = ".bedside-looks.jsonl"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One computation of evidence on held-out patients.

    Attributes
    ----------
    at: when, UTC.
    candidate: candidate digest. study: digest of the study file. held_out: digest of the set of held-out patients.
    """

    at: dt.datetime
    candidate: str
    study: str
    held_out: str


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """Looks at one set of held-out patients.

    Attributes
    ----------
    count: how often evidence was computed on them, this time included.
    candidates: with how many different candidates.
    studies: with how many different versions of the study file; more than one means that the study changed in between.
    """

    count: int
    candidates: int
    studies: int


def note_look(look: Look, *, local: Path, study_folder: Path) -> Looks:
    """Count a look in the candidate's local folder and beside the study, and say how many there were.

    The record beside the study counts, because a new candidate gets a new local folder while the patients stay the
    same. Where the study's folder cannot be written to, the local record counts alone.
    """
    line = msgspec.json.encode(look) + b"\n"
    records = [local / "looks.jsonl", study_folder / BESIDE_STUDY]
    seen: list[Look] = []
    for record in records:
        try:
            with record.open("ab") as file:
                file.write(line)
        except OSError:
            continue
        looks = [msgspec.json.decode(text, type=Look) for text in record.read_bytes().splitlines() if text]
        same = [past for past in looks if past.held_out == look.held_out]
        seen = max(seen, same, key=len)
    return Looks(
        count=len(seen), candidates=len({past.candidate for past in seen}), studies=len({past.study for past in seen})
    )
