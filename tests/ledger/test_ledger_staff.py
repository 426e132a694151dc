"""What an administrator sees of the users, and what they may change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import Ledger

GOOD = "correct horse battery"


def seen(ledger: Ledger, name: str) -> Any:
    return next(account for account in ledger.staff() if account.user.name == name)


def test_an_account_tells_when_it_was_made_used_and_locked(ledger: Ledger, clock: Any) -> None:
    made = ledger.now()
    _, once = ledger.add_user("ada", "clinician", actor="root")
    fresh = seen(ledger, "ada")
    assert (fresh.added, fresh.secret_since, fresh.last_log_in, fresh.locked_until) == (made, made, None, None)
    assert fresh.one_time_until is not None
    clock.forward(hours=1)
    ledger.change_password("ada", once, GOOD)
    changed = ledger.now()
    clock.forward(hours=1)
    ledger.authenticate("ada", GOOD)
    used = seen(ledger, "ada")
    assert (used.added, used.secret_since, used.last_log_in) == (made, changed, ledger.now())
    assert used.one_time_until is None
    for _ in range(5):
        with pytest.raises(AccessDenied):
            ledger.authenticate("ada", "wrong")
    assert seen(ledger, "ada").locked_until > ledger.now()
    clock.forward(minutes=16)
    assert seen(ledger, "ada").locked_until is None


def test_a_services_keys_have_an_age(ledger: Ledger, clock: Any) -> None:
    ledger.add_user("lab", "service", actor="root")
    made = ledger.now()
    clock.forward(days=30)
    ledger.add_key("lab", actor="root")
    assert [key.made for key in seen(ledger, "lab").keys] == [made, ledger.now()]
    assert (seen(ledger, "lab").secret_since, seen(ledger, "lab").last_log_in) == (None, None)
    assert not any(account.keys for account in ledger.staff() if account.user.role != "service")


def test_everybody_is_listed_by_name(ledger: Ledger) -> None:
    for name in ("zoe", "ada"):
        ledger.add_user(name, "auditor", actor="root")
    assert [account.user for account in ledger.staff()] == list(ledger.users())


def test_another_role_counts_at_once_and_ends_what_the_old_one_had_open(ledger: Ledger) -> None:
    user, _ = ledger.add_user("ada", "clinician", actor="root")
    token = ledger.open_session(user)
    changed = ledger.set_role("ADA", "auditor", actor="root")
    assert (changed.role, ledger.user("ada")) == ("auditor", changed)
    with pytest.raises(AccessDenied):
        ledger.session_user(token)
    (entry,) = ledger.entries(kind="role-changed")
    assert (entry.actor, entry.subject, ledger.decoded(entry)) == (
        "root",
        "ada",
        {"role": "auditor", "before": "clinician"},
    )


def test_roles_that_cannot_be_are_refused(ledger: Ledger) -> None:
    ledger.add_user("ada", "clinician", actor="root")
    ledger.add_user("lab", "service", actor="root")
    with pytest.raises(ValueRefused, match="boss"):
        ledger.set_role("ada", "boss", actor="root")
    with pytest.raises(Conflict):
        ledger.set_role("ada", "service", actor="root")
    with pytest.raises(Conflict):
        ledger.set_role("lab", "admin", actor="root")
    assert not list(ledger.entries(kind="role-changed"))


def test_a_lock_out_can_be_ended(ledger: Ledger) -> None:
    _, once = ledger.add_user("ada", "clinician", actor="root")
    for _ in range(5):
        with pytest.raises(AccessDenied):
            ledger.authenticate("ada", "wrong")
    with pytest.raises(AccessDenied):
        ledger.authenticate("ada", once)
    ledger.unlock("ada", actor="root")
    assert ledger.authenticate("ada", once).name == "ada"
    assert [entry.actor for entry in ledger.entries(kind="unlocked")] == ["root"]


def test_a_user_is_logged_out_everywhere(ledger: Ledger) -> None:
    user, _ = ledger.add_user("ada", "clinician", actor="root")
    tokens = [ledger.open_session(user) for _ in range(2)]
    ledger.end_sessions("ada", actor="root")
    for token in tokens:
        with pytest.raises(AccessDenied):
            ledger.session_user(token)
    assert [entry.subject for entry in ledger.entries(kind="sessions-ended")] == ["ada"]


def test_who_is_not_there_is_not_found(ledger: Ledger) -> None:
    for change in (ledger.unlock, ledger.end_sessions):
        with pytest.raises(NotFound):
            change("ghost", actor="root")
    for name in ("ghost", "a\0b", "\udcff", ""):
        with pytest.raises(NotFound):
            ledger.set_role(name, "admin", actor="root")


def test_every_change_leaves_a_chain_that_holds(ledger: Ledger, clock: Any) -> None:
    ledger.add_user("ada", "clinician", actor="root")
    clock.forward(minutes=1)
    ledger.set_role("ada", "admin", actor="root")
    ledger.unlock("ada", actor="root")
    ledger.end_sessions("ada", actor="root")
    ledger.set_active("ada", False, actor="root")
    assert ledger.verify().holds


def test_a_role_changed_past_the_ledger_shows(ledger: Ledger, place: Path) -> None:
    ledger.add_user("ada", "clinician", actor="root")
    ledger.set_role("ada", "auditor", actor="root")
    with closing(sqlite3.connect(place)) as outside, outside:
        outside.execute("UPDATE users SET role = 'clinician'")
    assert ledger.verify().problems == ("user ada: the account is not what was entered",)
