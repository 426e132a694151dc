"""Users and keys, as an administrator looks after them on the pages."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import hospital as house
import pytest


def _text(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


def _secret(reply: Any) -> str:
    (found,) = re.findall(r'<p class="secret"><code>([^<]+)</code>', reply.text)
    return str(found)


def test_a_user_is_added_and_the_password_is_shown_once(hospital: Any) -> None:
    admin = hospital.client("admin")
    reply = hospital.form(admin, "/users", name="Ada", full_name="Dr. Ada Example", role="clinician")
    assert reply.status_code == 201
    assert reply.headers["Cache-Control"] == "no-store"
    secret = _secret(reply)
    for path in ("/users", "/users/ada"):
        page = admin.get(path)
        assert secret not in page.text
        assert "Dr. Ada Example" in _text(page)
        assert "one-time password until 5 Mar 2026, 08:00 UTC" in _text(page)
    entered = hospital.anonymous().post("/login", data={"name": "ada", "password": secret})
    assert entered.headers["Location"] == "/password"
    (entry,) = hospital.ledger.entries(kind="user-added", subject="ada")
    assert entry.actor == "admin"
    assert secret.encode() not in entry.body


def test_a_services_keys_are_made_and_revoked_one_by_one(hospital: Any) -> None:
    admin = hospital.client("admin")
    first = _secret(hospital.form(admin, "/users", name="lab", role="service"))

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return int(hospital.anonymous().get("/api/v1/releases", headers=headers).status_code)

    assert status(first) == 200
    brief = _secret(hospital.form(admin, "/users", name="brief", role="service", days="30"))
    assert status(brief) == 200
    hospital.clock.forward(days=40)
    assert status(brief) == 401
    admin = hospital.client("admin")
    second = _secret(hospital.form(admin, "/users/lab", act="new-key", days="10"))
    assert (status(first), status(second)) == (200, 200)
    assert "lab ✓ active 2 40 d 0 h" in _text(admin.get("/users"))
    assert "2 11 Apr 2026, 08:00 UTC 21 Apr 2026, 08:00 UTC" in _text(admin.get("/users/lab"))
    assert hospital.form(admin, "/users/lab", act="revoke-key", key="1").headers["Location"] == "/users/lab"
    assert (status(first), status(second)) == (401, 200)
    assert hospital.form(admin, "/users/lab", act="revoke-key", key="1").status_code == 404
    for days in ("0", "-1", "soon", "9" * 5000):
        reply = hospital.form(admin, "/users/lab", act="new-key", days=days)
        assert (reply.status_code, "a key lasts 1 to 3650 days" in _text(reply)) == (422, True), days
    assert hospital.form(admin, "/users/second", act="new-key").status_code == 409
    assert hospital.form(admin, "/users/lab", act="renew").status_code == 409
    assert hospital.form(admin, "/users/lab", act="deactivate").headers["Location"] == "/users/lab"
    assert status(second) == 401
    assert "✕ deactivated" in _text(admin.get("/users/lab"))
    hospital.form(admin, "/users/lab", act="activate")
    assert status(second) == 200
    hospital.clock.forward(days=10)
    admin = hospital.client("admin")
    assert status(second) == 401
    assert "lab ⚠ no key that works 1" in _text(admin.get("/users"))
    assert "⚠ expired" in _text(admin.get("/users/lab"))
    assert [entry.kind for entry in hospital.ledger.entries(subject="lab") if "key" in entry.kind] == [
        "key-made",
        "key-revoked",
    ]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"name": "two words", "role": "clinician"}, 422, "letters, digits"),
        ({"name": "", "role": "clinician"}, 422, "letters, digits"),
        ({"name": "ada", "role": "owner"}, 422, "'owner' is none of"),
        ({"name": "SECOND", "role": "clinician"}, 409, "there already is a user second"),
    ],
)
def test_what_cannot_be_added_is_said_and_the_words_typed_are_kept(
    hospital: Any, sent: dict[str, str], status: int, said: str
) -> None:
    before = len(hospital.ledger.users())
    reply = hospital.form(hospital.client("admin"), "/users", full_name="Dr. <Ada>", **sent)
    assert (reply.status_code, len(hospital.ledger.users())) == (status, before)
    assert said in _text(reply)
    assert 'value="Dr. &lt;Ada&gt;"' in reply.text


def test_a_deactivated_user_is_out_at_once_and_what_they_signed_stays(hospital: Any) -> None:
    path = f"/answers/{hospital.ask()['id']}"
    doctor = hospital.client("second")
    assert hospital.form(doctor, path, verdict="agree").status_code == 303
    assert hospital.form(hospital.client("admin"), "/users/second", act="deactivate").status_code == 303
    assert doctor.get("/").headers["Location"] == "/login"
    login = {"name": "second", "password": house.PASSWORD}
    assert hospital.anonymous().post("/login", data=login).status_code == 401
    assert "Dr. Jan Vos agreed" in _text(hospital.client("clinician").get(path))
    (entry,) = hospital.ledger.entries(kind="user-deactivated")
    assert (entry.actor, entry.subject) == ("admin", "second")


def test_a_locked_account_is_unlocked(hospital: Any) -> None:
    for _ in range(5):
        hospital.anonymous().post("/login", data={"name": "second", "password": "wrong"})
    admin, login = hospital.client("admin"), {"name": "second", "password": house.PASSWORD}
    assert hospital.anonymous().post("/login", data=login).status_code == 401
    assert "locked until 2 Mar 2026, 08:15 UTC" in _text(admin.get("/users"))
    assert hospital.form(admin, "/users/second", act="unlock").status_code == 303
    assert hospital.anonymous().post("/login", data=login).status_code == 303
    assert "Unlock" not in _text(admin.get("/users/second"))


def test_a_lost_telephone_is_logged_out_and_a_role_changes(hospital: Any) -> None:
    lost, admin = hospital.client("second"), hospital.client("admin")
    assert lost.get("/").status_code == 200
    hospital.form(admin, "/users/second", act="end-sessions")
    assert lost.get("/").headers["Location"] == "/login"
    hospital.form(admin, "/users/second", act="role", role="scientist")
    assert hospital.ledger.user("second").role == "scientist"
    reply = hospital.form(admin, "/users/second", act="role", role="service")
    assert (reply.status_code, "does not become a service" in _text(reply)) == (409, True)


def test_a_new_one_time_password_ends_the_old_one(hospital: Any) -> None:
    secret = _secret(hospital.form(hospital.client("admin"), "/users/second", act="renew"))
    for password, found in ((house.PASSWORD, 401), (secret, 303)):
        login = {"name": "second", "password": password}
        assert hospital.anonymous().post("/login", data=login).status_code == found


@pytest.mark.parametrize("act", ["deactivate", "role", "renew"])
def test_nobody_shuts_themselves_out(hospital: Any, act: str) -> None:
    admin = hospital.client("admin")
    assert "What can be done This is your own account" in _text(admin.get("/users/admin"))
    reply = hospital.form(admin, "/users/admin", act=act, role="auditor")
    assert (reply.status_code, "Another administrator can" in _text(reply)) == (409, True)
    assert hospital.ledger.user("admin") == hospital.users["admin"]
    assert admin.get("/users").status_code == 200


def test_unknown_users_and_acts_are_not_found(hospital: Any) -> None:
    admin = hospital.client("admin")
    assert admin.get("/users/nobody").status_code == 404
    assert hospital.form(admin, "/users/nobody", act="renew").status_code == 404
    assert hospital.form(admin, "/users/second", act="promote").status_code == 404
    assert hospital.form(admin, "/users/second").status_code == 404


def test_every_act_needs_the_sessions_token(hospital: Any) -> None:
    admin = hospital.client("admin")
    del admin.headers["X-CSRF-Token"]
    before = hospital.ledger.users()
    for path, sent in (("/users", {"name": "x", "role": "admin"}), ("/users/second", {"act": "deactivate"})):
        assert admin.post(path, data=sent).status_code == 403
        assert admin.post(path, data={**sent, "csrf": "wrong"}).status_code == 403
    assert hospital.ledger.users() == before


def test_an_expired_one_time_password_is_shown_as_such(hospital: Any) -> None:
    hospital.form(hospital.client("admin"), "/users", name="late", role="auditor")
    hospital.clock.forward(hours=73)
    assert "one-time password expired" in _text(hospital.client("admin").get("/users/late"))


def test_a_name_with_signs_has_its_own_page(hospital: Any) -> None:
    hospital.form(hospital.client("admin"), "/users", name="ärztin.a@haus", role="clinician")
    admin = hospital.client("admin")
    (link,) = re.findall(r'href="(/users/[^"]*haus)"', admin.get("/users").text)
    assert admin.get(link).status_code == 200
    assert hospital.form(admin, link, act="end-sessions").headers["Location"] == link
    assert hospital.clock() == dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
