"""Who may do what: the whole matrix of routes and callers, written down a second time on purpose in ``rights.csv``.

A cell is the status that the caller gets for a valid request that can be done as things stand; after a space, where a
redirect leads (``*``: any one step further); ``-`` where there is no such caller: a service has no one-time password. A
new route needs its row there, and an entry in ``REQUESTS`` where it takes more than a bare GET, and in ``BEFORE`` where
something must stand first.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import hospital as house
import httpx2
import pytest
from log_in_provider import CLIENT, OIDC, REDIRECT, SECRET, LogIn, log_in_provider

from bedside.release import ReviewRule
from bedside.review import PAGES
from bedside.serving import admission, declared
from bedside.serving.deployments import deploy
from bedside.serving.route import Route
from bedside.serving.standing_api import suspend

RIGHTS = Path(__file__).parent / "rights.csv"
ROWS = {row.pop("route"): row for row in csv.DictReader(RIGHTS.read_text().splitlines())}
"""Route → caller → what that caller gets."""

CALLERS = ("clinician", "scientist", "admin", "auditor", "service", "nobody", "one-time password", "deactivated")
NEW = "another long password"
Asker = Callable[[Any, str], dict[str, Any]]
"""``(hospital, the caller's secret) -> keyword arguments of the request``; forms get the session's token added."""

REQUESTS: dict[str, Asker] = {
    "POST /api/v1/releases/{name}/answers": lambda _, __: {"json": {"values": house.HIGH}},
    "POST /api/v1/answers/{id}/reviews": lambda _, __: {"json": {"verdict": "agree"}},
    "POST /api/v1/releases/{name}/deployments": lambda hospital, _: {"json": {"place": _place(hospital)}},
    "POST /api/v1/releases/{name}/rollback": lambda _, __: {"json": {}},
    "POST /api/v1/releases/{name}/suspension": lambda _, __: {"json": {"reason": "false alarms"}},
    "POST /api/v1/releases/{name}/reinstatement": lambda _, __: {"json": {"reason": "mended"}},
    "POST /api/v1/releases/{name}/approvals": lambda _, __: {"json": {"reason": "read the report"}},
    "POST /api/v1/answers/{id}/withdrawal": lambda _, __: {"json": {"reason_codes": ["wrong-patient"]}},
    "POST /api/v1/answers/{id}/own-estimate": lambda _, __: {"json": {"estimate": None}},
    "POST /api/v1/answers/search": lambda _, __: {"json": {"id": PATIENT["id"]}},
    "POST /login": lambda _, __: {"data": {"name": "clinician", "password": house.PASSWORD}},
    "POST /password": lambda _, secret: {"data": {"old": secret, "new": NEW, "again": NEW}},
    "POST /logout": lambda _, __: {"data": {}},
    "POST /releases/{name}": lambda _, __: {"data": {"act": "reinstate", "reason": "Mended"}},
    "POST /deployments": lambda _, __: {"data": {"act": "roll-back", "name": "breast-fna"}},
    "POST /users": lambda _, __: {"data": {"name": "new", "role": "scientist"}},
    "POST /users/{name}": lambda _, __: {"data": {"act": "end-sessions"}},
    "POST /ledger": lambda _, __: {"data": {"patient": PATIENT["id"]}},
    "POST /preferences": lambda _, __: {"data": {"language": "en"}},
    "POST /answers/{id}": lambda _, __: {"data": {"verdict": "agree", "seen": "preliminary"}},
    "POST /answers/{id}/withdrawal": lambda _, __: {"data": {"because.duplicate": "yes"}},
    "POST /answers/{id}/own-estimate": lambda _, __: {"data": {"unable": "yes"}},
    "POST /patients": lambda _, __: {"data": {"id": PATIENT["id"]}},
    "POST /releases/{name}/new": lambda _, __: {"data": {name: str(value) for name, value in house.HIGH.items()}},
}
INPUTS = [
    {
        "name": name,
        "shape": [1],
        "datatype": "FP64" if name in house.NUMBERS else "BYTES",
        "data": [house.HIGH[name]],
    }
    for name in (*house.NUMBERS, *house.CATEGORIES)
]
REQUESTS |= {
    f"POST /v2/models/{{name}}{version}/infer": lambda _, __: {"json": {"inputs": INPUTS}}
    for version in ("", "/versions/{version}")
}


def _stopped(hospital: Any) -> None:
    """Each time anew: two who reinstate it would leave the third nothing to do."""
    service = hospital.app.state.service
    loaded = service.served.find("breast-fna")
    if service.served.standings[loaded.digest].suspended is None:
        suspend(service, hospital.users["second"], "breast-fna", None, "false alarms")


def _live(hospital: Any, *names: str) -> None:
    """Other versions were deployed, one after the other."""
    for name in names:
        deploy(hospital.app.state.service, hospital.users["admin"], hospital.more[name], "live")


def _reported(hospital: Any) -> None:
    hospital.ledger.enter_silent_report("breast-fna", {"with_outcome": 0}, user=hospital.users["scientist"])


def _known(hospital: Any) -> None:
    hospital.ask("service", patient=PATIENT)


BEFORE: dict[str, Callable[[Any], None]] = {
    "POST /api/v1/releases/{name}/reinstatement": _stopped,
    "POST /releases/{name}": _stopped,
    "POST /api/v1/releases/{name}/rollback": lambda hospital: _live(hospital, "own_first", "newer"),
    "POST /deployments": lambda hospital: _live(hospital, "own_first", "newer"),
    "POST /api/v1/answers/{id}/own-estimate": lambda hospital: _live(hospital, "own_first"),
    "POST /answers/{id}/own-estimate": lambda hospital: _live(hospital, "own_first"),
    "GET /api/v1/releases/{name}/silent-report": _reported,
    "POST /api/v1/answers/search": _known,
    "POST /patients": _known,
    "POST /ledger": _known,
}
"""What must stand before the request of each caller."""


def _place(hospital: Any) -> str:
    return str(hospital.app.state.service.served.find("breast-fna").place)


def _returning(hospital: Any, _: str) -> dict[str, Any]:
    """The way back from the log-in provider, of a person whom it knows."""
    browser = hospital.anonymous()
    there = browser.get("/login/start").headers["Location"]
    back = httpx2.get(there).headers["Location"]
    query = dict(parse_qsl(urlsplit(back).query))
    return {"params": query, "headers": {"Cookie": f"bedside_login={browser.cookies['bedside_login']}"}}


REQUESTS["GET /login/return"] = _returning
PATIENT = {"id": "A-1", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
FREE = {"POST /login"}
"""Forms that carry no token, because there is no session yet."""

ROUTES = {f"{route.method} {route.path}": route for route in declared(PAGES, oip=True)}


@pytest.fixture(scope="module")
def provider() -> Iterator[LogIn]:
    with log_in_provider() as running:
        yield running


@pytest.fixture(scope="module")
def more(
    tmp_path_factory: pytest.TempPathFactory, signed: tuple[Path, Path], newer: tuple[Path, Path]
) -> dict[str, Path]:
    """Releases that can be deployed."""
    rule = ReviewRule(queue=("alert",), own_estimate_first=True)
    folder = tmp_path_factory.mktemp("own-first")
    own_first, _ = house.make_release(folder, version="1.2.0", keys=signed[1].parent, review=rule)
    return {"newer": newer[0], "own_first": own_first}


@pytest.fixture
def hospital(tmp_path: Path, signed: tuple[Path, Path], more: dict[str, Path], provider: LogIn) -> Iterator[Any]:
    """With everything that can be switched on."""
    (tmp_path / "oidc.secret").write_text(SECRET)
    (tmp_path / "oidc.toml").write_text(OIDC.format(issuer=provider.url, client=CLIENT, redirect=REDIRECT))
    allowed = admission(oidc=tmp_path / "oidc.toml")
    opened = house.open_hospital(tmp_path, [signed], pages=PAGES, oip=True, admission=allowed)
    opened.more = more
    yield opened
    opened.ledger.close()


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(ROWS) == set(ROUTES), "add the missing rows to tests/serving/rights.csv"
    assert all(tuple(row) == CALLERS for row in ROWS.values())


def _as(hospital: Any, caller: str, route: Route) -> tuple[Any, str]:
    """A client that is this caller, and the caller's secret."""
    if caller == "nobody":
        return hospital.anonymous(), ""
    if caller in house.ROLES:
        return hospital.client(caller), hospital.secrets[caller]
    # These would have the right, were it not for the state of their account.
    role = next(one for one in house.ROLES if one in (route.roles or {"clinician"}))
    name = caller.split()[0]
    hospital.users[name], hospital.secrets[name] = hospital.ledger.add_user(name, role, actor="test")
    if caller == "deactivated":
        hospital.ledger.set_active(name, False, actor="test")  # a session opened all the same must not do
    return hospital.client(name), hospital.secrets[name]


def _sent(hospital: Any, client: Any, secret: str, name: str, asker: str) -> tuple[Any, str]:
    """The reply, and the id of the answer that the request was about."""
    method, path = name.split()
    if name in BEFORE:
        BEFORE[name](hospital)
    answer = hospital.ask(asker, explain=False)["id"] if "{id}" in path else ""
    before = len(list(hospital.ledger.entries()))
    options = REQUESTS[name](hospital, secret) if name in REQUESTS else {}
    if "data" in options and name not in FREE:
        options["data"]["csrf"] = client.headers.get("X-CSRF-Token", "")
    of = "second" if path.startswith("/users") else "breast-fna"
    url = path.replace("{id}", answer).replace("{name}", of).replace("{version}", "1.0.0")
    reply = client.request(method, url, **options)
    if reply.status_code in {401, 403}:
        assert len(list(hospital.ledger.entries())) == before, "refused, and yet something was done"
    return reply, answer


@pytest.mark.parametrize("name", ROUTES)
def test_each_caller_gets_what_the_matrix_says(hospital: Any, name: str) -> None:
    route, row = ROUTES[name], ROWS[name]
    for caller in (one for one in CALLERS if row[one] != "-"):
        client, secret = _as(hospital, caller, route)
        reply, answer = _sent(hospital, client, secret, name, "service" if caller == "service" else "clinician")
        status, _, place = row[caller].partition(" ")
        assert str(reply.status_code) == status, (name, caller, reply.text[:300])
        if place:
            found = reply.headers["Location"].split("?")[0]
            assert fnmatchcase(found, place.replace("{id}", answer)), (name, caller, found)
        if status == "401":
            assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_each_right_is_seen_used() -> None:
    """Who has a right has a success in the matrix, so that the right is more than the lack of a refusal."""
    for name, row in ROWS.items():
        assert all(row[role][0] == "2" or row[role][:3] == "303" or row[role] == "403" for role in house.ROLES), name


def test_the_matrix_says_what_the_declarations_say() -> None:
    for name, route in ROUTES.items():
        for role in house.ROLES:
            allowed = route.roles is None or role in route.roles
            assert (ROWS[name][role] != "403") == allowed, (name, role)
        assert (ROWS[name]["nobody"] in {"401", "303 /login"}) == (route.roles is not None), name


def test_a_service_reads_its_own_answers_only(hospital: Any) -> None:
    answer = hospital.ask("service")["id"]
    assert hospital.client("service").get(f"/api/v1/answers/{answer}").status_code == 200
    assert hospital.client("monitor").get(f"/api/v1/answers/{answer}").status_code == 404
    assert hospital.client("clinician").get(f"/api/v1/answers/{answer}").status_code == 200


def test_identity_goes_to_those_who_treat_and_each_reading_is_entered(hospital: Any) -> None:
    asked = hospital.ask("service", patient=PATIENT)
    assert asked["identity"] is None
    before = len(list(hospital.ledger.entries(kind="identity-read")))
    assert hospital.client("service").get(f"/api/v1/answers/{asked['id']}").json()["identity"] is None
    assert len(list(hospital.ledger.entries(kind="identity-read"))) == before
    assert hospital.client("clinician").get(f"/api/v1/answers/{asked['id']}").json()["identity"] == PATIENT
    readings = list(hospital.ledger.entries(kind="identity-read"))
    assert [entry.actor for entry in readings[before:]] == ["clinician"]


def test_the_list_and_the_replay_name_nobody(hospital: Any) -> None:
    answer = hospital.ask(patient=PATIENT)
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
    def status(path: str, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return int(hospital.anonymous().post(path, data={"name": "x"}, headers=sent).status_code)

    for site in ("cross-site", "same-site"):
        assert status("/login", Sec_Fetch_Site=site, Origin=house.LOOPBACK) == 403
    for origin in ("https://elsewhere.example", "null", "http://127.0.0.1.elsewhere.example", "http://[", "127.0.0.1"):
        assert status("/login", Origin=origin) == 403, origin
        assert status("/preferences", Origin=origin) == 403, origin
    for ours in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}, {"Origin": house.LOOPBACK}):
        assert status("/login", **ours) == 401, ours
    client = hospital.client("clinician")
    forged = client.post("/logout", data={"csrf": client.headers["X-CSRF-Token"]}, headers={"Origin": "https://x.org"})
    assert (forged.status_code, "another site" in forged.text) == (403, True)
    assert client.get("/").status_code == 200
