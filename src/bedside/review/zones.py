"""Time zones by their IANA names: the server's own, the one a reader chose, and those to choose from."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

LOCALTIME = Path("/etc/localtime")
REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zone(name: str) -> ZoneInfo | None:
    """The zone of this name; None where there is none."""
    try:
        return ZoneInfo(name) if len(name) <= 64 else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def own_zone() -> ZoneInfo:
    """The zone of the server, from ``TZ`` or from the system's setting; UTC where neither names one."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named and LOCALTIME.is_symlink():
        named = str(LOCALTIME.resolve()).rpartition("zoneinfo/")[2]
    return (zone(named) if named else None) or ZoneInfo("UTC")


@cache
def choices() -> dict[str, tuple[str, ...]]:
    """Region → its zones, as ``Asia/Shanghai``; what has no region, UTC aside, is an old name for one of them."""
    names = sorted(available_timezones())
    regions = {region: tuple(name for name in names if name.startswith(f"{region}/")) for region in REGIONS}
    return {"UTC": ("UTC",)} | {region: found for region, found in regions.items() if found}
