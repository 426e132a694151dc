"""One HTTP request, read whole and bounded, as plain data that an endpoint in a thread can use."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_LIMIT = 1024 * 1024
"""Bytes that a request body may have."""

_FORM = "application/x-www-form-urlencoded"
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """What was asked.

    Attributes
    ----------
    path: as asked; parameters: the path's ``{name}`` parts.
    query: raw query string. headers: by lower-case name. body: at most ``BODY_LIMIT`` bytes.
    plain_loopback: whether it came over plain HTTP from this very machine, to a name of this machine.
    address: of the client; of the proxy where none is believed.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    plain_loopback: bool
    address: str

    def json(self, kind: type[T]) -> T:
        """The body as a ``kind``: 415 where it is not sent as JSON, 400 where it is none, 422 where it does not fit."""
        self._expect("application/json")
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            raise HTTPException(422, str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HTTPException(400, f"the body is not JSON: {error}") from error

    def form(self) -> dict[str, str]:
        """The fields of a form; of a field given twice, the last."""
        self._expect(_FORM)
        try:
            text = self.body.decode("utf-8")
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=5000, errors="strict"))
        except ValueError as error:
            raise HTTPException(400, "the form cannot be read") from error

    def filters(self, kind: type[T]) -> T:
        """The query string as a ``kind``; an unknown or unfit parameter is a 422."""
        try:
            given = {name: value for name, value in parse_qsl(self.query, max_num_fields=50) if value}
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            raise HTTPException(422, f"in the query: {error}") from error
        except ValueError as error:
            raise HTTPException(400, "the query cannot be read") from error

    @property
    def is_form(self) -> bool:
        """Whether the body is a browser's form."""
        return self._content_type() == _FORM

    def _content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def _expect(self, content_type: str) -> None:
        if self._content_type() != content_type:
            found = self._content_type() or "nothing"
            raise HTTPException(415, f"Content-Type is {found}, {content_type} is expected")


async def read_call(request: Request) -> Call:
    """The whole request; raises ``HTTPException`` 413 as soon as its body is known to be too long."""
    return call_of(request, await _body(request))


def call_of(request: Request, body: bytes) -> Call:
    """The request with a body that was read already."""
    return Call(
        method=request.method,
        path=request.url.path,
        parameters=dict(request.path_params),
        query=request.url.query,
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=dict(request.cookies),
        body=body,
        plain_loopback=_plain_loopback(request),
        address=request.client.host if request.client else "",
    )


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    too_long = HTTPException(413, f"the body is longer than {BODY_LIMIT} bytes")
    if not declared.isdecimal() or int(declared) > BODY_LIMIT:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise too_long
    return bytes(body)


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine to itself: ``localhost``, 127.0.0.0/8 or ``::1``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _plain_loopback(request: Request) -> bool:
    peer = request.client.host if request.client else ""
    return request.url.scheme == "http" and is_loopback(peer) and is_loopback(request.url.hostname or "")
