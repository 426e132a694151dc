"""Logging in and out, as a browser does it."""

from __future__ import annotations

import re
from typing import Any

import hospital as house
import pytest


def _csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


def test_a_new_user_logs_in_chooses_a_password_and_is_let_in(hospital: Any) -> None:
    _, secret = hospital.ledger.add_user("ada", "clinician", full_name="Dr. Ada", actor="admin")
    browser = hospital.anonymous()
    reply = browser.post("/login", data={"name": "ada", "password": secret})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/password")
    assert browser.get("/").headers["Location"] == "/password"
    assert browser.get("/api/v1/answers").status_code == 403
    form = browser.get("/password")
    assert "works once" in form.text
    sent = {"csrf": _csrf(form.text), "old": secret, "new": "a sentence to remember", "again": "a sentence to remember"}
    assert browser.post("/password", data={**sent, "again": "another"}).status_code == 422
    assert browser.post("/password", data={**sent, "new": "short", "again": "short"}).status_code == 422
    assert browser.post("/password", data={**sent, "old": "wrong"}).status_code == 422
    assert browser.post("/password", data=sent).headers["Location"] == "/"
    assert browser.get("/").status_code == 200
    assert hospital.anonymous().post("/login", data={"name": "ada", "password": secret}).status_code == 401


def test_a_changed_password_ends_the_other_sessions(hospital: Any) -> None:
    here, elsewhere = hospital.client("scientist"), hospital.client("scientist")
    new = {"old": house.PASSWORD, "new": "another long password", "again": "another long password"}
    assert hospital.form(here, "/password", **new).status_code == 303
    assert here.get("/releases").status_code == 200
    assert elsewhere.get("/releases").status_code == 303


def test_the_cookie_is_for_this_site_only_and_hidden_from_scripts(hospital: Any) -> None:
    sent = {"name": "clinician", "password": house.PASSWORD}
    plain = hospital.anonymous().post("/login", data=sent).headers["Set-Cookie"]
    assert plain.startswith("bedside_session=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(plain.lower().split("; "))
    assert "secure" not in plain.lower()
    for url in ("https://ward.example.org", "http://ward.example.org"):
        guarded = hospital.anonymous(base_url=url).post("/login", data=sent).headers["Set-Cookie"]
        assert guarded.startswith("__Host-bedside_session=")
        assert {"httponly", "samesite=strict", "path=/", "secure"} <= set(guarded.lower().split("; "))


def test_five_wrong_passwords_lock_the_account_for_a_while(hospital: Any) -> None:
    browser = hospital.anonymous()
    right, wrong = {"name": "clinician", "password": house.PASSWORD}, {"name": "clinician", "password": "wrong"}
    said = {browser.post("/login", data=wrong).text for _ in range(5)}
    assert browser.post("/login", data=right).status_code == 401
    said.add(browser.post("/login", data={"name": "nobody", "password": "wrong"}).text)
    assert len(said) == 1
    hospital.clock.forward(minutes=15, seconds=1)
    assert browser.post("/login", data=right).status_code == 303


def test_after_the_log_in_one_is_where_one_wanted_to_go(hospital: Any) -> None:
    asked = hospital.anonymous().get("/releases/breast-fna")
    assert asked.headers["Location"] == "/login?next=/releases/breast-fna"
    form = hospital.anonymous().get(asked.headers["Location"]).text
    assert 'name="next" value="/releases/breast-fna"' in form
    sent = {"name": "scientist", "password": house.PASSWORD, "next": "/releases/breast-fna"}
    assert hospital.anonymous().post("/login", data=sent).headers["Location"] == "/releases/breast-fna"


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/evil", "javascript:x"]
)
def test_never_on_to_another_site(hospital: Any, where: str) -> None:
    sent = {"name": "scientist", "password": house.PASSWORD, "next": where}
    assert hospital.anonymous().post("/login", data=sent).headers["Location"] == "/"


def test_logging_out_ends_the_session_itself(hospital: Any) -> None:
    browser = hospital.client("clinician")
    token = browser.cookies["bedside_session"]
    reply = hospital.form(browser, "/logout")
    assert (reply.headers["Location"], 'bedside_session=""' in reply.headers["Set-Cookie"]) == ("/login", True)
    again = hospital.anonymous()
    again.cookies.set("bedside_session", token)
    assert again.get("/").headers["Location"] == "/login"


def test_a_service_has_no_pages(hospital: Any) -> None:
    assert hospital.client("service").get("/").status_code == 403
