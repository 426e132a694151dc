"""What a client on a bare socket may do to the server: nothing that lasts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import hospital as house
import pytest

from bedside.serving import connection
from bedside.serving.server import _config, _listening, _Server

HELLO = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/v1/releases/breast-fna/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def ward(signed: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path_factory.mktemp("ward"), [signed])
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="module")
def port(ward: Any) -> Iterator[int]:
    """The ward behind real sockets; a request must be there within half a second."""
    started = threading.Event()
    with pytest.MonkeyPatch.context() as patched, _listening("127.0.0.1", 0) as listener:
        patched.setattr(connection, "REQUEST_SECONDS", 0.5)
        server = _Server(_config(ward.app, []), lambda _: started.set(), "")
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        try:
            assert started.wait(20)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            running.join(20)


def replied(port: int, *parts: bytes, half: bool = False) -> tuple[int, dict[str, Any], bytes]:
    """Status, error and head of the reply to these bytes, read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                client.sendall(part)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65536):
                received += piece
    if not received:
        return 0, {}, b""
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body), head


def test_a_whole_request_is_answered(port: int) -> None:
    assert replied(port, HELLO + b"Connection: close\r\n\r\n")[:2] == (200, {"status": "ok"})


def test_several_requests_on_one_connection_each_get_their_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        for _ in range(3):
            client.sendall(HELLO + b"\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(HELLO)
        assert client.recv(65536).startswith(b"HTTP/1.1 408") or client.recv(65536) == b""


@pytest.mark.parametrize(
    "parts",
    [
        (b"GET /livez HT",),
        (HELLO,),
        (POST + b"Content-Length: 100\r\n\r\n", b"{"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n{    \r\n"),
    ],
)
def test_a_request_that_does_not_end_is_ended(port: int, parts: tuple[bytes, ...]) -> None:
    status, said, head = replied(port, *parts)
    assert (status, said["error"]["what"]) == (408, "the request did not arrive in time")
    assert b"x-content-type-options: nosniff" in head.lower()


def test_a_connection_that_says_nothing_is_closed_without_a_word(port: int) -> None:
    assert replied(port)[0] == 0


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HELLO + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        HELLO + b"".join(b"X-%d: a\r\n" % number for number in range(5_000)) + b"\r\n",
        HELLO + b"X-Endless: " + b"a" * 1_000_000,
    ],
    ids=["path", "header", "headers", "endless"],
)
def test_a_head_that_is_too_long_is_refused(port: int, request_: bytes) -> None:
    status, said, _ = replied(port, request_)
    assert (status, "too long" in said["error"]["what"]) == (431, True)


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00", b"hello\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\n\r\n"])
def test_what_is_not_http_is_refused(port: int, nonsense: bytes) -> None:
    status, said, _ = replied(port, nonsense)
    assert (status, said["error"]["what"]) == (400, "this is not an HTTP request")


def test_a_body_in_chunks_is_cut_off_at_the_limit(ward: Any, port: int) -> None:
    key = f"Authorization: Bearer {ward.secrets['service']}\r\n".encode()
    head = POST + key + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = [b"10000\r\n" + b" " * 65536 + b"\r\n"] * 40
    assert replied(port, head, *chunks)[0] == 413
    assert replied(port, POST + key + b"Content-Length: 99999999\r\n\r\n")[0] == 413


def test_two_lengths_are_no_way_to_smuggle_a_second_request(port: int) -> None:
    both = POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HELLO + b"\r\n"
    assert replied(port, both)[0] == 400


class Recorded:
    """A transport that notes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"closed")


def test_a_head_is_sent_with_its_body_and_nothing_is_held_for_long() -> None:
    async def written() -> list[list[bytes]]:
        transport, seen = Recorded(), []
        together = connection.Together(transport, asyncio.get_running_loop())
        together.write(b"head ")
        together.write(b"body")
        seen.append(list(transport.sent))
        together.write(b"alone")  # a body that comes later, or never
        await asyncio.sleep(0)
        seen.append(list(transport.sent))
        together.write(b"last")
        together.close()
        await asyncio.sleep(0)
        return [*seen, transport.sent]

    first, second, third = asyncio.run(written())
    assert first == [b"head body"]
    assert second == [b"head body", b"alone"]
    assert third == [b"head body", b"alone", b"last", b"closed"]
