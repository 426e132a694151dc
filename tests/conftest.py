"""Shared by all tests: array shapes are checked at run time, real data are found or the test is skipped."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TZ"] = "UTC"  # where nobody chose a zone, pages show the server's
ROOT = Path(__file__).parents[1]

# In continuous integration the same examples each time, so that a red run is about the change; elsewhere new ones.
settings.register_profile("same", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("same")

# Shapes in annotations cost nothing in production; here every call is checked against them.
_hook = install_import_hook("bedside", "beartype.beartype")


def _allowed_skips() -> tuple[str, ...]:
    lines = (ROOT / "tests" / "SKIPS.md").read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    return tuple(row for row in rows if row != "reason begins with" and set(row) != {"-"})


_unlisted: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note each skip that tests/SKIPS.md does not list."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if not reason.startswith(_allowed_skips()):
            _unlisted.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that skipped something unlisted has failed."""
    if _unlisted:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was skipped without leave."""
    for line in _unlisted:
        terminalreporter.write_line(f"SKIPPED WITHOUT A ROW IN tests/SKIPS.md {line}", red=True)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public data, from ``BEDSIDE_DATA`` or beside the project; skips where it is absent."""
    folder = Path(os.environ.get("BEDSIDE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"public data not found in {folder}; set BEDSIDE_DATA")
    return folder


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first test process to ask for it makes and all others share; nobody may write into it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".complete").touch()
    return folder


Run = Callable[..., subprocess.CompletedProcess[str]]


def _bedside(
    *words: str | Path, cwd: Path | None = None, input: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bedside", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        input=input,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


@pytest.fixture(scope="session")
def bedside() -> Run:
    """Runs the command line in a process of its own, as a user does."""
    return _bedside


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``bedside demo --no-serve`` writes: study, candidate, keys, release, ledger. Read only."""

    def make(folder: Path) -> None:
        done = _bedside("demo", "--dir", folder / "demo", "--no-serve", "--json")
        assert done.returncode == 0, done.stderr
        (folder / "demo.json").write_text(done.stdout)
        (folder / "demo.log").write_text(done.stderr)

    return once(tmp_path_factory, "demonstrated", make)


@pytest.fixture(scope="session")
def small() -> ModuleType:
    """The module ``support/small_model.py``: a small graph made by hand, and all it takes to pack it."""
    import small_model

    return small_model


@pytest.fixture
def candidate(small: ModuleType, tmp_path: Path) -> Any:
    """A freshly packed candidate of two classes."""
    from bedside.release import pack

    return pack(small.parts(), tmp_path / "candidate")


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A signed release of two classes and its public key."""
    from hospital import make_release

    found: tuple[Path, Path] = make_release(tmp_path_factory.mktemp("release"))
    return found


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory, signed: tuple[Path, Path]) -> tuple[Path, Path]:
    """Version 1.1.0 of the same release, signed with the same key; it sees more risk in every patient."""
    from hospital import make_release

    folder = tmp_path_factory.mktemp("newer")
    found: tuple[Path, Path] = make_release(folder, version="1.1.0", shift=1.0, keys=signed[1].parent)
    return found


@pytest.fixture
def hospital(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    """Served in solo mode, pages included."""
    from hospital import open_hospital

    from bedside.review import PAGES

    opened = open_hospital(tmp_path, [signed], pages=PAGES)
    yield opened
    opened.ledger.close()


@pytest.fixture
def careful(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    """Not solo: nothing is answered before two approvals."""
    from hospital import open_hospital

    from bedside.review import PAGES

    opened = open_hospital(tmp_path, [signed], solo=False, pages=PAGES)
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A running PostgreSQL; see ``support/postgres.py``."""
    from postgres import Postgres

    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database there; the ledger that is made in it has its master key in ``tmp_path``."""
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(tmp_path / "postgres.key"))
    url: str = postgres.url(postgres.fresh())
    return url
