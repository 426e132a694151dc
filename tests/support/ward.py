"""A ward as people meet it: ``bedside serve`` in a process of its own, and Debian's chromium in front of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hospital import CHEAP, PASSWORD, staffed

from bedside.ledger import Ledger, User

CHROMIUM = Path("/usr/bin/chromium")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COOKIE = "bedside_session"


@dataclass
class Ward:
    """A server that runs, its ledger, and whoever works there; users are named as in `hospital`."""

    url: str
    ledger: Ledger
    users: dict[str, User]
    folder: Path
    secrets: dict[str, str]

    def ask(self, values: dict[str, Any], **more: Any) -> str:
        """The id of a fresh answer that waits for a review."""
        asked = urllib.request.Request(
            f"{self.url}/api/v1/releases/breast-fna/answers",
            json.dumps({"values": values, "asked": True, **more}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.secrets['service']}"},
        )
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return str(json.load(reply)["id"])

    def session(self, who: str) -> dict[str, Any]:
        """The cookie of a user who has logged in."""
        return {"name": COOKIE, "value": self.ledger.open_session(self.users[who]), "url": self.url}


@contextmanager
def served(folder: Path, release: tuple[Path, Path], *options: str) -> Iterator[Ward]:
    """The release, served on loopback from a copy of the staffed ledger."""
    template, users, secrets = staffed()
    for file in template.glob("ledger.db*"):
        shutil.copy2(file, folder / file.name)
    command = [sys.executable, "-m", "bedside", "serve", str(release[0]), "--key", str(release[1]), "--port", "0"]
    command += ["--ledger", str(folder / "ledger.db"), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TZ": "UTC", "PYTHONUNBUFFERED": "1"}
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, stderr=subprocess.PIPE, stdout=log, text=True, env=environment) as server:
        try:
            url = _announced(server)
            with Ledger.open(folder / "ledger.db", hasher=CHEAP) as ledger:
                yield Ward(url, ledger, dict(users), folder, dict(secrets))
        finally:
            server.terminate()
            assert server.stderr is not None
            rest = server.stderr.read()
            assert server.wait(30) == 0, rest


def _announced(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if line.startswith("Serving on "):
            return line.split()[2].rstrip("/")
    raise AssertionError("".join(said))


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser; it asks nobody but the ward."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed; scripts/test installs it")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield browser
        browser.close()


@dataclass
class Visit:
    """One reader at one browser; what went wrong behind the page is noted."""

    ward: Ward
    context: Any
    page: Any
    faults: list[str] = field(default_factory=list)

    def go(self, path: str) -> Any:
        """Open a page of the ward."""
        reply = self.page.goto(self.ward.url + path)
        assert reply is not None
        return reply

    def note(self, fault: str) -> None:
        self.faults.append(fault)


@contextmanager
def visit(browser: Any, ward: Ward, who: str | None = None, *, language: str = "en", **options: Any) -> Iterator[Visit]:
    """A fresh browser profile of somebody, logged in where ``who`` says as whom."""
    context = browser.new_context(locale=language, **{"viewport": DESK, "timezone_id": "Asia/Shanghai"} | options)
    try:
        context.add_cookies([{"name": "bedside_language", "value": language, "url": ward.url}])
        if who is not None:
            context.add_cookies([ward.session(who)])
        page = context.new_page()
        found = Visit(ward, context, page)
        page.on("pageerror", lambda error: found.note(f"script: {error}"))
        page.on(
            "console", lambda said: found.note(f"console: {said.text}") if said.type in {"error", "warning"} else None
        )
        context.on("request", lambda asked: _asked(found, asked.url))
        yield found
    finally:
        context.close()


def _asked(found: Visit, url: str) -> None:
    if not url.startswith((found.ward.url, "data:")):
        found.note(f"asked elsewhere: {url}")


def log_in(visit: Visit, name: str, password: str = PASSWORD) -> None:
    """Through the form, as people do."""
    visit.go("/login")
    visit.page.get_by_label("User name").fill(name)
    visit.page.get_by_label("Password").fill(password)
    visit.page.get_by_role("button", name="Log in").click()
