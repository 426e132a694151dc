"""A clinician stops a release at once; two people, one of them a clinician, let it answer again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bedside.errors import AccessDenied, Conflict, Refused, ValueRefused
from bedside.ledger import Ledger, User

PEOPLE = {"c": "clinician", "d": "clinician", "s": "scientist", "a": "admin"}


def user(letter: str, *, active: bool = True) -> User:
    return User(name=letter, full_name=f"Dr. {letter.upper()}", role=PEOPLE.get(letter, letter), active=active)


@pytest.fixture
def stopped(ledger: Ledger) -> Ledger:
    ledger.suspend("d1", "breast", "1.0.0", user("c"), " It missed two. ")
    return ledger


def test_no_answer_is_recorded_any_more_by_whatever_process(
    stopped: Ledger, where: str, make_answer: Callable[..., dict[str, Any]]
) -> None:
    with Ledger.open(where, clock=stopped._clock) as elsewhere:
        with pytest.raises(Refused, match=r"suspended by Dr\. C on 2026-03-01T08:00Z: It missed two\."):
            elsewhere.record_answer(make_answer("a1"), actor="x", patient=None)
        with pytest.raises(Refused, match="suspended"):
            elsewhere.record_silent(make_answer("a1"), actor="x", patient=None)
        assert elsewhere.count() == 0
        other = {"name": "breast", "version": "1.1.0", "digest": "d2"}
        elsewhere.record_answer(make_answer("a2", release=other), actor="x", patient=None)


@pytest.mark.parametrize(("people", "lifted"), [("cs", True), ("sc", True), ("cd", True), ("as", False), ("sad", True)])
def test_two_people_one_a_clinician_reinstate(
    stopped: Ledger, make_answer: Callable[..., dict[str, Any]], people: str, lifted: bool
) -> None:
    said = [stopped.reinstate("d1", user(letter), "mended")[1] for letter in people]
    assert said == [False] * (len(people) - 1) + [lifted]
    assert ("d1" in stopped.standings().suspensions) is not lifted
    if lifted:
        stopped.record_answer(make_answer("a1"), actor="x", patient=None)
    else:
        with pytest.raises(Refused):
            stopped.record_answer(make_answer("a1"), actor="x", patient=None)


def test_one_person_does_not_count_twice(stopped: Ledger) -> None:
    stopped.reinstate("d1", user("c"), "mended")
    with pytest.raises(Conflict, match="has said so already"):
        stopped.reinstate("d1", user("c"), "really")
    assert [one.by for one in stopped.standings().suspensions["d1"].reinstating] == ["c"]


def test_a_second_suspension_starts_anew(stopped: Ledger) -> None:
    for letter in "cs":
        stopped.reinstate("d1", user(letter), "mended")
    stopped.suspend("d1", "breast", "1.0.0", user("d"), "again")
    assert stopped.reinstate("d1", user("c"), "mended")[1] is False
    assert stopped.standings().suspensions["d1"].reason == "again"


def test_what_is_refused(stopped: Ledger) -> None:
    for who in (user("s"), user("a"), user("auditor"), user("service"), user("c", active=False)):
        with pytest.raises(AccessDenied):
            stopped.suspend("d2", "breast", "1.1.0", who, "why not")
    for who in (user("auditor"), user("service"), user("c", active=False)):
        with pytest.raises(AccessDenied):
            stopped.reinstate("d1", who, "why not")
    with pytest.raises(Conflict, match="suspended already"):
        stopped.suspend("d1", "breast", "1.0.0", user("d"), "me too")
    with pytest.raises(Conflict, match="not suspended"):
        stopped.reinstate("d2", user("c"), "mended")
    for empty in ("", "  "):
        with pytest.raises(ValueRefused, match="reason"):
            stopped.suspend("d2", "breast", "1.1.0", user("c"), empty)
        with pytest.raises(ValueRefused, match="reason"):
            stopped.reinstate("d1", user("c"), empty)
