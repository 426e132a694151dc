"""Who may do what: the whole matrix of routes and roles, written down here a second time on purpose."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bedside.review import PAGES
from bedside.serving import declared

ROLES = ("clinician", "scientist", "admin", "auditor", "service")
ANYONE, NOBODY = "anyone", ""
MATRIX = {
    # route: letters of the roles that may (c s a u = auditor, v = service), or anyone
    "POST /api/v1/releases/{name}/answers": "cv",
    "GET /api/v1/releases": "csauv",
    "GET /api/v1/answers": "c",
    "GET /api/v1/answers/{id}": "cv",
    "POST /api/v1/answers/{id}/reviews": "c",
    "GET /api/v1/answers/{id}/replay": "csu",
    "GET /livez": ANYONE,
    "GET /readyz": ANYONE,
    "GET /metrics": "av",
    "GET /openapi.json": "csauv",
    "GET /static/bedside.css": ANYONE,
    "GET /login": ANYONE,
    "POST /login": ANYONE,
    "GET /password": "csau",
    "POST /password": "csau",
    "POST /logout": "csau",
    "GET /": "csau",
    "GET /answers/{id}": "c",
    "POST /answers/{id}": "c",
    "GET /releases": "csau",
    "GET /releases/{name}": "csau",
    "GET /releases/{name}/report": "csau",
    "GET /releases/{name}/new": "c",
    "POST /releases/{name}/new": "c",
}
LETTERS = dict(zip("csauv", ROLES, strict=True))
BODIES = {
    "/api/v1/releases/{name}/answers": {"values": {}},
    "/api/v1/answers/{id}/reviews": {"verdict": "unsure"},
}


def test_every_route_is_in_the_matrix() -> None:
    assert {f"{route.method} {route.path}" for route in declared(PAGES)} == set(MATRIX)


def _send(client: Any, method: str, path: str, answer: str) -> Any:
    url = path.replace("{id}", answer).replace("{name}", "breast-fna")
    if method == "GET":
        return client.get(url)
    if path in BODIES:
        return client.post(url, json=BODIES[path])
    return client.post(url, data={"csrf": client.headers.get("X-CSRF-Token", "")})


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reaches_what_the_matrix_says_and_nothing_else(hospital: Any, role: str) -> None:
    for route, letters in MATRIX.items():
        method, path = route.split()
        answer = hospital.ask("service" if role == "service" else "clinician", explain=False)["id"]
        status = _send(hospital.client(role), method, path, answer).status_code
        allowed = letters == ANYONE or role in {LETTERS[letter] for letter in letters}
        if allowed:
            assert status not in {401, 403} or route == "POST /login", (route, role, status)
        else:
            assert status == 403, (route, role, status)


def test_nobody_gets_anywhere_without_logging_in(hospital: Any) -> None:
    answer = hospital.ask()["id"]
    for route, letters in MATRIX.items():
        method, path = route.split()
        reply = _send(hospital.anonymous(), method, path, answer)
        if letters == ANYONE:
            assert reply.status_code < 400 or route == "POST /login", route
        elif path.startswith(("/api/", "/metrics", "/openapi")):
            assert reply.status_code == 401, route
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        else:
            assert (reply.status_code, reply.headers["Location"].split("?")[0]) == (303, "/login"), route


def test_a_service_reads_its_own_answers_only(hospital: Any) -> None:
    answer = hospital.ask("service")["id"]
    assert hospital.client("service").get(f"/api/v1/answers/{answer}").status_code == 200
    assert hospital.client("monitor").get(f"/api/v1/answers/{answer}").status_code == 404
    assert hospital.client("clinician").get(f"/api/v1/answers/{answer}").status_code == 200


def test_identity_goes_to_those_who_treat_and_each_reading_is_entered(hospital: Any) -> None:
    patient = {"id": "A-1", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
    asked = hospital.ask("service", patient=patient)
    assert asked["identity"] is None
    before = len(list(hospital.ledger.entries(kind="identity-read")))
    assert hospital.client("service").get(f"/api/v1/answers/{asked['id']}").json()["identity"] is None
    assert len(list(hospital.ledger.entries(kind="identity-read"))) == before
    assert hospital.client("clinician").get(f"/api/v1/answers/{asked['id']}").json()["identity"] == patient
    readings = list(hospital.ledger.entries(kind="identity-read"))
    assert [entry.actor for entry in readings[before:]] == ["clinician"]


def test_the_list_and_the_replay_name_nobody(hospital: Any) -> None:
    answer = hospital.ask(patient={"id": "A-1", "name": "Anneliese Meier", "birth_date": "1958-03-14"})
    listed = hospital.client("clinician").get("/api/v1/answers").text
    replayed = hospital.client("auditor").get(f"/api/v1/answers/{answer['id']}/replay").text
    for text in (listed, replayed, hospital.client("clinician").get("/").text):
        assert not re.search("Meier|1958|A-1", text)


def test_a_wrong_key_a_wrong_scheme_and_a_made_up_session_are_401(hospital: Any) -> None:
    for header in ("Bearer bk_wrong", "Bearer ", "Basic YTpi", "Bearer"):
        reply = hospital.anonymous().get("/api/v1/releases", headers={"Authorization": header})
        assert (reply.status_code, set(reply.json())) == (401, {"error"}), header
    client = hospital.anonymous()
    client.cookies.set("bedside_session", "made-up")
    assert client.get("/api/v1/releases").status_code == 401


def test_a_session_ends_after_a_quarter_of_an_hour_unused(hospital: Any) -> None:
    client = hospital.client("clinician")
    hospital.clock.forward(minutes=14)
    assert client.get("/api/v1/answers").status_code == 200
    hospital.clock.forward(minutes=15, seconds=1)
    assert client.get("/api/v1/answers").status_code == 401


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_cookie_alone_sends_nothing(hospital: Any, token: str | None) -> None:
    client = hospital.client("clinician")
    del client.headers["X-CSRF-Token"]
    headers = {} if token is None else {"X-CSRF-Token": token}
    reply = client.post("/api/v1/releases/breast-fna/answers", json={"values": {}}, headers=headers)
    assert reply.status_code == 403
    assert "X-CSRF-Token" in reply.json()["error"]["remedy"]
    form = client.post("/releases/breast-fna/new", data={} if token is None else {"csrf": token})
    assert form.status_code == 403
    assert hospital.ledger.count() == 0


def test_another_users_token_does_not_do(hospital: Any) -> None:
    client = hospital.client("clinician")
    client.headers["X-CSRF-Token"] = hospital.client("second").headers["X-CSRF-Token"]
    assert client.post("/api/v1/releases/breast-fna/answers", json={"values": {}}).status_code == 403


def test_forms_sent_by_another_site_are_refused_even_where_no_session_is_needed(hospital: Any) -> None:
    for site in ("cross-site", "same-site"):
        reply = hospital.anonymous().post("/login", data={"name": "x"}, headers={"Sec-Fetch-Site": site})
        assert reply.status_code == 403
    assert (
        hospital.anonymous().post("/login", data={"name": "x"}, headers={"Sec-Fetch-Site": "same-origin"}).status_code
        == 401
    )
