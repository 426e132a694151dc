"""A ledger in a folder of its own, a clock that the test moves, password hashing that costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from bedside.ledger import Ledger, User

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
    monkeypatch.delenv("BEDSIDE_LEDGER_KEY", raising=False)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(place: Path, clock: HandClock) -> Iterator[Ledger]:
    with Ledger.open(place, clock=clock, hasher=CHEAP) as opened:
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
