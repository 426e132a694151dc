"""A signed release as a web page that answers on the device: ``page``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedside.browser import Site


def page(release: str | Path, *, key: str | Path, out: str | Path) -> Site:
    """Write the zip that is unpacked on a file server; it works without one from then on.

    Raises `SignatureInvalid` where the release does not hold, `Refused` where it has expired, and `UsageError` where it
    was not packed for the target ``browser``.
    """
    from bedside.browser import write_site

    return write_site(Path(release), Path(key), Path(out), today=dt.datetime.now(dt.UTC).date())
