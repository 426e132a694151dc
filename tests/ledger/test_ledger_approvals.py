"""Approvals: two people, one of them a clinician."""

from __future__ import annotations

import itertools

import pytest

from bedside.errors import AccessDenied, Conflict
from bedside.ledger import ROLES, Ledger, User

APPROVING = {"clinician", "scientist", "admin"}


def person(name: str, role: str, active: bool = True) -> User:
    return User(name=name, full_name=None, role=role, active=active)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(sorted(APPROVING), repeat=2)))
def test_two_people_one_a_clinician(ledger: Ledger, first: str, second: str) -> None:
    assert not ledger.approved_for_care("d1")
    ledger.approve("d1", "breast", "1.0", person("ada", first), "seen the report")
    assert not ledger.approved_for_care("d1")
    ledger.approve("d1", "breast", "1.0", person("bo", second), "so have I")
    assert ledger.approved_for_care("d1") == ("clinician" in (first, second))
    assert not ledger.approved_for_care("d2")
    assert [(given.approver, given.role) for given in ledger.approvals("d1")] == [("ada", first), ("bo", second)]


def test_an_approval_says_what_was_approved_and_when(ledger: Ledger) -> None:
    given = ledger.approve("d1", "breast", "1.0", person("ada", "clinician"), " fine ")
    assert (given.digest, given.name, given.version, given.reason) == ("d1", "breast", "1.0", "fine")
    assert given.at == "2026-03-01T08:00:00.000000Z"
    assert ledger.approvals("d1") == [given]


def test_one_person_counts_once(ledger: Ledger) -> None:
    ledger.approve("d1", "breast", "1.0", person("ada", "clinician"), "")
    with pytest.raises(Conflict):
        ledger.approve("d1", "breast", "1.0", person("ada", "scientist"), "again")
    assert not ledger.approved_for_care("d1")
    ledger.approve("d2", "breast", "1.1", person("ada", "clinician"), "")


@pytest.mark.parametrize("role", sorted(set(ROLES) - APPROVING))
def test_other_roles_approve_nothing(ledger: Ledger, role: str) -> None:
    with pytest.raises(AccessDenied):
        ledger.approve("d1", "breast", "1.0", person("x", role), "")


def test_who_left_approves_nothing(ledger: Ledger) -> None:
    with pytest.raises(AccessDenied):
        ledger.approve("d1", "breast", "1.0", person("ada", "clinician", active=False), "")
