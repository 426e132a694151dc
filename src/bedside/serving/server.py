"""Listening: uvicorn, over TLS or on loopback, with an end that lets the last requests finish."""

from __future__ import annotations

import gc
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from starlette.applications import Starlette

from bedside.errors import UsageError
from bedside.serving.call import is_loopback
from bedside.serving.capped import at_most, require_files
from bedside.serving.logs import logging_to
from bedside.serving.memory import giving_back
from bedside.serving.service import Service
from bedside.serving.tls import Tls, context, renewed

GRACE_SECONDS = 10
"""How long requests that are being answered may take after the server was told to stop."""


def run(
    app: Starlette,
    host: str = "127.0.0.1",
    port: int = 8765,
    *,
    tls: Tls | None = None,
    behind_proxy: str | None = None,
    insecure_host: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what was begun and return.

    The golden cases run before anything is answered. ``announce`` is called with the URL once requests are taken; with
    ``port`` 0 the system chooses one. ``behind_proxy``: addresses or networks of proxies, by comma, whose
    X-Forwarded-For and X-Forwarded-Proto are believed; nobody's are without. Raises ``Refused`` where a golden case
    does not hold, and ``UsageError`` where the address cannot be had, the system allows too few open files, a file of
    ``tls`` does not do or, without ``tls`` and ``insecure_host``, the host is not loopback: what leaves the machine
    unencrypted can be read on the way.
    """
    if tls is None and not insecure_host and not is_loopback(host):
        raise UsageError(
            "without TLS this server listens on loopback only",
            where=host,
            remedy="Give --tls-cert and --tls-key, or put a proxy with TLS on this machine in front of it; "
            "--insecure-host where that proxy is on another machine",
        )
    service: Service = app.state.service
    require_files(service.admission.connections)
    with ExitStack() as stack:
        stack.enter_context(logging_to())
        config = _config(app, _proxies(behind_proxy))
        if tls is not None:
            config.ssl = context(tls)
            stack.enter_context(renewed(tls, config.ssl))
        listener = stack.enter_context(_listening(host, port))
        stack.enter_context(_signals_end_it())
        service.check()
        stack.enter_context(giving_back())
        gc.freeze()  # what is there now stays: looking through it again and again would cost each request a share
        _Server(config, announce, _url(host, listener, config.ssl)).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, and a word when it has begun."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None] | None, url: str) -> None:
        super().__init__(config)
        self.announce = announce
        self.url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self.announce is not None:
            self.announce(self.url)


def _proxies(addresses: str | None) -> list[str]:
    """Raises ``UsageError`` for one that is no address: it would be believed by nobody, and nobody would notice."""
    found = [part.strip() for part in (addresses or "").split(",") if part.strip()]
    for address in found:
        try:
            ipaddress.ip_network(address)
        except ValueError as error:
            raise UsageError("this is not an IP address or network", where=f"--behind-proxy {address}") from error
    return found


def _config(app: Starlette, proxies: list[str]) -> uvicorn.Config:
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        http=at_most(service.admission.connections, service.metrics.turned_away),
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        lifespan="on",
    )
    config.load()
    return config


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise UsageError(f"this address cannot be used ({error})", where=f"{host}:{port}") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot listen there ({error})", where=f"{host}:{port}", remedy="Choose another --port"
            ) from error
        yield listener


def _url(host: str, listener: socket.socket, encrypted: ssl.SSLContext | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if encrypted else 'http'}://{name}:{listener.getsockname()[1]}"


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """What is raised once more at uvicorn's end must not stop the caller's own tidying up."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
