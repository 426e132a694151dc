"""Schemathesis asks every route in ways that the description allows, and in ways that it does not.

No reply may be a fault of ours, and each must have a status, a content type and a body that /openapi.json declares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from bedside.review import PAGES
from bedside.serving import declared
from bedside.serving.route import Route

WHO = (*house.ROLES, "nobody")
EXAMPLES = 2
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
ROUTES = declared(PAGES, oip=True)
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        # Whom a request comes from is said below; schemathesis need not invent sessions.
        default=ProjectConfig(generation=GenerationConfig(with_security_parameters=False))
    )
)
# Which values fit is said by each release's schema, not by the description: they may be refused with 422.
EXCLUDED = [positive_data_acceptance]
# Pages send whoever may not see them elsewhere, whatever else is wrong.
EXCLUDED_ON_PAGES = [*EXCLUDED, negative_data_rejection]
# The libraries that draw the examples do so.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


@pytest.fixture
def ward(signed: tuple[Path, Path], tmp_path: Path) -> Iterator[Any]:
    """One for each route: a route may suspend the release."""
    opened = house.open_hospital(tmp_path, [signed], pages=PAGES, oip=True)
    yield opened
    opened.ledger.close()


@pytest.fixture
def described(ward: Any) -> Any:
    document = ward.client("service").get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document, config=CONFIG)
    schema.app = ward.app
    return schema


def headers(ward: Any, who: str) -> dict[str, str]:
    """A new session for each request: the last one may have logged out."""
    if who == "nobody":
        return {}
    user = ward.users[who]
    if user.role == "service":
        return {"Authorization": f"Bearer {ward.secrets[who]}"}
    token = ward.ledger.open_session(user)
    return {"Cookie": f"__Host-bedside_session={token}", "X-CSRF-Token": ward.ledger.csrf_token(token)}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_reply_is_one_that_is_described(ward: Any, described: Any, route: Route) -> None:
    operation = described[route.path][route.method]
    real = {"name": "breast-fna", "version": "1.0.0", "id": ward.ask()["id"]}
    named = {name: real[name] for name in real if f"{{{name}}}" in route.path}
    cases = [operation.as_strategy()]
    if named:
        cases.append(operation.as_strategy(path_parameters=named))
    if route.request is not None or route.query is not None:
        cases.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=named or None))

    excluded = EXCLUDED_ON_PAGES if route.page else EXCLUDED

    @SETTINGS
    @given(st.data())
    def asked(data: Any) -> None:
        for who in WHO:
            for case in cases:
                data.draw(case).call_and_validate(headers=headers(ward, who), excluded_checks=excluded)

    asked()
