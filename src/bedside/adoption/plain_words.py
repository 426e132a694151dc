"""What a file says of itself, before it is shown to anybody: a plain name or number, or nothing."""

from __future__ import annotations

import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_.+-]{1,60}")


def plain(value: Any) -> str:
    """A number or an identifier as a text; anything else as an empty one."""
    text = "" if isinstance(value, bool) or not isinstance(value, (str, int, float)) else str(value)
    return text if _PLAIN.fullmatch(text) else ""
