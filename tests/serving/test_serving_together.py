"""Two server processes on one ledger: everything that either acknowledged is there, in one chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asking import Asking
from served import serving

from bedside.ledger import Ledger


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_servers_write_at_once(
    kind: str, signed: tuple[Path, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ledger: Any = request.getfixturevalue("postgres_url") if kind == "postgresql" else tmp_path / "ledger.db"
    with Ledger.open(ledger) as opened:
        _, secret = opened.add_user("lab", "service", actor="test")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (serving(folder, signed, "--ledger", ledger) for folder in folders)
    with one as first, two as second:

        def work(thread: int) -> list[str]:
            client = Asking((first, second)[thread % 2].url, secret)
            for number in range(20):  # the two servers also meet each patient at the same time
                assert client.ask(f"patient {number}").status_code == 201
            client.close()
            return client.acknowledged

        with ThreadPoolExecutor(4) as pool:
            acknowledged = [answer for found in pool.map(work, range(4)) for answer in found]
    assert len(set(acknowledged)) == 80
    with Ledger.open(ledger, create=False) as opened:
        assert opened.verify().problems == ()
        assert {row.id for row in opened.worklist(limit=1000)} == set(acknowledged)
        assert len(list(opened.entries(kind="patient"))) == 20
