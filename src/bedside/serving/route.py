"""A route as data. Routing, rights, the error replies and /openapi.json are all read from the same declarations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.responses import Response

Role = Literal["clinician", "scientist", "admin", "auditor", "service"]

PEOPLE: frozenset[Role] = frozenset({"clinician", "scientist", "admin", "auditor"})
EVERYONE: frozenset[Role] = PEOPLE | {"service"}


@dataclass(frozen=True)
class Route:
    """One method on one path.

    Attributes
    ----------
    roles: who may use it; None: anyone, without logging in.
    summary: one line for the documentation.
    endpoint: ``(service, call, caller) -> Response``; runs in a thread, so it may wait for the disk. ``caller`` is None
        only where ``roles`` is.
    query, request, response: structs of the query string, the JSON body and the JSON reply; None where there is none.
    accepted: struct of a 202 reply, where what was asked may be stored without being told.
    success: status when all is well. statuses: the errors beside those that ``roles`` and ``request`` imply.
    content_type: of the reply.
    page: made for people: errors are pages too, and who is not logged in is sent to the log-in page.
    form: names of the form fields, where the body is a form.
    with_one_time_password: may be used before the first password was changed.
    oip: of the Open Inference Protocol: errors are ``{"error": text}``.
    log_in: where one proves who one is: few requests in a while.
    """

    method: Literal["GET", "POST"]
    path: str
    roles: frozenset[Role] | None
    summary: str
    endpoint: Callable[..., Response]
    query: type[Any] | None = None
    request: type[Any] | None = None
    response: type[Any] | None = None
    accepted: type[Any] | None = None
    success: int = 200
    statuses: tuple[int, ...] = ()
    content_type: str = "application/json"
    page: bool = False
    form: tuple[str, ...] | None = None
    with_one_time_password: bool = False
    oip: bool = False
    log_in: bool = False
