"""Short inferences are answered where they arrive: the same replies as by the usual way, on real sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import hospital as house
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bedside.serving.connection import HEADS
from bedside.serving.oip.entrance import Inference
from bedside.serving.server import _config, _listening, _Server

INFER = "/v2/models/breast-fna/infer"
TYPED = {
    "inputs": [
        {"name": name, "datatype": "FP64" if name in house.NUMBERS else "BYTES", "shape": [1], "data": [value]}
        for name, value in house.HIGH.items()
    ],
    "id": "42",
}
FINE = json.dumps(TYPED).encode()
BINARY = json.dumps(TYPED | {"parameters": {"binary_data_output": True}}).encode()
ODD = json.dumps(TYPED | {"outputs": [{"name": "nothing"}]}).encode()


@pytest.fixture(scope="module")
def ward(signed: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path_factory.mktemp("ward"), [signed], oip=True)
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="module")
def server(ward: Any) -> Iterator[tuple[_Server, int]]:
    started = threading.Event()
    with _listening("127.0.0.1", 0) as listener:
        server = _Server(_config(ward.app, []), lambda _: started.set(), "")
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        try:
            assert started.wait(20)
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            running.join(20)


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that went the usual way, through a scope and a task."""
    found: list[str] = []
    call = Inference.__call__

    async def noted(self: Inference, scope: Any, *rest: Any) -> None:
        found.append(scope["path"] + scope["query_string"].decode())
        await call(self, scope, *rest)

    monkeypatch.setattr(Inference, "__call__", noted)
    return found


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the parser was given."""
    found: list[bytes] = []
    receive = HttpToolsProtocol.data_received

    def noted(self: HttpToolsProtocol, data: bytes) -> None:
        found.append(data)
        receive(self, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", noted)
    return found


def post(path: str, body: bytes, key: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", f"Authorization: Bearer {key}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reply(client: socket.socket, reader: Any) -> tuple[bytes, set[bytes], bytes]:
    """Status line, headers but for the date, body."""
    status, headers, length = reader.readline(), set(), 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b": ")
        length = int(value) if name == b"content-length" else length
        if name != b"date":
            headers.add(line)
    return status, headers, reader.read(length)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (INFER, FINE, 200),
        ("/v2/models/breast-fna/versions/1.0.0/infer", FINE, 200),
        (INFER, BINARY, 200),
        (INFER, b"{", 400),
        (INFER, b"", 400),
        (INFER, ODD, 400),
        (INFER, FINE.replace(b'"FP64"', b'"BOOL"'), 400),
        ("/v2/models/nobody/infer", FINE, 404),
        ("/v2/models/breast-fna/versions/9.9.9/infer", FINE, 404),
    ],
)
def test_the_same_reply_as_by_the_usual_way(
    ward: Any, server: tuple[_Server, int], usual: list[str], path: str, body: bytes, status: int
) -> None:
    key = ward.secrets["service"]
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(post(f"{path}?", FINE, key))  # the key is known from now on
        reply(client, reader)
        usual.clear()
        client.sendall(post(path, body, key))
        here = reply(client, reader)
        assert usual == []
        client.sendall(post(f"{path}?a=b", body, key))
        assert here == reply(client, reader)
        assert usual == [f"{path}a=b"]
    assert int(here[0].split()[1]) == status
    assert status == 200 or list(json.loads(here[2])) == ["error"]


def test_pieces_several_at_once_and_a_page_between(ward: Any, server: tuple[_Server, int], usual: list[str]) -> None:
    key = ward.secrets["service"]
    asked = post(INFER, FINE, key)
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(post(f"{INFER}?", FINE, key))
        expected = reply(client, reader)
        for at in range(0, len(asked), 97):
            client.sendall(asked[at : at + 97])
        assert reply(client, reader) == expected
        client.sendall(asked + asked)
        assert [reply(client, reader), reply(client, reader)] == [expected, expected]
        client.sendall(asked + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + asked)
        first, page, last = (reply(client, reader) for _ in range(3))
        assert (first, json.loads(page[2]), last) == (expected, {"status": "ok"}, expected)


def test_a_head_that_was_parsed_before_is_known_again(
    ward: Any, server: tuple[_Server, int], usual: list[str], parsed: list[bytes]
) -> None:
    key, heads = ward.secrets["service"], ward.app.inference.heads
    asked = post(INFER, FINE, key, "X-Test: again")
    other = post(INFER, FINE.replace(b'"42"', b'"43"'), key, "X-Test: again")
    odd = post(INFER, ODD, key, "X-Test: odd")
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(post(f"{INFER}?", FINE, key))
        expected = reply(client, reader)
        client.sendall(asked)
        assert reply(client, reader) == expected
        parsed.clear()
        usual.clear()
        client.sendall(other)
        assert json.loads(reply(client, reader)[2])["id"] == "43"
        assert not parsed
        client.sendall(asked + asked)  # more than one request: to the parser
        assert [reply(client, reader), reply(client, reader)] == [expected, expected]
        assert b"".join(parsed) == asked + asked
        client.sendall(asked[:-5])  # less than one
        client.sendall(asked[-5:])
        assert reply(client, reader) == expected
        client.sendall(b"\r\n" + asked)  # a line before it, which the standard allows
        assert reply(client, reader) == expected
        client.sendall(odd)
        refused = reply(client, reader)
        parsed.clear()
        client.sendall(odd)
        assert (reply(client, reader), parsed) == (refused, [])
        for number in range(HEADS + 32):  # each second one goes to the ledger with its key, and is not remembered
            client.sendall(post(INFER, FINE, key, f"X-Test: {number}"))
            reply(client, reader)
        assert len(heads) == HEADS
        client.sendall(post(f"{INFER}?", FINE, key))  # the key is known from a moment ago
        reply(client, reader)
        parsed.clear()
        usual.clear()
        client.sendall(asked)  # forgotten
        assert (reply(client, reader), parsed, usual) == (expected, [asked], [])
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(asked)  # known on any connection, but only with the same key
        client.sendall(asked.replace(key.encode(), key[::-1].encode()))
        assert (reply(client, reader), reply(client, reader)[0].split()[1]) == (expected, b"401")
    assert not [head for head in heads if key.encode() in head]


@pytest.mark.parametrize("more", ["Expect: 100-continue", "Connection: close", "Content-Encoding: gzip"])
def test_what_is_unusual_goes_the_usual_way(
    ward: Any, server: tuple[_Server, int], usual: list[str], more: str
) -> None:
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(post(INFER, FINE, ward.secrets["service"], more))
        assert reader.readline().startswith(b"HTTP/1.1 ")
    assert usual == [INFER]


def test_a_key_that_is_not_known_is_asked_for_in_the_ledger(
    ward: Any, server: tuple[_Server, int], usual: list[str]
) -> None:
    with socket.create_connection(("127.0.0.1", server[1]), 20) as client, client.makefile("rb") as reader:
        client.sendall(post(INFER, FINE, "bk_nobody"))
        status, _, body = reply(client, reader)
    assert (status.split()[1], list(json.loads(body)), usual) == (b"401", ["error"], [INFER])


def test_what_was_begun_is_answered_when_the_server_ends(ward: Any, signed: Any) -> None:
    started, key = threading.Event(), ward.secrets["service"]
    with _listening("127.0.0.1", 0) as listener:
        server = _Server(_config(ward.app, []), lambda _: started.set(), "")
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        assert started.wait(20)
        address = ("127.0.0.1", listener.getsockname()[1])
        with socket.create_connection(address, 20) as client, client.makefile("rb") as reader:
            client.sendall(post(f"{INFER}?", FINE, key))
            expected = reply(client, reader)
            asked = post(INFER, FINE, key)
            client.sendall(asked[:-9])
            client.sendall(b"")
            server.should_exit = True
            threading.Event().wait(0.4)  # the server looks every tenth of a second whether it is to end
            client.sendall(asked[-9:])
            assert reply(client, reader)[2] == expected[2]
        running.join(20)
    assert not running.is_alive()
