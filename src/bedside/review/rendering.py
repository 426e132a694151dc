"""Templates to replies. Everything put into a page is escaped; what a page may load is in the response's headers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import RedirectResponse, Response

from bedside.ledger import User
from bedside.review import figures, terms
from bedside.review.reader import reader_of
from bedside.review.words import LANGUAGES, Translate
from bedside.serving.access import Caller, PasswordDue, known
from bedside.serving.call import Call
from bedside.serving.failures import Failure
from bedside.serving.service import Service

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
    figure: tuple[Callable[..., str], ...] = (figures.percent, figures.share)
    term = (
        terms.role,
        terms.verdict,
        terms.status,
        terms.outcome,
        terms.measure,
        terms.entry,
        terms.fact,
        terms.mode,
        terms.action,
    )
    made.filters |= {function.__name__: _in_words(function) for function in (*figure, *term)}
    made.filters |= {name: _for_reader(name) for name in ("when", "day", "told", "sentences")}
    made.filters["points"] = figures.points
    return made


def _in_words(function: Callable[..., str]) -> Callable[..., str]:
    """A filter in the reader's language: ``{{ user.role | role }}``."""

    @pass_context
    def worded(context: Context, value: Any) -> str:
        return function(value, context["t"])

    return worded


def _for_reader(name: str) -> Callable[..., str]:
    """A filter that the reader decides on: ``{{ answer.created | when }}``."""

    @pass_context
    def shown(context: Context, value: Any) -> str:
        return str(getattr(context["reader"], name)(value))

    return shown


def render(
    service: Service, template: str, call: Call, caller: Caller | None, status: int = 200, **context: Any
) -> Response:
    """One page for who is behind this call, in the reader's language and time zone.

    A template has these names beside those of ``context``: ``t``, ``reader``, ``user`` (None: nobody is logged in),
    ``csrf``, ``solo``, ``languages``, ``navigation``, ``here`` (the path) and ``path`` (with its query, to lead back).
    """
    reader, user = reader_of(call), caller.user if caller else None
    path = f"{call.path}?{call.query}" if call.query else call.path
    standing = {
        "user": user,
        "csrf": service.ledger.csrf_token(caller.token) if caller is not None and caller.token is not None else "",
        "solo": service.solo,
        "t": reader.t,
        "reader": reader,
        "languages": LANGUAGES,
        "here": call.path,
        "path": path if call.method == "GET" else call.path,
        "navigation": navigation(user, reader.t),
    }
    text = environment().get_template(template).render(**standing, **context)
    return Response(text, status, media_type="text/html", headers={"Content-Language": reader.language})


def navigation(user: User | None, t: Translate) -> list[tuple[str, str]]:
    """Path and words of the pages that this user's role begins with."""
    if user is None:
        return []
    before = {"clinician": [("/", t("Worklist"))]}
    after = {
        "admin": [("/deployments", t("Deployment")), ("/users", t("Users and keys"))],
        "auditor": [("/ledger", t("Ledger"))],
    }
    return [*before.get(user.role, []), ("/releases", t("Releases")), *after.get(user.role, [])]


def go(path: str) -> Response:
    """On to another page of ours, by GET."""
    return RedirectResponse(path, 303)


def failure_page(service: Service, call: Call, error: Exception, status: int, failure: Failure) -> Response:
    """An error as a page. Who is not logged in is sent to the log-in, and from there back to the page asked for."""
    if status == 401:
        wanted = f"?next={quote(call.path, safe='/')}" if call.method == "GET" and call.path != "/" else ""
        return go(f"/login{wanted}")
    if isinstance(error, PasswordDue):
        return go("/password")
    return render(service, "failure.html", call, known(service, call), status, http_status=status, failure=failure)
