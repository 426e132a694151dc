"""A ledger in a folder of its own, a clock that the test moves, password hashing that costs nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from bedside.ledger import Ledger, User, migrate

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **units: float) -> None:
        self.moment += timedelta(**units)


@pytest.fixture(autouse=True)
def _no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEDSIDE_LEDGER_KEY", raising=False)  # before any fixture that sets it


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on both databases, but for those that take the SQLite file itself in hand: they ask for place."""
    if "kind" in metafunc.fixturenames:
        kinds = ["sqlite"] if "place" in inspect.signature(metafunc.function).parameters else ["sqlite", "postgresql"]
        metafunc.parametrize("kind", kinds)


@pytest.fixture
def kind() -> str:
    """Which database; set for each test above."""
    raise NotImplementedError


@pytest.fixture(scope="session")
def template(postgres: Any) -> str:
    """The name of a database that has a ledger's tables and nothing in them, to be copied."""
    name: str = postgres.fresh()
    migrate(postgres.url(name))
    return name


@pytest.fixture
def where(kind: str, place: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a ledger is to be."""
    if kind == "sqlite":
        return str(place)
    postgres = request.getfixturevalue("postgres")
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", f"{place}.key")
    found: str = postgres.url(postgres.fresh(template=request.getfixturevalue("template")))
    return found


@pytest.fixture
def ledger(where: str, clock: HandClock) -> Iterator[Ledger]:
    with Ledger.open(where, clock=clock, hasher=CHEAP) as opened:
        yield opened


@pytest.fixture
def make_answer(clock: HandClock) -> Callable[..., dict[str, Any]]:
    def make(answer_id: str, *, days: float = 7, **changes: Any) -> dict[str, Any]:
        return {
            "id": answer_id,
            "created": clock().isoformat(),
            "expires": (clock() + timedelta(days=days)).isoformat(),
            "release": {"name": "breast", "version": "1.0.0", "digest": "d1", "target": "server-cpu"},
            "alert": True,
            "abstained": False,
            "queued": True,
            "status": "preliminary",
            "estimate": {"malignant": 0.3},
            **changes,
        }

    return make


@pytest.fixture
def clinician() -> User:
    return User(name="ada", full_name="Dr Ada Long", role="clinician", active=True)


@pytest.fixture
def colleague() -> User:
    return User(name="bo", full_name=None, role="clinician", active=True)
