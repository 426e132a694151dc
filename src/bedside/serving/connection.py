"""One connection, bounded: a request's head has a size, and all of it must arrive within a time."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bedside.serving.envelope import HEADERS
from bedside.serving.failures import Failure, FailureReply
from bedside.serving.oip.entrance import Head, Inference, short_head

HEAD_LIMIT = 32 * 1024
"""Bytes that the path and the headers of a request may have together."""

REQUEST_LIMIT = 64 * 1024 * 1024
"""Bytes of a whole request. Bodies have limits of their own; this one is for what the parser keeps to itself."""

REQUEST_SECONDS = 30.0
"""From a request's first byte to its last; and how long a new connection may stay silent."""

HEADS = 256
"""Heads of inferences that a connection knows again; the oldest is forgotten first."""

_HEAD_ENDS = b"\r\n\r\n"
_TOO_LONG = "the path and the headers of the request are too long"


class HeadTooLongError(ValueError):
    """The head is longer than ``HEAD_LIMIT``; the parser stops there."""


class Together:
    """A transport that sends a reply's head with its body: one packet, one waking of the client.

    What is written first waits for the next write, at most until the loop's next turn. All else is the transport's own.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._first = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """As the transport says; asked after each reply."""
        closing: bool = self._transport.is_closing()
        return closing

    def write(self, data: bytes) -> None:
        """Hold the first of two, send it with the second."""
        if self._first:
            data, self._first = self._first + data, b""
            self._transport.write(data)
        else:
            self._first = data
            self._loop.call_soon(self._send_first)

    def send(self, data: bytes) -> None:
        """Send it now, after what is held."""
        self._send_first()
        self._transport.write(data)

    def close(self) -> None:
        """Send what is held, then no more."""
        self._send_first()
        self._transport.close()

    def _send_first(self) -> None:
        if self._first:
            data, self._first = self._first, b""
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """uvicorn's connection with bounds: without them one client that sends slowly, or for ever, holds memory."""

    _together: Together
    _inference: Inference | None = None
    _short: Head | None = None  # of an inference that is answered here; _body is what has arrived of its body
    _answered: Head | None = None  # of the inference that was answered last
    _body = b""
    _due: asyncio.TimerHandle | None = None
    _head = 0
    _received = 0
    _begun = _headed = _arriving = _long = False

    def connection_made(self, transport: Any) -> None:
        """A client is there; now it should say something."""
        self._together = Together(transport, self.loop)
        self._inference = getattr(self.app, "inference", None)
        super().connection_made(self._together)  # type: ignore[arg-type]  # it passes all else on
        self._await_all()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._all_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; the parser keeps a header to itself until its end, so what has no end is counted here."""
        between = not self._arriving
        if between and self._inference is not None and self._known_again(self._inference, data):
            return
        self._answered = None
        self._received += len(data)
        self._long = self._received > HEAD_LIMIT
        super().data_received(data)
        if self._received > (REQUEST_LIMIT if self._headed else HEAD_LIMIT):
            self._refuse(431, _TOO_LONG)
        elif self._arriving and self._due is None:
            self._await_all()
        elif between and self._answered is not None:
            self._remember(self._answered, data)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._head = self._received = 0
        self._begun, self._headed, self._arriving = True, False, True

    def on_headers_complete(self) -> None:
        """The head is there; the body may follow."""
        if self._long:  # otherwise all that has arrived is shorter than the head may be
            self._head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if self._head > HEAD_LIMIT:
                raise HeadTooLongError
        self._headed = True
        if self._inference is not None and self._nothing_else():
            self._short, self._body = short_head(self.url, self.headers), b""
        if self._short is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._short is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._arriving = False
        self._all_arrived()
        if self._short is None or not self._answered_here(self._short, self._body):
            self._in_full()
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server is to end, once what was begun is answered."""
        self._in_full()
        super().shutdown()

    def _nothing_else(self) -> bool:
        """Whether a usual POST is all that this connection has to do."""
        return (
            self._idle()
            and not self.expect_100_continue
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and bool(self.parser.should_keep_alive())
            and not self.parser.should_upgrade()
        )

    def _idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _answered_here(self, head: Head, body: bytes) -> bool:
        """Answer an inference of a known key without task, queue and scope, which would cost a third more."""
        assert self._inference is not None
        reply = self._inference.at_once(head, body, encrypted=self.scheme == "https")
        if reply is None:
            return False
        self._short, self._answered = None, head
        status, headers, content = reply
        lines = [b"%s: %s\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        self._together.send(b"".join((STATUS_LINE[status], *lines, b"\r\n", content)))
        self.on_response_complete()
        return True

    def _known_again(self, inference: Inference, data: bytes) -> bool:
        """Answer a whole inference that begins with the same bytes as one before.

        Programs send the same head each time; what the parser made of it once, it would make of it again.
        """
        end = data.find(_HEAD_ENDS) + len(_HEAD_ENDS)
        head = inference.heads.get(_digest(data[:end]))
        if head is None or len(data) != end + head.length or not self._idle():
            return False
        if not self._answered_here(head, data[end:]):
            return False
        self._all_arrived()
        return True

    def _remember(self, head: Head, data: bytes) -> None:
        """The head of an inference that was answered here, if it and its body are all of ``data``."""
        assert self._inference is not None
        end = data.find(_HEAD_ENDS) + len(_HEAD_ENDS)
        if len(data) == end + head.length:
            heads = self._inference.heads
            heads[_digest(data[:end])] = head
            if len(heads) > HEADS:
                del heads[next(iter(heads))]

    def _in_full(self) -> None:
        """Go on with a request that was to be answered here as with any other."""
        if self._short is not None:
            self._short = None
            super().on_headers_complete()
            super().on_body(self._body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # the parser's words say less
        """What cannot be read as a request."""
        if self._head > HEAD_LIMIT:
            self._refuse(431, _TOO_LONG)
        else:
            self._refuse(400, "this is not an HTTP request")

    def _await_all(self) -> None:
        self._due = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _all_arrived(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _too_slow(self) -> None:
        self._due = None
        answered = self._short is None and self.cycle is not None and self.cycle.response_started
        if self._begun and not answered:
            self._refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, what: str) -> None:
        """The one error shape, written past the application, which never saw a request."""
        if self.transport.is_closing():
            return
        body = msgspec.json.encode(FailureReply(error=Failure(what=what)))
        lines = [f"{name}: {value}".encode() for name, value in HEADERS.items()]
        lines += [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close"]
        self.transport.write(STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()


def _digest(head: bytes) -> bytes:
    """A head holds a key, which is not kept."""
    return hashlib.sha256(head).digest()
