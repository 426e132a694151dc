"""OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0) drawn from the declared routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bedside.serving.failures import FailureReply
from bedside.serving.oip.documents import InferenceFailure
from bedside.serving.route import Route

_STATUSES = {
    200: "Done",
    201: "Made",
    202: "Stored; nothing of it is told",
    303: "Go on there",
    400: "The body cannot be read",
    401: "Nobody is logged in",
    403: "No right to this",
    404: "There is no such thing",
    409: "It cannot be done as things stand",
    410: "The patient was erased by law; nobody can read it again",
    413: "The body is too long",
    429: "Too many requests; Retry-After says for how many seconds",
    415: "The body is of another type",
    422: "A value cannot be used; it is named",
    500: "bedside failed; the reference finds it in the log",
    503: "Not now",
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document; every route is in it, pages too."""
    kinds = [
        kind
        for route in routes
        for kind in (route.query, route.request, route.response, route.accepted)
        if kind is not None
    ]
    _, components = msgspec.json.schema_components(
        [*dict.fromkeys(kinds), *dict.fromkeys(_failure(route) for route in routes)],
        ref_template="#/components/schemas/{name}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bedside", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "A service's key: bedside user add NAME --role service"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-bedside_session",
        "description": "Set by /login; a POST also needs X-CSRF-Token, or the form's field csrf. "
        "Without the prefix __Host- on plain loopback.",
    },
}


def _operation(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _identifier(route),
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": [*_in_path(route), *_in_query(route, components)],
        "responses": {str(route.success): _success(route)}
        | _accepted(route)
        | {str(status): _refusal(route, status) for status in _errors(route)},
        "security": _security(route),
    }
    if route.roles is not None:
        operation["x-roles"] = sorted(route.roles)
    body = _body(route)
    return operation | ({"requestBody": body} if body else {})


def _failure(route: Route) -> type[msgspec.Struct]:
    return InferenceFailure if route.oip else FailureReply


def _tag(route: Route) -> str:
    if route.page:
        return "pages"
    if route.oip:
        return "open inference protocol"
    return "api" if route.path.startswith("/api/") else "operators"


def _identifier(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", route.path)
    return "_".join([route.method.lower(), *words])


def _in_path(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = components[route.query.__name__]["properties"]
    return [
        # Forms send each of their fields: an empty one is one that was left out.
        {"name": name, "in": "query", "required": False, "schema": {"anyOf": [schema, {"const": ""}]}}
        for name, schema in properties.items()
    ]


def _body(route: Route) -> dict[str, Any] | None:
    if route.request is not None:
        content = {"application/json": {"schema": _ref(route.request)}}
        return {"required": True, "content": content | (_BINARY if route.oip else {})}
    if route.form is not None:
        fields: dict[str, Any] = {name: {"type": "string"} for name in route.form}
        schema = {"type": "object", "properties": fields}
        return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    return None


def _success(route: Route) -> dict[str, Any]:
    reply: dict[str, Any] = {"description": _STATUSES[route.success]}
    if route.success == 303:
        return reply | {"headers": {"Location": {"schema": {"type": "string"}}}}
    schema = {} if route.response is None else {"schema": _ref(route.response)}
    content = {route.content_type.partition(";")[0]: schema}
    return reply | {"content": content | (_BINARY if route.oip and route.request is not None else {})}


_BINARY: dict[str, Any] = {
    "application/octet-stream": {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": "The same JSON, of the length in Inference-Header-Content-Length, then the binary data",
        }
    }
}


def _accepted(route: Route) -> dict[str, Any]:
    if route.accepted is None:
        return {}
    content = {"application/json": {"schema": _ref(route.accepted)}}
    return {"202": {"description": _STATUSES[202], "content": content}}


def _errors(route: Route) -> list[int]:
    implied = {429, 500}
    if route.roles is not None:
        implied |= {403, 503} if route.page else {401, 403, 503}
        implied |= {303} if route.page and route.success != 303 else set()
    if route.request is not None or route.form is not None:
        implied |= {400, 403, 413, 415, 422}
    if route.query is not None:
        implied |= {400, 422}
    return sorted(implied | set(route.statuses))


def _refusal(route: Route, status: int) -> dict[str, Any]:
    if status == 303:
        return {"description": "Log in first", "headers": {"Location": {"schema": {"type": "string"}}}}
    content = {"text/html": {}} if route.page else {"application/json": {"schema": _ref(_failure(route))}}
    return {"description": _STATUSES[status], "content": content}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.roles is None:
        return []
    schemes: list[dict[str, list[str]]] = [{"key": []}] if "service" in route.roles else []
    return schemes + ([{"session": []}] if route.roles != {"service"} else [])


def _ref(kind: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
