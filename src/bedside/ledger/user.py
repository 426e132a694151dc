"""Somebody, or a service, that may use bedside."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

ROLES = ("clinician", "scientist", "admin", "auditor", "service")
NAME = re.compile(r"\w[\w.@-]{0,63}")
"""What a user may be called."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or a service, that may use bedside.

    Attributes
    ----------
    name: for logging in; lower case. full_name: as reviews are signed; None where not given.
    role: one of ``ROLES``. active: whether it may log in at all.
    """

    name: str
    full_name: str | None
    role: str
    active: bool


def normal_name(name: str) -> str:
    """A user's name as it is stored: nobody can pass for another by width or case. Empty for what can be no name."""
    name = unicodedata.normalize("NFKC", name).strip().casefold()
    return name if NAME.fullmatch(name) else ""


def user_of(row: Mapping[str, Any]) -> User:
    """The user of a row of ``users``."""
    return User(name=row["name"], full_name=row["full_name"], role=row["role"], active=row["active"])
