"""People whom a log-in provider vouches for."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import Ledger, Voucher
from bedside.ledger.keys import KEY_VARIABLE

ISSUER = "https://login.example"


def voucher(**changes: Any) -> Voucher:
    said = {"issuer": ISSUER, "subject": "7f3a", "name": "Ada", "full_name": "Dr. Ada Long", "role": "clinician"}
    return Voucher(**said | changes)


def kinds(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    return [(entry.kind, entry.actor, entry.subject) for entry in ledger.entries()]


def test_a_newcomer_becomes_a_user_and_all_of_it_is_entered(ledger: Ledger) -> None:
    user = ledger.admit_vouched(voucher())
    assert (user.name, user.full_name, user.role, user.active) == ("ada", "Dr. Ada Long", "clinician", True)
    assert ledger.user("ada") == user
    assert not ledger.must_change(user)
    assert ledger.staff()[0].linked
    assert kinds(ledger) == [
        ("user-added", "log-in provider", "ada"),
        ("user-linked", "log-in provider", "ada"),
        ("log-in", "ada", "ada"),
    ]
    assert ledger.verify().holds


def test_the_same_subject_is_the_same_user_whatever_else_is_said(ledger: Ledger) -> None:
    first = ledger.admit_vouched(voucher())
    assert ledger.admit_vouched(voucher(name="somebody-else")) == first
    assert len(ledger.users()) == 1


def test_another_subject_or_issuer_of_the_same_name_is_kept_out(ledger: Ledger) -> None:
    ledger.admit_vouched(voucher())
    for other in ({"subject": "9b"}, {"issuer": "https://other.example"}, {"subject": "7f3", "name": "aDA"}):
        with pytest.raises(AccessDenied, match="your name") as caught:
            ledger.admit_vouched(voucher(**other))
        assert caught.value.status == 403
    assert len(ledger.users()) == 1
    failed = [ledger.decoded(entry)["reason"] for entry in ledger.entries(kind="log-in-failed")]
    assert failed == ["a name that is taken"] * 3


def test_a_local_user_is_not_taken_over_by_name(ledger: Ledger) -> None:
    ledger.add_user("ada", "admin", actor="root")
    with pytest.raises(AccessDenied, match="your name"):
        ledger.admit_vouched(voucher())
    ledger.link("ada", ISSUER, "7f3a", actor="root")
    assert ledger.admit_vouched(voucher()).name == "ada"
    assert [entry.actor for entry in ledger.entries(kind="user-linked")] == ["root"]


def test_what_the_provider_changes_is_applied_and_entered(ledger: Ledger) -> None:
    user = ledger.admit_vouched(voucher())
    token = ledger.open_session(user)
    changed = ledger.admit_vouched(voucher(role="auditor", full_name="Dr. Ada Short"))
    assert (changed.role, changed.full_name) == ("auditor", "Dr. Ada Short")
    assert ledger.user("ada") == changed
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    entered = kinds(ledger)[3:]
    assert entered == [
        ("role-changed", "log-in provider", "ada"),
        ("name-changed", "log-in provider", "ada"),
        ("log-in", "ada", "ada"),
    ]
    assert ledger.admit_vouched(voucher(role="auditor", full_name=None)) == changed
    assert ledger.verify().holds


def test_who_was_deactivated_here_stays_out(ledger: Ledger) -> None:
    ledger.admit_vouched(voucher())
    ledger.set_active("ada", False, actor="root")
    with pytest.raises(AccessDenied, match="deactivated") as caught:
        ledger.admit_vouched(voucher(role="admin"))
    assert caught.value.status == 403
    assert ledger.user("ada").role == "clinician"
    assert kinds(ledger)[-1] == ("log-in-failed", "unknown", "ada")


@pytest.mark.parametrize("name", ["", "a b", "../etc", "x" * 65, "a\nb"])
def test_a_name_that_cannot_be_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(AccessDenied, match="cannot be used"):
        ledger.admit_vouched(voucher(name=name))
    assert ledger.users() == ()


@pytest.mark.parametrize("role", ["service", "boss"])
def test_a_provider_makes_persons_only(ledger: Ledger, role: str) -> None:
    with pytest.raises(ValueRefused):
        ledger.admit_vouched(voucher(role=role))


def test_links_that_cannot_be_are_refused(ledger: Ledger) -> None:
    ledger.add_user("lab", "service", actor="root")
    ledger.add_user("ben", "admin", actor="root")
    ledger.admit_vouched(voucher())
    for name, subject in (("lab", "1"), ("ada", "2"), ("ben", "7f3a")):
        with pytest.raises(Conflict):
            ledger.link(name, ISSUER, subject, actor="root")
    with pytest.raises(NotFound):
        ledger.link("ghost", ISSUER, "1", actor="root")


def test_they_have_no_password(ledger: Ledger) -> None:
    ledger.admit_vouched(voucher())
    for password in ("", "None", "7f3a"):
        with pytest.raises(AccessDenied):
            ledger.authenticate("ada", password)


def test_of_log_ins_at_once_one_makes_the_user(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ledger.admit_vouched(voucher()), range(8)))
    assert set(found) == {ledger.user("ada")}
    assert len(list(ledger.entries(kind="user-added"))) == 1


def test_a_link_changed_past_the_ledger_shows(ledger: Ledger, place: Path) -> None:
    ledger.admit_vouched(voucher())
    ledger.add_user("eve", "clinician", actor="root")
    with closing(sqlite3.connect(place)) as outside, outside:
        outside.execute("UPDATE users SET linked = 'x' WHERE name = 'eve'")
    assert ledger.verify().problems == ("user eve: the account is not what was entered",)


def test_a_cookies_secret_opens_for_this_ledger_only(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = ledger.shut(b"state")
    assert ledger.opened(shut) == b"state"
    assert "state" not in shut
    (tmp_path / "other").mkdir()
    monkeypatch.delenv(KEY_VARIABLE, raising=False)  # the other ledger makes a key of its own
    with Ledger.open(tmp_path / "other" / "ledger.db") as other:
        for text in (shut, "", "x", shut[:-8] + "AAAAAAA=", "ü"):
            with pytest.raises(AccessDenied):
                other.opened(text)
    with pytest.raises(AccessDenied):
        ledger.opened(shut[:-8] + "AAAAAAA=")
