"""A bounded number of HTTP requests over keep-alive connections to loopback, and how long each took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop


@dataclass(frozen=True)
class Load:
    """Seconds that each request took, in no order, and from the first to the last of all."""

    seconds: list[float]
    wall: float


def request(path: str, body: bytes, **headers: str) -> bytes:
    """An HTTP/1.1 POST as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send(port: int, sent: bytes, *, requests: int, connections: int, check: Callable[[bytes], None]) -> Load:
    """Send the same request over and over, each connection one after the other; every reply must be a 2xx.

    ``check`` sees the first reply's body of each connection.
    """
    return uvloop.run(_send(port, sent, requests, connections, check))


async def _send(port: int, sent: bytes, requests: int, connections: int, check: Callable[[bytes], None]) -> Load:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    seconds: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(
        *(_one(reader, writer, sent, requests // connections, check, seconds) for reader, writer in opened)
    )
    wall = time.perf_counter() - started
    for _, writer in opened:
        writer.close()
    return Load(seconds, wall)


async def _one(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    sent: bytes,
    requests: int,
    check: Callable[[bytes], None],
    seconds: list[float],
) -> None:
    for number in range(requests):
        started = time.perf_counter()
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        seconds.append(time.perf_counter() - started)
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {body[:500].decode(errors='replace')}")
        if number == 0:
            check(body)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("a reply without Content-Length")
