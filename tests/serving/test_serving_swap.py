"""A real server under load, versions swapped underneath it by the real command line: nothing is dropped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import hospital as house
import httpx2
import pytest

import bedside
from bedside.ledger import Ledger
from bedside.release import open_release

Signed = tuple[Path, Path]
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Ward:
    """A served ledger: its place, the server's address, the key of a service."""

    ledger: Path
    url: str
    key: str

    def ask(self, client: Any) -> Any:
        return client.post(
            f"{self.url}/api/v1/releases/breast-fna/answers",
            json={"values": house.HIGH, "explain": False},
            headers={"Authorization": f"Bearer {self.key}"},
        )


@pytest.fixture
def ward(tmp_path: Path, signed: Signed, newer: Signed) -> Iterator[Ward]:
    opened = house.open_hospital(tmp_path, [signed], solo=False)
    for release in (signed, newer):
        verified = open_release(*release).verified
        for who in ("clinician", "scientist"):
            opened.ledger.approve(verified.digest, verified.name, verified.version, opened.users[who], "read it")
    opened.ledger.close()
    place = tmp_path / "ledger.db"
    words = [sys.executable, "-m", "bedside", "serve", signed[0], "--key", signed[1], "--ledger", place, "--port", "0"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([*map(str, words)], stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        yield Ward(place, _address(tmp_path / "log", server), opened.secrets["service"])
        server.terminate()
        assert server.wait(timeout=30) == 0
    finally:
        server.kill()
        server.wait()
    with Ledger.open(place) as ledger:
        assert ledger.verify().holds


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    for _ in range(1200):
        found = re.search(r"Serving on (\S+)/ ", log.read_text())
        if found:
            return found.group(1)
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError("the server does not start")


@dataclass
class Load:
    """Several clients that ask without a pause; each reply with the moments around it."""

    ward: Ward
    replies: list[tuple[float, float, int, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _run(self) -> None:
        with httpx2.Client(timeout=30) as client:
            while not self.ended.is_set():
                begun = time.monotonic()
                try:
                    reply = self.ward.ask(client)
                    said = (reply.status_code, reply.json().get("release", {}).get("version", reply.text))
                except httpx2.HTTPError as error:
                    said = (0, repr(error))
                self.replies.append((begun, time.monotonic(), *said))


def test_swaps_under_load_drop_no_request(ward: Ward, newer: Signed) -> None:
    acts: list[tuple[float, float, str]] = []
    common = {"user": "admin", "password": house.PASSWORD, "ledger": str(ward.ledger), "wait": 60.0}
    with Load(ward) as load:
        while len(load.replies) < 20:
            time.sleep(0.01)
        for turn in range(8):
            begun = time.monotonic()
            if turn % 2:
                done = bedside.rollback("breast-fna@1.1.0", **common)
            else:
                done = bedside.deploy(newer[0], key=newer[1], reason="sees more", **common)
            acts.append((begun, time.monotonic(), done.version))
            assert (done.holds, (done.taken_over_by or "").split()[0]) == (True, "server")
            seen = len(load.replies)
            while len(load.replies) < seen + 20:
                time.sleep(0.01)
    assert [version for _, _, version in acts] == ["1.1.0", "1.0.0"] * 4
    assert {(status, version) for _, _, status, version in load.replies} == {(201, "1.0.0"), (201, "1.1.0")}
    checked = 0
    for (_, since, version), until in zip(acts, [begun for begun, _, _ in acts[1:]] + [float("inf")], strict=True):
        between = [said for begun, ended, _, said in load.replies if begun > since and ended < until]
        assert set(between) == {version}
        checked += len(between)
    assert checked >= 100
    with Ledger.open(ward.ledger) as ledger:
        assert ledger.count() == len(load.replies)
        assert [act.by for act in ledger.standings().acts if act.kind == "deployed"] == ["admin"] * 4


def test_the_command_line_says_what_happened(ward: Ward, newer: Signed, bedside: Run, tmp_path: Path) -> None:
    password, ledger = f"{house.PASSWORD}\n", ("--ledger", ward.ledger)
    copy = tmp_path / "copy"
    shutil.copytree(newer[0], copy)
    common = ("--key", newer[1], "--user", "admin", *ledger)
    done = bedside("deploy", copy, *common, "--reason", "sees more", "--wait", "60", input=password)
    assert done.returncode == 0, done.stderr
    assert re.search(r"breast-fna 1\.1\.0 is to answer .*by admin", done.stdout)
    assert "Taken over by server" in done.stdout
    assert ward.ask(httpx2).json()["release"]["version"] == "1.1.0"
    wrong = bedside("deploy", copy, *common, input="wrong\n")
    assert (wrong.returncode, "password" in wrong.stderr) == (2, True)
    other = bedside("deploy", copy, "--key", newer[1], "--user", "clinician", *ledger, input=password)
    assert (other.returncode, "only an administrator" in other.stderr) == (2, True)

    stopped = bedside(
        "suspend", "breast-fna", "--user", "clinician", "--reason", "It missed two", *ledger, input=password
    )
    assert (stopped.returncode, "Suspended breast-fna 1.1.0" in stopped.stdout) == (0, True)
    assert "It missed two" in ward.ask(httpx2).json()["error"]["what"]
    for who, words in (("clinician", "One more person"), ("admin", "It may answer again")):
        back = bedside("reinstate", "breast-fna@1.1.0", "--user", who, "--reason", "mended", *ledger, input=password)
        assert (back.returncode, words in back.stdout) == (0, True), back.stderr
    for _ in range(200):
        if ward.ask(httpx2).status_code == 201:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it never answered again")

    (copy / "card.md").write_text("changed")
    refused = bedside("deploy", copy, *common, input=password)
    assert (refused.returncode, "card.md" in refused.stderr) == (1, True)


def test_without_a_server_nobody_is_waited_for(tmp_path: Path, signed: Signed, newer: Signed, bedside: Run) -> None:
    """It would wait an hour for one that has ended, and the test would not end either."""
    opened = house.open_hospital(tmp_path, [signed])
    opened.ledger.close()
    common = ("--key", newer[1], "--user", "admin", "--solo", "--ledger", tmp_path / "ledger.db", "--wait", "3600")
    done = bedside("deploy", newer[0], *common, input=f"{house.PASSWORD}\n")
    assert (done.returncode, "No server runs on this ledger: it takes effect when one starts" in done.stdout) == (
        0,
        True,
    )
