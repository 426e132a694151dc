"""Answers: kept as they were, listed as they stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.errors import Conflict, LedgerError, NotFound, ValueRefused
from bedside.ledger import STATUSES, Identity, Ledger, User

Make = Callable[..., dict[str, Any]]


def test_an_answer_comes_back_with_the_status_that_it_has_now(
    ledger: Ledger, make_answer: Make, clinician: User, clock: Any
) -> None:
    ref = ledger.patient(Identity("1"))
    answer = make_answer("a1", values={"age": {"value": 61.25, "unit": "a"}})
    entry = ledger.record_answer(answer, actor="svc", patient=ref)
    stored = ledger.answer("a1")
    assert (stored.answer, stored.patient, stored.reviews, stored.recorded) == (answer, ref, (), entry)
    clock.forward(hours=1)
    review = ledger.review("a1", verdict="agree", reviewer=clinician)
    stored = ledger.answer("a1")
    assert stored.answer == answer | {"status": "final"}
    assert stored.reviews == (review,)
    assert (review.reviewer, review.reviewer_name) == ("ada", "Dr Ada Long")
    assert review.at == "2026-03-01T09:00:00.000000Z"
    assert ledger.decoded(entry) == answer  # what was recorded stays what it was


def test_an_unknown_answer_is_not_found(ledger: Ledger, clinician: User) -> None:
    for ask in (
        lambda: ledger.answer("a1"),
        lambda: ledger.review("a1", verdict="agree", reviewer=clinician),
        lambda: ledger.withdraw("a1", "why", clinician),
    ):
        with pytest.raises(NotFound):
            ask()


def test_an_id_is_taken_once(ledger: Ledger, make_answer: Make) -> None:
    ledger.record_answer(make_answer("a1"), actor="svc", patient=None)
    with pytest.raises(Conflict):
        ledger.record_answer(make_answer("a1"), actor="svc", patient=None)
    assert ledger.verify().entries == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": None},
        {"release": {"name": "x"}},
        {"abstained": None},
        {"created": "yesterday"},
        {"created": "2026-01-01T00:00:00"},
        {"expires": "2026-01-01T00:00:00"},
    ],
)
def test_an_answer_that_cannot_be_listed_is_refused(ledger: Ledger, make_answer: Make, change: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="cannot be kept"):
        ledger.record_answer({**make_answer("a1"), **change}, actor="svc", patient=None)
    assert ledger.verify().entries == 0


def test_a_new_answer_is_preliminary(ledger: Ledger, make_answer: Make) -> None:
    with pytest.raises(Conflict):
        ledger.record_answer(make_answer("a1", status="final"), actor="svc", patient=None)
    with pytest.raises(NotFound):
        ledger.record_answer(make_answer("a1"), actor="svc", patient="nobody")


def test_a_preliminary_answer_expires(ledger: Ledger, make_answer: Make, clock: Any, clinician: User) -> None:
    for number in range(2):
        ledger.record_answer(make_answer(f"a{number}", days=1), actor="svc", patient=None)
    ledger.record_answer(make_answer("never", expires=None), actor="svc", patient=None)
    ledger.review("a1", verdict="agree", reviewer=clinician)
    clock.forward(hours=23, minutes=59, seconds=59.999999)
    assert ledger.answer("a0").answer["status"] == "preliminary"
    clock.forward(microseconds=1)
    assert ledger.answer("a0").answer["status"] == "expired"
    assert ledger.answer("a1").answer["status"] == "final"
    assert [row.id for row in ledger.worklist(status="expired")] == ["a0"]
    assert [row.status for row in ledger.worklist()] == ["expired", "final", "preliminary"]
    assert [row.id for row in ledger.worklist(status="preliminary")] == ["never"]
    assert ledger.verify().problems == ()


def test_moments_are_compared_whatever_their_time_zone(ledger: Ledger, make_answer: Make) -> None:
    for answer_id, created in (
        ("late", "2026-03-01T09:30:00+01:00"),
        ("early", "2026-03-01T08:29:59.5Z"),
        ("first", "2026-03-01T00:00:00-08:00"),
    ):
        ledger.record_answer(make_answer(answer_id, created=created), actor="svc", patient=None)
    assert [row.id for row in ledger.worklist()] == ["first", "early", "late"]
    assert ledger.worklist()[2].created == "2026-03-01T08:30:00.000000Z"


def test_a_newer_answer_supersedes(ledger: Ledger, make_answer: Make, clinician: User) -> None:
    ref, other = ledger.patient(Identity("1")), ledger.patient(Identity("2"))
    ledger.record_answer(make_answer("a1"), actor="svc", patient=ref)
    for patient in (other, None):
        with pytest.raises(Conflict):
            ledger.record_answer(make_answer("a2"), actor="svc", patient=patient, supersedes="a1")
    with pytest.raises(NotFound):
        ledger.record_answer(make_answer("a2"), actor="svc", patient=ref, supersedes="a0")
    ledger.record_answer(make_answer("a2"), actor="svc", patient=ref, supersedes="a1")
    assert [row.status for row in ledger.worklist()] == ["superseded", "preliminary"]
    with pytest.raises(Conflict):
        ledger.record_answer(make_answer("a3"), actor="svc", patient=ref, supersedes="a1")
    ledger.review("a2", verdict="agree", reviewer=clinician)
    with pytest.raises(Conflict):
        ledger.record_answer(make_answer("a3"), actor="svc", patient=ref, supersedes="a2")
    assert ledger.verify().problems == ()


def test_an_unknown_status_is_no_empty_list(ledger: Ledger) -> None:
    for ask in (ledger.worklist, ledger.count):
        with pytest.raises(ValueRefused):
            ask(status="prelim")


FACTS = st.fixed_dictionaries(
    {
        "release": st.sampled_from(["breast", "heart"]),
        "alert": st.sampled_from([True, False, None]),
        "abstained": st.booleans(),
        "queued": st.booleans(),
        "hour": st.integers(0, 5),
        "days": st.sampled_from([-1.0, 7.0]),
        "patient": st.sampled_from(["1", "2", None]),
        "verdict": st.sampled_from([None, "agree", "unsure"]),
    }
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(STATUSES),
        "release": st.sampled_from(["breast", "heart"]),
        "alert": st.booleans(),
        "abstained": st.booleans(),
        "queued": st.booleans(),
        "patient": st.sampled_from(["1", "2"]),
    },
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(FACTS, max_size=6), asked=st.lists(FILTERS, min_size=1, max_size=8))
def test_the_worklist_is_what_filtering_by_hand_gives(
    facts: list[dict[str, Any]],
    asked: list[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    make_answer: Make,
) -> None:
    """One ledger an example; the oracle filters a plain list of what was put in."""
    clinician = User(name="ada", full_name=None, role="clinician", active=True)
    now = datetime.fromisoformat("2026-03-01T08:00:00+00:00")
    with Ledger.open(tmp_path_factory.mktemp("list") / "ledger.db", clock=lambda: now) as ledger:
        refs = {number: ledger.patient(Identity(number)) for number in ("1", "2")} | {None: None}
        expected = []
        for number, fact in enumerate(facts):
            answer = make_answer(
                f"a{number}", **{name: fact[name] for name in ("alert", "abstained", "queued", "days")}
            )
            answer["created"] = f"2026-02-01T{fact['hour']:02d}:00:00Z"
            answer["release"] = answer["release"] | {"name": fact["release"]}
            ledger.record_answer(answer, actor="svc", patient=refs[fact["patient"]])
            status = "preliminary" if fact["days"] > 0 else "expired"
            if fact["verdict"] and status == "preliminary":
                ledger.review(f"a{number}", verdict=fact["verdict"], conclusion="c", reviewer=clinician)
                status = "final" if fact["verdict"] == "agree" else status
            expected.append({**fact, "id": f"a{number}", "status": status})
        expected.sort(key=lambda fact: fact["hour"])
        for filters in asked:
            fits = [fact["id"] for fact in expected if all(fact[name] == value for name, value in filters.items())]
            if "patient" in filters:
                filters = filters | {"patient": refs[filters["patient"]]}
            assert [row.id for row in ledger.worklist(**filters)] == fits
            assert [row.id for row in ledger.worklist(**filters, limit=2, offset=1)] == fits[1:3]
            assert ledger.count(**filters) == len(fits)
        assert ledger.verify().problems == ()
