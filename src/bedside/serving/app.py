"""The application: declared routes behind one guard and one envelope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from bedside.errors import LedgerError
from bedside.ledger import Ledger
from bedside.ledger.clock import Clock, utc_now
from bedside.release import REFERENCE, Release
from bedside.serving.access import admit, count_stranger
from bedside.serving.admission import Admission
from bedside.serving.api import API
from bedside.serving.call import Call, call_of, read_call
from bedside.serving.deployments import begin, open_service
from bedside.serving.envelope import Counting, Envelope
from bedside.serving.failures import Failure, failure_of, refusal, told
from bedside.serving.following import following
from bedside.serving.limits import TooMany
from bedside.serving.oip.entrance import PATH, Inference
from bedside.serving.oip.keys import Keys
from bedside.serving.oip.routes import INFER, OIP
from bedside.serving.oip.use import Use
from bedside.serving.openapi import describe
from bedside.serving.operators import OPERATORS, describes
from bedside.serving.request_log import RequestLog
from bedside.serving.route import Route
from bedside.serving.service import Loaded, Service, load
from bedside.serving.standing_api import STANDING
from bedside.serving.types_ready import make_types_ready

THREADS = 8
"""Requests that are worked on at once; each may wait for the ledger's disk."""

LOG_IN_THREADS = 2
"""Log-ins at once, apart from all else: to hash a password takes long on purpose, and answers must not wait for it."""


@dataclass(frozen=True)
class Pages:
    """Pages for people, which a package above plugs in.

    Attributes
    ----------
    routes: like every other route, with ``page`` set.
    failure: ``(service, call, error, status, failure) -> Response``: an error as a page; for 401 the way to the log-in.
    """

    routes: tuple[Route, ...]
    failure: Callable[[Service, Call, Exception, int, Failure], Response]


def create_app(
    releases: Sequence[Release | Loaded],
    ledger: Ledger,
    *,
    solo: bool = False,
    clock: Clock = utc_now,
    pages: Pages | None = None,
    key: Path | None = None,
    oip: bool = False,
    admission: Admission | None = None,
    target: str = REFERENCE,
) -> Starlette:
    """The server for these releases: verified ones as `bedside.release.open_release` gives them, or already loaded.

    The golden cases run when the application starts, before it is ready; a release that does not hold stops the start.
    Several versions of one name may be given: the highest answers. ``solo`` gives answers without approval for care,
    each marked so. Releases deployed later are verified with ``key``. ``oip`` adds the Open Inference Protocol.
    ``admission``: how people and programs get in. ``target``: which file of each release runs, or ``auto``: the fastest
    that computes here what was signed. Raises ``UsageError`` without a release or with two of the same name
    and version.
    """
    opened = [load(release, target=target) if isinstance(release, Release) else release for release in releases]
    service = open_service(opened, Service(ledger, solo, clock, key, admission or Admission(), target))
    use, count = Use(ledger), Counting(service.metrics, RequestLog())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(service.check)
        await anyio.to_thread.run_sync(begin, service)
        with following(service), count.log.gathering():
            async with use.entering() if oip else nullcontext():
                yield

    app = Application(
        routes=_mounted(service, declared(pages, oip=oip), pages),
        lifespan=lifespan,
        exception_handlers={HTTPException: _unrouted(service, pages, oip=oip)},
    )
    app.inference = Inference(service, use, Keys(ledger), count) if oip else None
    app.router.redirect_slashes = False
    app.state.service = service
    app.add_middleware(Envelope, count=count)
    make_types_ready()
    return app


class Application(Starlette):
    """Starlette, but for inferences: they are many and small, and routing costs as much as they do."""

    inference: Inference | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and end of the application."""
        if self.inference is not None and scope["type"] == "http" and (asked := PATH.fullmatch(scope["path"])):
            await self.inference(scope, receive, send, *asked.groups())
        else:
            await super().__call__(scope, receive, send)


def declared(pages: Pages | None = None, *, oip: bool = False) -> tuple[Route, ...]:
    """Every route there is, the description of them all included: the one table of routes and rights."""
    described = (*API, *STANDING, *OPERATORS, describes(b""), *(OIP if oip else ()), *(pages.routes if pages else ()))
    document = msgspec.json.encode(describe(described, version("bedside")))
    return tuple(describes(document) if route.path == "/openapi.json" else route for route in described)


def _mounted(service: Service, routes: Sequence[Route], pages: Pages | None) -> list[StarletteRoute]:
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        if route not in INFER:
            by_path.setdefault(route.path, {})[route.method] = route
    threads = {False: anyio.CapacityLimiter(THREADS), True: anyio.CapacityLimiter(LOG_IN_THREADS)}
    return [
        StarletteRoute(path, _entrance(service, methods, pages, threads), methods=list(methods))
        for path, methods in by_path.items()
    ]


def _entrance(
    service: Service, methods: dict[str, Route], pages: Pages | None, threads: dict[bool, anyio.CapacityLimiter]
) -> Callable[..., object]:
    async def enter(request: Request) -> Response:
        route = methods["GET" if request.method == "HEAD" else request.method]
        request.scope["bedside.route"] = route.path
        try:
            call = await read_call(request)
        except HTTPException as error:
            return refusal(*failure_of(error), oip=route.oip)
        except ClientDisconnect:
            return Response(status_code=400)
        return await anyio.to_thread.run_sync(_served, service, route, call, pages, limiter=threads[route.log_in])

    return enter


def _served(service: Service, route: Route, call: Call, pages: Pages | None) -> Response:
    """Let in, answer; every refusal and every fault becomes the one error shape, or a page for people."""
    try:
        return route.endpoint(service, call, admit(service, call, route))
    except Exception as error:  # the last resort: nothing unforeseen may reach the outside
        if isinstance(error, LedgerError):
            service.metrics.ledger_trouble(route.path)
        status, failure = told(error, route.path)
        if route.page and pages is not None:
            response = pages.failure(service, call, error, status, failure)
        else:
            response = refusal(status, failure, oip=route.oip)
        response.headers.update(getattr(error, "headers", None) or {})
        return response


def _unrouted(
    service: Service, pages: Pages | None, *, oip: bool
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What Starlette itself refuses: an unknown path, a method that the path has not got."""

    async def refuse(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        try:
            count_stranger(service, request.client.host if request.client else "")
        except TooMany as too_many:
            error = too_many
        status, failure = failure_of(error)
        path = request.url.path
        response = refusal(status, failure, oip=oip and (path == "/v2" or path.startswith("/v2/")))
        if pages is not None and "text/html" in request.headers.get("accept", ""):
            call = call_of(request, b"")
            response = await anyio.to_thread.run_sync(pages.failure, service, call, error, status, failure)
        response.headers.update(error.headers or {})
        return response

    return refuse
