"""Killed at random moments under load, the server loses nothing that it had returned or acknowledged."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from killing import Promised, kept, rounds

ROUNDS = 20


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_returned_and_acknowledged_is_there(
    kind: str, signed: tuple[Path, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ledger = tmp_path / "ledger.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # shown where it fails
    lived = list(rounds(ledger, signed, tmp_path, count=ROUNDS, seed=seed))
    assert [problem for life in lived for problem in life.problems] == []
    assert len(lived) == ROUNDS
    assert sum(len(life.promised.answers) for life in lived) > 3 * ROUNDS
    assert sum(len(life.promised.reviews) for life in lived) > ROUNDS


def test_a_loss_would_be_noticed(signed: tuple[Path, Path], tmp_path: Path) -> None:
    (life,) = rounds(tmp_path / "ledger.db", signed, tmp_path, count=1, seed=5)
    promised = life.promised
    signed_id, review = next(iter(promised.reviews.items()))
    answer = promised.answers[signed_id]
    other = "01a21234-0000-7000-8000-000000000000"
    assert kept(tmp_path / "ledger.db", [promised]) == []
    for falsified, said in (
        (Promised({other: answer}), "was returned and is not there"),
        (Promised({signed_id: answer | {"estimate": {}}}), "estimate is not what was returned"),
        (Promised({signed_id: answer}, {signed_id: review | {"conclusion": "x"}}), "was acknowledged and is not there"),
    ):
        assert any(said in problem for problem in kept(tmp_path / "ledger.db", [falsified]))
