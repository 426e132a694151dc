"""The pages, declared: what `bedside.serving.create_app` takes as ``pages``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from bedside.review import (
    accounts,
    answer_page,
    deployments,
    entry,
    journal,
    preferences,
    releases,
    sign_on,
    users,
    worklist,
)
from bedside.review.rendering import FOLDER, failure_page
from bedside.serving import Pages
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.oidc.flow import Returned
from bedside.serving.route import PEOPLE, Role, Route
from bedside.serving.service import Service

CLINICIAN: frozenset[Role] = frozenset({"clinician"})
ADMIN: frozenset[Role] = frozenset({"admin"})
APPROVING: frozenset[Role] = frozenset({"clinician", "scientist", "admin"})
AUDITOR: frozenset[Role] = frozenset({"auditor"})
CSS = "text/css; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
HTML = "text/html; charset=utf-8"


def stylesheet(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /static/bedside.css``."""
    return _static("bedside.css", CSS)


def script(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``GET /static/bedside.js``."""
    return _static("bedside.js", SCRIPT)


def _static(name: str, content_type: str) -> Response:
    body = (FOLDER / "static" / name).read_bytes()
    return Response(body, media_type=content_type, headers={"Cache-Control": "public, max-age=300"})


def _get(
    path: str, roles: frozenset[Role] | None, summary: str, endpoint: Callable[..., Response], **more: Any
) -> Route:
    return Route("GET", path, roles, summary, endpoint, content_type=HTML, page=True, **more)


def _post(
    path: str, roles: frozenset[Role] | None, summary: str, endpoint: Callable[..., Response], **more: Any
) -> Route:
    return Route("POST", path, roles, summary, endpoint, content_type=HTML, page=True, success=303, **more)


PAGES = Pages(
    routes=(
        Route("GET", "/static/bedside.css", None, "The pages' style", stylesheet, content_type=CSS),
        Route("GET", "/static/bedside.js", None, "The pages' one script", script, content_type=SCRIPT),
        _get("/preferences", None, "The form to choose language and time zone", preferences.preferences_form),
        _post(
            "/preferences",
            None,
            "Keep language and time zone in two cookies",
            preferences.preferences,
            form=("language", "zone", "next", "csrf"),
            statuses=(403, 422),
        ),
        _get("/login", None, "The log-in form", accounts.login_form, query=accounts.LoginQuery),
        _post(
            "/login",
            None,
            "Log in",
            accounts.login,
            form=("name", "password", "next"),
            statuses=(401, 403),
            log_in=True,
        ),
        _get(
            "/login/start",
            None,
            "To the log-in provider, where one is set up",
            sign_on.start,
            query=accounts.LoginQuery,
            success=303,
            statuses=(404, 503),
            log_in=True,
        ),
        _get(
            "/login/return",
            None,
            "Back from the log-in provider",
            sign_on.finish,
            query=Returned,
            statuses=(401, 403, 404, 503),
            log_in=True,
        ),
        _get(
            "/password", PEOPLE, "The form to change the password", accounts.password_form, with_one_time_password=True
        ),
        _post(
            "/password",
            PEOPLE,
            "Change the password",
            accounts.password,
            form=("old", "new", "again", "csrf"),
            with_one_time_password=True,
        ),
        _post("/logout", PEOPLE, "Log out", accounts.logout, form=("csrf",), with_one_time_password=True),
        _get(
            "/",
            PEOPLE,
            "The worklist, longest waiting first; who treats no patients goes on to the releases",
            worklist.worklist,
            query=worklist.WorklistFilter,
            statuses=(303, 422),
        ),
        _get(
            "/answers/{id}",
            CLINICIAN,
            "One answer, to read and review",
            answer_page.answer,
            query=answer_page.AnswerQuery,
            statuses=(404, 410),
        ),
        _post(
            "/answers/{id}",
            CLINICIAN,
            "Sign a review",
            answer_page.review,
            form=(*answer_page.FIELDS, "seen", "csrf"),
            statuses=(404, 409, 410),
        ),
        _post(
            "/answers/{id}/own-estimate",
            CLINICIAN,
            "Say what one expects; then the model's estimate is shown",
            answer_page.own_estimate,
            form=(*answer_page.OWN, "csrf"),
            statuses=(404, 409),
        ),
        _post(
            "/answers/{id}/withdrawal",
            CLINICIAN,
            "Mark an answer as entered in error",
            answer_page.withdraw,
            form=(*answer_page.WITHDRAWAL, "seen", "csrf"),
            statuses=(404, 409),
        ),
        Route(
            "POST",
            "/patients",
            CLINICIAN,
            "The answers about the patient with this number",
            worklist.search,
            content_type=HTML,
            page=True,
            form=("id", "csrf"),
            statuses=(404,),
        ),
        _get("/releases", PEOPLE, "The releases that are served here", releases.listing),
        _get(
            "/releases/{name}",
            PEOPLE,
            "A release: card, evidence, targets, versions, approvals, suspension, history",
            releases.card,
            query=releases.Wanted,
            statuses=(404,),
        ),
        _post(
            "/releases/{name}",
            APPROVING,
            "Approve, suspend or reinstate a release",
            releases.act,
            form=("act", "version", "reason", "csrf"),
            statuses=(404, 409),
        ),
        _get(
            "/releases/{name}/report",
            PEOPLE,
            "A release's report",
            releases.report,
            query=releases.Wanted,
            statuses=(404,),
        ),
        _get("/releases/{name}/new", CLINICIAN, "The form to enter a patient", entry.form, statuses=(404,)),
        _post(
            "/releases/{name}/new",
            CLINICIAN,
            "Ask about the patient entered",
            entry.enter,
            form=("patient.id", "patient.name", "patient.birth_date", "digest", "csrf"),
            statuses=(404, 409, 503),
        ),
        _get("/deployments", ADMIN, "Which versions answer, and the forms to change that", deployments.show),
        _post(
            "/deployments",
            ADMIN,
            "Deploy a release, live or silently, or go back to the version before",
            deployments.act,
            form=(*deployments.FIELDS, "csrf"),
            statuses=(400, 404, 409),
        ),
        _get("/users", ADMIN, "Users, services and the state of their accounts", users.listing),
        Route(
            "POST",
            "/users",
            ADMIN,
            "Add a user; the reply shows the one-time password or the key, once",
            users.add,
            success=201,
            statuses=(409,),
            content_type=HTML,
            page=True,
            form=(*users.ADDED, "csrf"),
        ),
        _get("/users/{name}", ADMIN, "One user, and what can be done", users.show, statuses=(404,)),
        _post(
            "/users/{name}",
            ADMIN,
            "Renew, deactivate, activate, unlock, log out everywhere, change the role of a user, or a service's keys",
            users.change,
            form=("act", "role", "days", "key", "csrf"),
            statuses=(200, 404, 409),
        ),
        _get(
            "/ledger",
            AUDITOR,
            "The entries of the ledger, newest first, without what was said of patients",
            journal.journal,
            query=journal.JournalFilter,
        ),
        _post(
            "/ledger",
            AUDITOR,
            "From a patient's number to the entries about that patient",
            journal.find_patient,
            form=("patient", "csrf"),
            statuses=(404,),
        ),
    ),
    failure=failure_page,
)
