"""Medications of which guidance can say nothing: a misspelt one must not go unheard."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bedside.answering.record import Record
from bedside.release import Guidance

_AND = re.compile(r"[,+&\n]|\band\b", re.IGNORECASE)
_A_WORD = re.compile(r"[^\W\d_]{3}")


def unheard(guidance: Guidance, record: Record) -> Iterator[str]:
    """One sentence that names the medications that no rule knows, as they were sent; none where there are none."""
    unknown = dict.fromkeys(one for text in record.medications or () for one in _unknown(guidance, text))
    if unknown:
        names = ", ".join(unknown)
        yield f"No statement about: {names}. No rule here knows the medication by name: check the spelling."


def _unknown(guidance: Guidance, text: str) -> list[str]:
    """A text that names nothing known; of one that does, its parts that do not: ``aspirin, amiodaron`` is two."""
    if not guidance.named(text):
        return [text]
    parts = (part.strip() for part in _AND.split(text))
    return [part for part in parts if _A_WORD.search(part) and not guidance.named(part)]
