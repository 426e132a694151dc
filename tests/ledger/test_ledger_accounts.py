"""Accounts: one-time passwords, lock-outs, keys and sessions, on a clock that the test moves."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import ROLES, Ledger, User

GOOD = "correct horse battery"


def denied(ledger: Ledger, name: str, password: str) -> str:
    with pytest.raises(AccessDenied) as caught:
        ledger.authenticate(name, password)
    assert caught.value.status == 401
    return str(caught.value)


def kinds(ledger: Ledger) -> list[str]:
    return [entry.kind for entry in ledger.entries()]


@pytest.fixture
def ada(ledger: Ledger) -> User:
    user, once = ledger.add_user("ada", "clinician", full_name="Dr Ada Long", actor="root")
    ledger.change_password("ada", once, GOOD)
    return user


@pytest.mark.parametrize("role", ROLES)
def test_a_new_user_gets_what_their_role_logs_in_with(ledger: Ledger, role: str) -> None:
    user, secret = ledger.add_user("Ada", role, full_name=" Dr Ada ", actor="root")
    assert user == User(name="ada", full_name="Dr Ada", role=role, active=True)
    assert ledger.user("ADA ") == user
    assert ledger.users() == (user,)
    if role == "service":
        assert ledger.authenticate_key(secret) == user
        denied(ledger, "ada", secret)
        assert not ledger.must_change(user)
    else:
        assert ledger.authenticate("ada", secret) == user
        assert ledger.must_change(user)
        with pytest.raises(AccessDenied):
            ledger.authenticate_key(secret)
    assert ledger.verify().problems == ()


@pytest.mark.parametrize(
    ("name", "role"),
    [("", "admin"), ("a b", "admin"), (".a", "admin"), ("a" * 65, "admin"), ("a", "boss"), ("a/b", "admin")],
)
def test_a_user_that_cannot_be_is_refused(ledger: Ledger, name: str, role: str) -> None:
    with pytest.raises(ValueRefused):
        ledger.add_user(name, role, actor="root")


@pytest.mark.parametrize("name", ["ada", "ADA", " ada ", "ａｄａ"])
def test_nobody_passes_for_another(ledger: Ledger, ada: User, name: str) -> None:
    with pytest.raises(Conflict):
        ledger.add_user(name, "admin", actor="root")
    assert ledger.authenticate(name, GOOD) == ada


def test_unknown_users_are_not_found(ledger: Ledger) -> None:
    ghost = User(name="ghost", full_name=None, role="admin", active=True)
    for ask in (
        lambda: ledger.user("ghost"),
        lambda: ledger.renew_secret("ghost", actor="root"),
        lambda: ledger.set_active("ghost", False, actor="root"),
        lambda: ledger.must_change(ghost),
    ):
        with pytest.raises(NotFound):
            ask()


def test_a_one_time_password_lasts_72_hours_and_is_to_be_changed(ledger: Ledger, clock: Any) -> None:
    user, once = ledger.add_user("ada", "clinician", actor="root")
    assert re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}", once)
    clock.forward(hours=71, minutes=59)
    assert ledger.authenticate("ada", once) == user
    clock.forward(minutes=1)
    denied(ledger, "ada", once)
    with pytest.raises(AccessDenied):
        ledger.change_password("ada", once, GOOD)
    again = ledger.renew_secret("ada", actor="root")
    ledger.change_password("ada", again, GOOD)
    assert not ledger.must_change(user)
    clock.forward(days=400)
    assert ledger.authenticate("ada", GOOD) == user
    denied(ledger, "ada", again)


@pytest.mark.parametrize(
    "new", ["", "short", "elevenchars", "A.Very.Long.Name", "a.very.long.name ", "the old one 123", "x" * 1025]
)
def test_a_poor_password_is_refused(ledger: Ledger, new: str) -> None:
    _, once = ledger.add_user("a.very.long.name", "clinician", actor="root")
    ledger.change_password("a.very.long.name", once, "the old one 123")
    with pytest.raises(ValueRefused) as caught:
        ledger.change_password("a.very.long.name", "the old one 123", new)
    assert set(caught.value.problems) == {"new"}
    ledger.authenticate("a.very.long.name", "the old one 123")


def test_twelve_characters_of_any_script_do(ledger: Ledger, ada: User) -> None:
    ledger.change_password("ada", GOOD, "密码密码密码密码密码密码")
    assert ledger.authenticate("ada", "密码密码密码密码密码密码") == ada
    denied(ledger, "ada", GOOD)


def test_one_password_in_two_normal_forms_is_one(ledger: Ledger, ada: User) -> None:
    ledger.change_password("ada", GOOD, "caf\u00e9 au lait, s'il")
    assert ledger.authenticate("ada", "cafe\u0301 au lait, s'il") == ada


def test_whatever_is_wrong_is_said_in_the_same_words(ledger: Ledger, ada: User) -> None:
    ledger.add_user("gone", "clinician", actor="root")
    ledger.set_active("gone", False, actor="root")
    ledger.add_user("svc", "service", actor="root")
    said = {denied(ledger, name, "x" * 20) for name in ("ada", "nobody", "gone", "svc", "", "a\0", "\udcff")}
    said |= {denied(ledger, "ada", "x" * 5000)}
    for _ in range(5):
        said.add(denied(ledger, "ada", "wrong"))
    said.add(denied(ledger, "ada", GOOD))
    assert len(said) == 1


def test_an_unknown_name_costs_one_hash_too(ledger: Ledger, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    denied(ledger, "nobody", "x")  # the hash that stands in for nobody's is made once
    verified = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(ledger, "_hasher", Counting())
    for name in ("ada", "nobody", "other"):
        denied(ledger, name, "wrong")
    assert len(verified) == 3
    assert all(stored.startswith("$argon2id$") for stored in verified)


def test_five_failures_lock_for_a_quarter_of_an_hour(ledger: Ledger, ada: User, clock: Any) -> None:
    for _ in range(4):
        denied(ledger, "ada", "wrong")
    ledger.authenticate("ada", GOOD)  # a success starts the count anew
    for _ in range(4):
        denied(ledger, "ada", "wrong")
    assert "locked-out" not in kinds(ledger)
    denied(ledger, "ada", "wrong")
    assert kinds(ledger)[-1] == "locked-out"
    denied(ledger, "ada", GOOD)
    clock.forward(minutes=14, seconds=59)
    denied(ledger, "ada", GOOD)
    clock.forward(seconds=1)
    assert ledger.authenticate("ada", GOOD) == ada
    for _ in range(4):
        denied(ledger, "ada", "wrong")
    assert ledger.authenticate("ada", GOOD) == ada


def test_a_lock_out_ends_with_a_new_secret_and_is_no_way_past_it(ledger: Ledger, ada: User) -> None:
    for _ in range(5):
        with pytest.raises(AccessDenied):
            ledger.change_password("ada", "wrong", "another long password")
    with pytest.raises(AccessDenied):
        ledger.change_password("ada", GOOD, "another long password")
    once = ledger.renew_secret("ada", actor="root")
    assert ledger.authenticate("ada", once) == ada
    assert ledger.must_change(ada)


def test_a_new_password_does_not_undo_what_an_administrator_did_meanwhile(
    ledger: Ledger, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = []
    acts = [lambda: once.append(ledger.renew_secret("ada", actor="root"))]
    acts.append(lambda: ledger.set_active("ada", False, actor="root"))
    for act, password in zip(acts, (lambda: GOOD, lambda: once[0]), strict=True):
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr("bedside.ledger.passwords.check_new", lambda *_, act=act: act())
            with pytest.raises(AccessDenied, match="changed meanwhile"):
                ledger.change_password("ada", password(), "another long password")
    ledger.set_active("ada", True, actor="root")
    assert ledger.authenticate("ada", once[0]) == ada
    assert ledger.verify().problems == ()


def test_who_left_cannot_come_in(ledger: Ledger, ada: User) -> None:
    token = ledger.open_session(ada)
    assert ledger.set_active("ada", False, actor="root").active is False
    denied(ledger, "ada", GOOD)
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    late = ledger.open_session(ada)  # as when the password was checked just before
    with pytest.raises(AccessDenied):
        ledger.session_user(late)
    assert ledger.set_active("ada", True, actor="root").active is True
    assert ledger.authenticate("ada", GOOD) == ada
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    assert ledger.verify().problems == ()


def test_a_key_is_stored_as_a_digest_and_nothing_like_it_does(ledger: Ledger, place: Path) -> None:
    user, key = ledger.add_user("svc", "service", actor="root")
    assert re.fullmatch(r"bk_[\w-]{43}", key)  # 43 signs of base64 hold 256 bits
    with closing(sqlite3.connect(place)) as connection:
        (stored,) = connection.execute("SELECT key_hash FROM keys").fetchone()
    assert stored == hashlib.sha256(key.encode()).hexdigest()
    for wrong in ("", "bk_", key[:-1], key + "x", key.upper(), key[3:], stored):
        with pytest.raises(AccessDenied) as caught:
            ledger.authenticate_key(wrong)
        assert caught.value.status == 401
    ledger.set_active("svc", False, actor="root")
    with pytest.raises(AccessDenied):
        ledger.authenticate_key(key)
    ledger.set_active("svc", True, actor="root")
    assert ledger.authenticate_key(key) == user


def test_one_key_takes_over_from_another_without_an_interruption(ledger: Ledger) -> None:
    user, first = ledger.add_user("svc", "service", actor="root")
    key, second = ledger.add_key(" SVC", actor="eva")
    assert (key.service, key.number, key.expires) == ("svc", 2, None)
    assert ledger.authenticate_key(first) == ledger.authenticate_key(second) == user
    assert ledger.revoke_key("svc", 1, actor="eva").number == 1
    with pytest.raises(AccessDenied):
        ledger.authenticate_key(first)
    assert ledger.authenticate_key(second) == user
    ledger.revoke_key("svc", 2, actor="eva")
    assert ledger.add_key("svc", actor="eva")[0].number == 3  # a number means one key for ever
    assert [key.number for key in ledger.service_keys("svc")] == [3]
    entered = [(entry.kind, entry.actor, ledger.decoded(entry)["number"]) for entry in ledger.entries(subject="svc")]
    assert entered == [
        ("user-added", "root", 1),
        ("key-made", "eva", 2),
        ("key-revoked", "eva", 1),
        ("key-revoked", "eva", 2),
        ("key-made", "eva", 3),
    ]
    assert all(secret.encode() not in entry.body for secret in (first, second) for entry in ledger.entries())
    assert ledger.verify().problems == ()


def test_a_key_ends_by_itself(ledger: Ledger, clock: Any) -> None:
    user, first = ledger.add_user("svc", "service", days=1, actor="root")
    _, second = ledger.add_key("svc", days=2, actor="root")
    clock.forward(hours=23, minutes=59)
    assert ledger.authenticate_key(first) == user
    clock.forward(minutes=1)
    with pytest.raises(AccessDenied, match="expired"):
        ledger.authenticate_key(first)
    assert ledger.authenticate_key(second) == user
    assert [key.expired(ledger.now()) for key in ledger.service_keys()] == [True, False]
    assert ledger.verify().problems == ()


def test_keys_that_cannot_be_are_refused(ledger: Ledger, ada: User) -> None:
    ledger.add_user("svc", "service", actor="root")
    before = ledger.verify().entries
    for days in (0, -1, 3651):
        with pytest.raises(ValueRefused, match="3650"):
            ledger.add_key("svc", days=days, actor="root")
    with pytest.raises(ValueRefused):
        ledger.add_user("eve", "admin", days=3, actor="root")
    for ask in (lambda: ledger.add_key("ghost", actor="root"), lambda: ledger.revoke_key("svc", 2, actor="root")):
        with pytest.raises(NotFound):
            ask()
    for ask in (lambda: ledger.add_key("ada", actor="root"), lambda: ledger.renew_secret("svc", actor="root")):
        with pytest.raises(Conflict):
            ask()
    assert ledger.verify().entries == before


def test_a_session_ends_when_idle(ledger: Ledger, ada: User, clock: Any) -> None:
    token = ledger.open_session(ada)
    assert len(token) >= 43
    for _ in range(4):
        clock.forward(minutes=14, seconds=59)
        assert ledger.session_user(token) == ada
    clock.forward(minutes=15)
    with pytest.raises(AccessDenied) as caught:
        ledger.session_user(token)
    assert caught.value.status == 401


def test_a_session_ends_after_twelve_hours_of_use(ledger: Ledger, ada: User, clock: Any) -> None:
    token = ledger.open_session(ada)
    for _ in range(12 * 6 - 1):
        clock.forward(minutes=10)
        assert ledger.session_user(token) == ada
    clock.forward(minutes=10)
    with pytest.raises(AccessDenied):
        ledger.session_user(token)


def test_use_is_never_forgotten_for_more_than_half_a_minute(ledger: Ledger, ada: User, clock: Any) -> None:
    token = ledger.open_session(ada)
    clock.forward(seconds=29)
    ledger.session_user(token)
    clock.forward(minutes=14, seconds=30)
    assert ledger.session_user(token) == ada


def test_a_session_is_closed_once(ledger: Ledger, ada: User) -> None:
    token, other = ledger.open_session(ada), ledger.open_session(ada)
    ledger.close_session(token)
    ledger.close_session(token)
    ledger.close_session("never was")
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    assert ledger.session_user(other) == ada


def test_a_new_password_ends_all_sessions(ledger: Ledger, ada: User) -> None:
    tokens = [ledger.open_session(ada), ledger.open_session(ada)]
    ledger.change_password("ada", GOOD, "another long password")
    for token in tokens:
        with pytest.raises(AccessDenied):
            ledger.session_user(token)


def test_the_idle_time_is_the_callers(ledger: Ledger, ada: User, clock: Any) -> None:
    token = ledger.open_session(ada)
    clock.forward(minutes=20)
    ledger.open_session(ada)
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    assert ledger.session_user(token, idle=timedelta(minutes=30)) == ada


def test_tokens_are_stored_as_digests_and_old_ones_removed(ledger: Ledger, ada: User, place: Path, clock: Any) -> None:
    ledger.open_session(ada)
    clock.forward(hours=12)
    token = ledger.open_session(ada)
    with closing(sqlite3.connect(place)) as connection:
        stored = connection.execute("SELECT token_hash FROM sessions").fetchall()
    assert stored == [(hashlib.sha256(token.encode()).hexdigest(),)]


def test_each_session_has_its_own_form_token(ledger: Ledger, ada: User) -> None:
    one, two = ledger.open_session(ada), ledger.open_session(ada)
    assert ledger.csrf_token(one) == ledger.csrf_token(one)
    assert len({ledger.csrf_token(one), ledger.csrf_token(two), one, two}) == 4


def test_what_happens_to_users_is_entered(ledger: Ledger, clock: Any) -> None:
    _, once = ledger.add_user("ada", "clinician", actor="root")
    ledger.authenticate("ada", once)
    ledger.change_password("ada", once, GOOD)
    denied(ledger, "ada", "wrong")
    denied(ledger, "nobody", "wrong")
    ledger.renew_secret("ada", actor="root")
    ledger.set_active("ada", False, actor="root")
    ledger.set_active("ada", True, actor="root")
    entered = [(entry.kind, entry.actor, entry.subject) for entry in ledger.entries()]
    assert entered == [
        ("user-added", "root", "ada"),
        ("log-in", "ada", "ada"),
        ("log-in", "ada", "ada"),  # changing a password proves the old one
        ("password-changed", "ada", "ada"),
        ("log-in-failed", "ada", "ada"),
        ("log-in-failed", "unknown", None),
        ("secret-renewed", "root", "ada"),
        ("user-deactivated", "root", "ada"),
        ("user-activated", "root", "ada"),
    ]
