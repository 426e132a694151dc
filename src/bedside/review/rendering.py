"""Templates to replies. Everything put into a page is escaped; what a page may load is in the response's headers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response

from bedside.review import figures
from bedside.review.words import translator
from bedside.serving.access import Caller, PasswordDue
from bedside.serving.call import Call
from bedside.serving.failures import Failure
from bedside.serving.service import NOT_FOR_CARE, Service

FOLDER = Path(__file__).parent


@cache
def environment() -> Environment:
    """The templates, parsed once; an unknown name in one is an error, never an empty place."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    shown = (figures.percent, figures.share, figures.points, figures.when)
    made.filters |= {function.__name__: function for function in shown}
    return made


def render(service: Service, template: str, caller: Caller | None, status: int = 200, **context: Any) -> Response:
    """One page for this reader."""
    csrf = service.ledger.csrf_token(caller.token) if caller is not None and caller.token is not None else ""
    warning = NOT_FOR_CARE if service.solo else ""
    return page(template, status, user=caller.user if caller else None, csrf=csrf, warning=warning, **context)


def page(template: str, code: int, **context: Any) -> Response:
    """One page from all that its template names."""
    text = environment().get_template(template).render(t=translator(), **context)
    return Response(text, code, media_type="text/html")


def go(path: str) -> Response:
    """On to another page of ours, by GET."""
    return RedirectResponse(path, 303)


def failure_page(call: Call, error: Exception, status: int, failure: Failure) -> Response:
    """An error as a page. Who is not logged in is sent to the log-in, and from there back to the page asked for."""
    if status == 401:
        wanted = f"?next={quote(call.path, safe='/')}" if call.method == "GET" and call.path != "/" else ""
        return go(f"/login{wanted}")
    if isinstance(error, PasswordDue):
        return go("/password")
    return page("failure.html", status, user=None, csrf="", warning="", status=status, failure=failure)
