"""The whole way through a real provider, in Debian's chromium: another site, a form there, and back."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import ward as wards
from served import serving

PEOPLE = [
    {"sub": "7f3a", "preferred_username": "ada", "name": "Dr. Ada Long", "groups": ["doctors"]},
    {"sub": "9b21", "preferred_username": "ben", "name": "Ben Short", "groups": ["porters"]},
]
OIDC = """
[provider]
issuer = "http://localhost:{provider}"
client_id = "bedside"
client_secret_file = "oidc.secret"
redirect_uri = "http://127.0.0.1:{ours}/login/return"
log_out = true

[claims]
role = "groups"

[roles]
clinician = ["doctors"]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _provider(folder: Path) -> Iterator[int]:
    """oidc-provider-mock in a process of its own, by another name than ours: to the browser it is another site."""
    port = _free_port()
    claims = [word for person in PEOPLE for word in ("--user-claims", json.dumps(person))]
    words = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *claims]
    with (folder / "provider.log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | {"NO_COLOR": "1"})
    try:
        while True:
            assert process.poll() is None, (folder / "provider.log").read_text()
            with contextlib.suppress(httpx2.TransportError):
                httpx2.get(f"http://localhost:{port}/.well-known/openid-configuration").raise_for_status()
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def test_through_the_provider_and_back_with_and_without_javascript(signed: Any, tmp_path: Path) -> None:
    ours = _free_port()
    with _provider(tmp_path) as theirs, wards.chromium() as browser:
        (tmp_path / "oidc.secret").write_text("secret")
        (tmp_path / "oidc.toml").write_text(OIDC.format(provider=theirs, ours=ours))
        with serving(tmp_path, signed, "--oidc", tmp_path / "oidc.toml", "--port", str(ours)) as server:
            for scripts in (True, False):
                context = browser.new_context(java_script_enabled=scripts)
                page = context.new_page()
                page.goto(f"{server.url}/releases")
                assert "/login" in page.url
                page.get_by_role("link", name="Log in with the hospital's log-in").click()
                assert page.url.startswith(f"http://localhost:{theirs}/oauth2/authorize?")
                page.get_by_role("button", name="7f3a").click()
                page.wait_for_url(f"{server.url}/releases")
                assert "Dr. Ada Long" in page.content()
                page.get_by_role("button", name="Log out").click()
                page.get_by_role("link", name="Log out of the hospital's log-in, too").click()
                assert page.url.startswith(f"http://localhost:{theirs}/oauth2/end_session?")
                page.goto(f"{server.url}/releases")
                assert "/login" in page.url
                context.close()
            page = browser.new_page()
            page.goto(f"{server.url}/login/start")
            page.get_by_role("button", name="9b21").click()
            assert "gives you no role here" in page.get_by_role("alert").inner_text()
            page.goto(f"{server.url}/login/start")
            page.get_by_role("button", name="Deny").click()
            assert "did not succeed" in page.get_by_role("alert").inner_text()
            for secret in ("7f3a", "9b21", "Ada", "code=", "state="):
                assert secret not in server.logged().replace("Serving on", "")
