"""Around every request: security headers, one line in the log, one count."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedside.serving.metrics import Metrics
from bedside.serving.request_log import RequestLog

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # "no-referrer" would also take the Origin from our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""On every reply that does not say otherwise itself."""

OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}
"""Over TLS only: for a year browsers ask for nothing else (RFC 6797)."""


class Envelope:
    """Around every request: security headers, one line in the log, one count."""

    def __init__(self, app: ASGIApp, count: Counting) -> None:
        self.app = app
        self.count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and end of the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in (HEADERS | OVER_TLS if scope["scheme"] == "https" else HEADERS).items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            route = scope.get("bedside.route", "unmatched")
            self.count(scope["method"], route, status, time.perf_counter() - started)


@dataclass(frozen=True)
class Counting:
    """Each request is counted and stands in the log."""

    metrics: Metrics
    log: RequestLog

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was served. The path as asked may hold an identifier; ``route`` is the declared one."""
        method = method if method in {"GET", "HEAD", "POST"} else "other"  # a made-up one may hold an identifier, too
        self.metrics.request(method, route, status, seconds)
        self.log.add(method, route, status, seconds)
