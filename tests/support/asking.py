"""A client of a real server that notes what it was promised."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
from hospital import HIGH


class Asking:
    """Asks with a service's key. ``acknowledged`` holds the id of every answer that was given."""

    def __init__(self, url: str, key: str) -> None:
        self.acknowledged: list[str] = []
        self._client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def ask(self, patient: str) -> httpx2.Response:
        """Ask for an answer about a patient."""
        body: dict[str, Any] = {"values": HIGH, "patient": {"id": patient}}
        reply = self._client.post("/api/v1/releases/breast-fna/answers", json=body)
        if reply.status_code == 201:
            self.acknowledged.append(reply.json()["id"])
        return reply

    def get(self, path: str) -> httpx2.Response:
        return self._client.get(path)

    def page(self, path: str) -> httpx2.Response:
        """A page, asked for as somebody's browser does whose session has run out."""
        headers = {"Accept": "text/html", "Cookie": "bedside_session=over"}
        with httpx2.Client(base_url=self._client.base_url, timeout=60) as browser:
            return browser.get(path, headers=headers)

    def until(self, path: str, status: int) -> httpx2.Response:
        """The first reply from ``path`` with this status."""
        return until(lambda: self.get(path), lambda reply: reply.status_code == status)

    def close(self) -> None:
        self._client.close()


def until(look: Callable[[], Any], fits: Callable[[Any], bool], seconds: float = 60) -> Any:
    """What ``look`` finds, once it fits; a test that waits here does not depend on how long that takes."""
    limit = time.monotonic() + seconds
    while True:
        found = look()
        if fits(found):
            return found
        assert time.monotonic() < limit, f"still {found}"
        time.sleep(0.05)
