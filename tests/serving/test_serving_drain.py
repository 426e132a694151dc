"""SIGTERM: what was begun is finished and stored, new connections are refused, the exit status is 0."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hospital import CHEAP, HIGH
from served import serving

from bedside.ledger import Ledger

BEGUN = 16


def begin(address: tuple[str, int], key: str, body: bytes) -> socket.socket:
    """A request whose head the server has read: it has asked for the body."""
    connection = socket.create_connection(address, timeout=30)
    head = (
        "POST /api/v1/releases/breast-fna/answers HTTP/1.1\r\nHost: ward\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection


def whole(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and document of the reply; the server closes after it."""
    received = b""
    with connection:
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_finished(signed: tuple[Path, Path], tmp_path: Path, told: signal.Signals) -> None:
    with Ledger.open(tmp_path / "ledger.db", hasher=CHEAP) as ledger:
        _, key = ledger.add_user("emr", "service", actor="test")
    with serving(tmp_path, signed) as server:
        place = urlsplit(server.url)
        address = (str(place.hostname), int(place.port or 0))
        body = json.dumps({"values": HIGH, "patient": {"id": "P-1"}}).encode()
        connections = [begin(address, key, body) for _ in range(BEGUN)]
        idle = socket.create_connection(address, timeout=30)
        server.process.send_signal(told)
        limit = time.monotonic() + 30
        while not refused(address):
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert server.process.poll() is None
        for connection in connections:
            connection.sendall(body)
        replies = [whole(connection) for connection in connections]
        assert [status for status, _ in replies] == [201] * BEGUN
        assert idle.recv(1) == b""
        idle.close()
        assert server.process.wait(timeout=30) == 0, server.logged()
    assert "Traceback" not in server.logged()
    with Ledger.open(tmp_path / "ledger.db", hasher=CHEAP) as ledger:
        assert ledger.verify().holds
        assert ledger.count() == BEGUN
        for _, answer in replies:
            assert ledger.answer(str(answer["id"])).answer["estimate"] == answer["estimate"]
