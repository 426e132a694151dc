"""Which version is live, as the ledger's entries imply it; who may decide, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bedside.errors import AccessDenied, Conflict, Refused
from bedside.ledger import Deployment, Ledger, Succession, User, successions

A, B, C = ("a", "1.0.0"), ("b", "1.1.0"), ("c", "1.2.0")


def person(name: str, role: str, *, active: bool = True) -> User:
    return User(name=name, full_name=None, role=role, active=active)


ADMIN = person("root", "admin")


def approve(ledger: Ledger, *versions: tuple[str, str]) -> None:
    for digest, version in versions:
        ledger.approve(digest, "breast", version, person("ada", "clinician"))
        ledger.approve(digest, "breast", version, person("bo", "scientist"))


def deploy(ledger: Ledger, release: tuple[str, str], mode: Any = "live", **more: Any) -> Deployment:
    digest, version = release
    place = f"/releases/{version}"
    return ledger.deploy(digest, "breast", version, place=place, mode=mode, **{"user": ADMIN, **more})


def now(ledger: Ledger) -> Succession:
    return successions(ledger.standings().acts).get("breast", Succession())


def live(ledger: Ledger) -> str | None:
    present = now(ledger).present
    return present.digest if present else None


def test_going_back_retraces_every_step(ledger: Ledger) -> None:
    approve(ledger, A, B, C)
    for release in (A, B, C, B):
        deploy(ledger, release, reason="better")
    back = [ledger.roll_back("breast", user=ADMIN, reason="worse").digest for _ in range(3)]
    assert back == ["c", "b", "a"]
    assert (live(ledger), now(ledger).withdrawn) == ("a", {"b", "c"})
    with pytest.raises(Conflict, match="no other version"):
        ledger.roll_back("breast", user=ADMIN)
    deploy(ledger, B)
    assert (live(ledger), now(ledger).withdrawn) == ("b", {"c"})


def test_an_act_says_who_when_and_why(ledger: Ledger) -> None:
    approve(ledger, A)
    act = deploy(ledger, A, reason=" The report is better. ")
    assert (act.by, act.reason, act.place, act.at) == ("root", "The report is better.", "/releases/1.0.0", ledger.now())
    assert ledger.standings().acts == (act,)
    entry = next(iter(ledger.entries(kind="deployed")))
    assert (entry.seq, entry.actor, entry.subject) == (act.seq, "root", "breast")


def test_what_a_command_line_began_can_be_gone_back_to(ledger: Ledger) -> None:
    approve(ledger, A, B)
    begun = Deployment(
        seq=0, at="", kind="taken-over", name="breast", version="1.0.0", digest="a", mode="live", place="/a", by=""
    )
    ledger.take_over(begun, server="server x")
    ledger.take_over(begun, server="server x")
    deploy(ledger, B)
    ledger.take_over(begun, server="server y")
    assert live(ledger) == "b"
    assert ledger.roll_back("breast", user=ADMIN).place == "/a"


def test_going_live_ends_silence_and_silence_can_be_ended(ledger: Ledger) -> None:
    approve(ledger, A, B)
    deploy(ledger, A)
    deploy(ledger, B, "silent")
    assert (live(ledger), getattr(now(ledger).silent, "digest", None)) == ("a", "b")
    deploy(ledger, B)
    assert (live(ledger), now(ledger).silent) == ("b", None)
    deploy(ledger, C, "silent")
    ended = ledger.roll_back("breast", user=ADMIN, silent=True)
    assert (ended.mode, ended.digest, now(ledger).silent, live(ledger)) == ("withdrawn", "c", None, "b")
    with pytest.raises(Conflict, match="runs silently"):
        ledger.roll_back("breast", user=ADMIN, silent=True)
    deploy(ledger, B, "withdrawn")
    assert live(ledger) is None


def test_what_is_live_does_not_run_silently_beside_itself(ledger: Ledger) -> None:
    approve(ledger, A)
    deploy(ledger, A)
    with pytest.raises(Conflict, match="beside itself"):
        deploy(ledger, A, "silent")


def test_care_needs_two_approvals_silence_and_solo_do_not(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="not approved for care"):
        deploy(ledger, A)
    ledger.approve("a", "breast", "1.0.0", person("ada", "clinician"))
    with pytest.raises(Refused, match="not approved for care"):
        deploy(ledger, A)
    assert deploy(ledger, B, "silent").mode == "silent"
    assert deploy(ledger, A, solo=True).solo
    ledger.approve("a", "breast", "1.0.0", person("bo", "admin"))
    assert not deploy(ledger, A).solo


def test_a_version_means_the_same_bytes_for_good(ledger: Ledger) -> None:
    approve(ledger, A, ("x", "1.0.0"))
    deploy(ledger, A)
    with pytest.raises(Conflict, match="other bytes"):
        deploy(ledger, ("x", "1.0.0"))


@pytest.mark.parametrize("role", ["clinician", "scientist", "auditor", "service"])
def test_only_administrators_decide(ledger: Ledger, role: str) -> None:
    approve(ledger, A)
    for user in (person("x", role), person("x", "admin", active=False)):
        with pytest.raises(AccessDenied):
            deploy(ledger, A, user=user)
        with pytest.raises(AccessDenied):
            ledger.roll_back("breast", user=user)
    assert ledger.standings().acts == ()


def test_a_suspended_release_goes_nowhere(ledger: Ledger) -> None:
    approve(ledger, A, B)
    deploy(ledger, A)
    deploy(ledger, B)
    ledger.suspend("a", "breast", "1.0.0", person("ada", "clinician"), "false alarms")
    with pytest.raises(Refused, match="false alarms"):
        ledger.roll_back("breast", user=ADMIN)
    for mode in ("live", "silent"):
        with pytest.raises(Refused, match="suspended by ada"):
            deploy(ledger, A, mode)
    assert live(ledger) == "b"


def test_news_are_told_apart_from_other_entries(ledger: Ledger) -> None:
    news, last = ledger.standing_since(0)
    assert (news, last) == (False, 0)
    ledger.append("note", actor="x", body={})
    assert ledger.standing_since(0) == (False, 1)
    approve(ledger, A)
    assert ledger.standing_since(1) == (True, 3)
    assert ledger.standing_since(3) == (False, 3)
    ledger.append("note", actor="x", body={})
    assert ledger.standing_since(2) == (True, 4)
    assert ledger.standing_since(3) == (False, 4)
