"""``POST /v2/models/{name}[/versions/{version}]/infer``, straight from the web server: no router, no threads."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from bedside.errors import AccessDenied
from bedside.ledger import User
from bedside.serving.access import admit, count_known, count_stranger
from bedside.serving.call import call_of
from bedside.serving.envelope import HEADERS, OVER_TLS, Counting
from bedside.serving.failures import Failure, refusal, told
from bedside.serving.oip import body as bodies
from bedside.serving.oip.infer import Inferred, infer
from bedside.serving.oip.keys import Keys, digest
from bedside.serving.oip.routes import INFER
from bedside.serving.oip.use import Use
from bedside.serving.route import Route
from bedside.serving.served import Loaded, cleared
from bedside.serving.service import Service

PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
INLINE_BYTES = 64 * 1024
"""A longer body is judged in a thread, so that short ones need not wait for it."""

_PLAIN = re.compile(rb"/v2/models/([\w.-]+)(?:/versions/([\w.-]+))?/infer")
_UNUSUAL = {b"transfer-encoding", b"content-encoding"}

_WITHOUT_VERSION, _OF_VERSION = INFER
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_OVER_TLS = [(name.lower().encode(), value.encode()) for name, value in OVER_TLS.items()]
# What comes back goes to a program that sent its key: of the headers only those that say something to one. Each costs.
_TO_PROGRAMS = [header for header in _HEADERS if header[0] in (b"x-content-type-options", b"cache-control")]
_JSON = [*_TO_PROGRAMS, (b"content-type", b"application/json")]
_BINARY = [*_TO_PROGRAMS, (b"content-type", b"application/octet-stream")]


def _route(version: str | None) -> Route:
    return _WITHOUT_VERSION if version is None else _OF_VERSION


class _Reply(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Head(NamedTuple):
    """The head of an inference whose body is plain, and short enough to be judged where it arrives.

    ``key``: SHA-256 of the service's key. ``length``: bytes of the body; ``header_length``: how many of them are JSON,
    where binary data follow it.
    """

    name: str
    version: str | None
    key: bytes
    length: int
    header_length: int | None


def short_head(url: bytes, sent: Sequence[tuple[bytes, bytes]]) -> Head | None:
    """What a POST of this path with these headers is about; None where it is anything but a short inference."""
    asked = _PLAIN.fullmatch(url)
    if asked is None:
        return None
    headers = dict(sent)
    key, length = _key(headers), headers.get(b"content-length", b"")
    if key is None or not length.isdigit() or int(length) > INLINE_BYTES or not _UNUSUAL.isdisjoint(headers):
        return None
    try:
        bodies.check_headers(headers)
        header_length = bodies.header_length(headers)
    except HTTPException:  # in full, this becomes a reply
        return None
    name, version = (None if part is None else part.decode("ascii") for part in asked.groups())
    return Head(str(name), version, digest(key), int(length), header_length)


@dataclass(frozen=True)
class Inference:
    """The entrance to ``infer``.

    ``threads`` bounds how many long requests are worked on at once; ``heads``: short ones, by SHA-256 of their bytes.
    """

    service: Service
    use: Use
    keys: Keys
    count: Counting
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    heads: dict[bytes, Head] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, name: str, version: str | None) -> None:
        """Serve one request."""
        started = time.perf_counter()
        status = 500
        try:
            reply = await self._reply(scope, receive, name, version)
            status = reply.status
            head = _head(reply, encrypted=scope["scheme"] == "https")
            await send({"type": "http.response.start", "status": status, "headers": head})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})
        finally:
            path = _route(version).path
            self.count(scope["method"], path, status, time.perf_counter() - started)

    def at_once(self, head: Head, body: bytes, *, encrypted: bool) -> _Reply | None:
        """The reply to a short request; None where its key is not known from a moment ago."""
        started = time.perf_counter()
        user = self.keys.known(head.key)
        if user is None:
            return None
        route = _route(head.version)
        try:
            loaded, warnings = self._admitted(user, head.name, head.version)
            reply = _success(self._judged(loaded, user, body, head.header_length, warnings))
        except Exception as error:  # the last resort, as below
            reply = _failed(error, route)
        self.count("POST", route.path, reply.status, time.perf_counter() - started)
        return _Reply(reply.status, _head(reply, encrypted=encrypted), reply.body)

    async def _reply(self, scope: Scope, receive: Receive, name: str, version: str | None) -> _Reply:
        route = _route(version)
        try:
            if scope["method"] != "POST":
                raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})
            return _success(await self._inferred(scope, receive, name, version))
        except ClientDisconnect:
            return _Reply(400, _JSON, b"")
        except Exception as error:  # the last resort: nothing unforeseen may reach the outside
            return _failed(error, route)

    async def _inferred(self, scope: Scope, receive: Receive, name: str, version: str | None) -> Inferred:
        headers = dict(scope["headers"])
        key = _key(headers)
        known = None if key is None else self.keys.known(digest(key))
        user = known or await self._proven(scope, key, version)
        loaded, warnings = self._admitted(user, name, version)
        bodies.check_headers(headers)
        body = await bodies.read(receive)
        packing, length = bodies.encoding(headers), bodies.header_length(headers)
        if len(body) <= INLINE_BYTES and not packing:
            return self._judged(loaded, user, body, length, warnings)
        return await anyio.to_thread.run_sync(
            lambda: self._judged(loaded, user, bodies.unpacked(body, packing), length, warnings), limiter=self.threads
        )

    def _admitted(self, user: User, name: str, version: str | None) -> tuple[Loaded, tuple[str, ...]]:
        """The release that may answer, with its warnings; raises what stands against it."""
        count_known(self.service, user)
        self.service.require_ready()
        served = self.service.served
        loaded = served.find(name, version)
        warnings = cleared(served, loaded, solo=self.service.solo)
        self.use.require_entered()
        return loaded, warnings

    async def _proven(self, scope: Scope, key: str | None, version: str | None) -> User:
        """Who asks, where it is not known from a moment ago. Raises ``AccessDenied`` and ``TooMany``."""
        if key is None:  # another way to prove it is none: no session may infer, and this says so in the usual words
            await anyio.to_thread.run_sync(admit, self.service, call_of(Request(scope), b""), _route(version))
            raise AccessDenied("only services infer", remedy="Send Authorization: Bearer and the key of a service")
        try:
            return await anyio.to_thread.run_sync(self.keys.prove, key)
        except AccessDenied:
            count_stranger(self.service, scope["client"][0] if scope["client"] else "")
            raise

    def _judged(
        self, loaded: Loaded, user: User, body: bytes, header_length: int | None, warnings: tuple[str, ...]
    ) -> Inferred:
        today = self.service.clock().astimezone(dt.UTC).date()
        inferred = infer(loaded.model, body, header_length, today=today, warnings=warnings)
        self.use.note(loaded.model, user, inferred.rows, inferred.abstained)
        return inferred


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _success(inferred: Inferred) -> _Reply:
    if inferred.header_length is None:
        return _Reply(200, _JSON, inferred.body)
    length = (b"inference-header-content-length", str(inferred.header_length).encode())
    return _Reply(200, [*_BINARY, length], inferred.body)


def _head(reply: _Reply, *, encrypted: bool) -> list[tuple[bytes, bytes]]:
    """All headers of a reply."""
    return [*reply.headers, *(_OVER_TLS if encrypted else ()), (b"content-length", b"%d" % len(reply.body))]


def _failed(error: Exception, route: Route) -> _Reply:
    status, failure = told(error, route.path)
    return _refused(status, failure, (isinstance(error, HTTPException) and error.headers) or {})


def _refused(status: int, failure: Failure, headers: Mapping[str, str]) -> _Reply:
    response = refusal(status, failure, oip=True)
    response.headers.update(headers)
    # Its length is added with every reply's.
    raw = [header for header in response.raw_headers if header[0] != b"content-length"]
    return _Reply(status, [*_HEADERS, *raw], bytes(response.body))
