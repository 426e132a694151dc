"""Identifiers of answers: unique anywhere, and in the order of time."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid


def answer_id(now: dt.datetime) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix time in milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000)
    bits = milliseconds << 80 | secrets.randbits(80)
    version = bits & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=version & ~(0x3 << 62) | 0x2 << 62))
