"""Asking the provider over HTTP: with a time-out, a limit on what it may say, and no following of redirects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from bedside.serving.call import is_loopback

SECONDS = 5.0
_MOST = 1024 * 1024


class ProviderSilent(Exception):  # noqa: N818  # it says what happened
    """The provider does not answer, or says something that nobody can use; ``why`` is a constant text for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def fetch(
    url: str, *, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of a GET, or of a POST of ``fields``. Raises ``ProviderSilent``."""
    import http.client  # only a server with a provider pays for these
    import urllib.error
    import urllib.request

    if not secure(url):
        raise ProviderSilent("an address without TLS")
    body = None if fields is None else urlencode(fields).encode()
    request = urllib.request.Request(url, body, {"Accept": "application/json", **(headers or {})})  # noqa: S310  (checked above)
    opener = urllib.request.build_opener(_no_redirects())
    try:
        with opener.open(request, timeout=SECONDS) as reply:
            status, text = reply.status, reply.read(_MOST + 1)
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read(_MOST + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProviderSilent(f"no answer ({type(error).__name__})") from error
    try:
        said = json.loads(text) if len(text) <= _MOST else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProviderSilent(f"status {status} and no JSON object")
    return status, said


def secure(url: str) -> bool:
    """Whether nobody on the way can read what is sent there: over TLS, or within this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _no_redirects() -> Any:
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        """A redirect of a token request would carry the secret elsewhere."""

        def redirect_request(self, *_: Any) -> None:
            return None

    return Stay()
