"""The disk is full, the database is gone: refused in clear words, nothing acknowledged lost, well again by itself."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asking import Asking
from postgres import APART, Postgres
from served import serving

from bedside.ledger import Ledger


def staffed(url: str | Path) -> str:
    """A ledger with one service; its key."""
    with Ledger.open(url) as ledger:
        return ledger.add_user("lab", "service", actor="test")[1]


@contextmanager
def running(
    folder: Path, release: tuple[Path, Path], ledger: str | Path, secret: str, *within: str
) -> Iterator[tuple[int, Asking]]:
    """The process's number, and a client."""
    with serving(folder, release, "--ledger", ledger, within=within) as server:
        client = Asking(server.url, secret)
        try:
            yield server.process.pid, client
        finally:
            client.close()


def refused(client: Asking) -> str:
    """Ask until it is refused: in the one shape, with a word on what to do; what went wrong."""
    for number in range(5000):
        reply = client.ask(f"patient {number}")
        if reply.status_code != 201:
            break
    assert reply.status_code == 503, reply.text
    error = reply.json()["error"]
    assert set(error) == {"what", "where", "remedy"}
    assert error["where"] == ""
    assert "try again" in error["remedy"]
    return str(error["what"])


def through(client: Asking, disturb: Callable[[], object], mend: Callable[[], object]) -> str:
    """Trouble comes and goes while the server runs. What it said meanwhile."""
    for number in range(5):
        assert client.ask(f"early {number}").status_code == 201
    assert client.get("/readyz").status_code == 200
    disturb()
    what = refused(client)
    assert client.until("/readyz", 503).json()["error"]["what"].startswith("the ledger cannot be read or written: ")
    assert client.get("/livez").status_code == 200
    if "disk" not in what:  # what is there can be read while the disk is full
        page = client.page("/")
        assert page.status_code == 503
        assert page.headers["content-type"].startswith("text/html")
        assert "the ledger cannot be read or written" in page.text
    assert client.ask("again").status_code == 503
    mend()
    client.until("/readyz", 200)
    for number in range(5):
        assert client.ask(f"late {number}").status_code == 201
    return what


def nothing_is_lost(url: str | Path, acknowledged: list[str]) -> None:
    with Ledger.open(url, create=False) as ledger:
        assert ledger.verify().problems == ()
        assert set(acknowledged) <= {row.id for row in ledger.worklist(limit=10_000)}


@pytest.fixture
def mounting() -> None:
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a file system of one's own")


@pytest.mark.usefixtures("mounting")
def test_a_full_disk(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """A file system of 2 MiB in a namespace of the server's own, filled up and emptied."""
    disk, made, kept = (tmp_path / name for name in ("disk", "made", "kept"))
    for folder in (disk, made, kept):
        folder.mkdir()
    secret = staffed(made / "ledger.db")
    mount = 'mount -t tmpfs -o size=2m none "$0" && cp "$1"/* "$0" && shift && exec "$@"'
    within = (*APART, "sh", "-c", mount, str(disk), str(made))
    with running(tmp_path, signed, disk / "ledger.db", secret, *within) as (pid, client):
        filler = Path(f"/proc/{pid}/root{disk}/filler")

        def fill() -> None:
            with filler.open("wb", buffering=0) as writing, pytest.raises(OSError, match="No space"):
                while True:
                    writing.write(bytes(4096))

        assert "the disk is full" in through(client, fill, filler.unlink)
        subprocess.run(["cp", "-r", f"{filler.parent}/.", kept], check=True)  # it goes with the server
    nothing_is_lost(kept / "ledger.db", client.acknowledged)


def test_a_quota_and_a_file_or_folder_that_is_moved_away_and_put_back(
    signed: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, away = tmp_path / "ledger", tmp_path / "away"
    folder.mkdir()
    place = folder / "ledger.db"
    secret = staffed(place)
    with running(tmp_path, signed, place, secret) as (pid, client):
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)

        def limit(size: int) -> None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))

        assert "the disk" in through(client, lambda: limit(400_000), lambda: limit(most))
        for moved in (place, folder):

            def move(moved: Path = moved) -> None:
                moved.rename(away)

            def back(moved: Path = moved) -> None:
                away.rename(moved)

            assert through(client, move, back).endswith("the file or its folder is not there")
    nothing_is_lost(place, client.acknowledged)


def test_a_postgresql_that_goes_and_comes_back(
    signed: tuple[Path, Path], tmp_path: Path, postgres: Any, postgres_url: str
) -> None:
    """Once stopped, once as in a crash, after which it recovers from its log."""
    secret = staffed(postgres_url)
    try:
        with running(tmp_path, signed, postgres_url, secret) as (_, client):
            through(client, postgres.stop, postgres.start)
            through(client, lambda: postgres.stop(at_once=True), postgres.start)
        nothing_is_lost(postgres_url, client.acknowledged)
    finally:
        postgres.stop()
        postgres.start()


@pytest.mark.usefixtures("mounting")
def test_a_full_disk_of_postgresql(signed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system of the database's own, filled up and emptied; the database says so, and goes on running."""
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(tmp_path / "postgres.key"))
    database = Postgres(disk=96)
    try:
        database.start()
        url = database.url(database.fresh())
        with running(tmp_path, signed, url, staffed(url)) as (_, client):
            assert through(client, database.fill, database.make_room).endswith("the disk of the database is full")
        nothing_is_lost(url, client.acknowledged)
    finally:
        database.remove()
