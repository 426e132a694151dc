"""Reviews: every status, verdict, role and person, against a table written out by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from bedside.errors import AccessDenied, BedsideError, Conflict, ValueRefused
from bedside.ledger import ROLES, Ledger, Review, User

Make = Callable[..., dict[str, Any]]
STATES = ("preliminary", "unsure", "final", "amended", "superseded", "expired", "entered-in-error")
ACTS = ("agree", "disagree", "unsure", "withdraw")
FULL = {"conclusion": "benign", "reason": "histology", "action": "none"}

# What a clinician gets with every text given. "unsure" is a preliminary answer with a second reading asked for.
SAME = {
    "preliminary": {"agree": "final", "disagree": "final", "unsure": "preliminary", "withdraw": "entered-in-error"},
    "unsure": {"agree": Conflict, "disagree": Conflict, "unsure": Conflict, "withdraw": "entered-in-error"},
    "final": {"agree": "amended", "disagree": "amended", "unsure": Conflict, "withdraw": "entered-in-error"},
    "amended": {"agree": "amended", "disagree": "amended", "unsure": Conflict, "withdraw": "entered-in-error"},
    "superseded": {"agree": Conflict, "disagree": Conflict, "unsure": Conflict, "withdraw": "entered-in-error"},
    "expired": {"agree": Conflict, "disagree": Conflict, "unsure": Conflict, "withdraw": "entered-in-error"},
    "entered-in-error": {"agree": Conflict, "disagree": Conflict, "unsure": Conflict, "withdraw": Conflict},
}
OTHER = SAME | {"unsure": SAME["preliminary"]}


def person(name: str, role: str = "clinician", active: bool = True) -> User:
    return User(name=name, full_name=name.title(), role=role, active=active)


def act(ledger: Ledger, answer_id: str, verdict: str, user: User, **texts: str) -> Review:
    if verdict == "withdraw":
        return ledger.withdraw(answer_id, texts.get("reason", ""), user)
    return ledger.review(answer_id, verdict=verdict, reviewer=user, **texts)


def brought_to(ledger: Ledger, make: Make, answer_id: str, state: str, by: User, **facts: Any) -> None:
    """A new answer, moved to ``state`` by ``by`` where it takes a person."""
    days = -1.0 if state == "expired" else 7.0
    ledger.record_answer(make(answer_id, days=days, **facts), actor="svc", patient=None)
    steps = {
        "unsure": ["unsure"],
        "final": ["agree"],
        "amended": ["agree", "disagree"],
        "entered-in-error": ["withdraw"],
    }
    for verdict in steps.get(state, []):
        act(ledger, answer_id, verdict, by, **FULL)
    if state == "superseded":
        ledger.record_answer(make(f"{answer_id}+"), actor="svc", patient=None, supersedes=answer_id)


def outcome(ledger: Ledger, answer_id: str, verdict: str, user: User, **texts: str) -> str | type[BedsideError]:
    before = ledger.answer(answer_id)
    try:
        review = act(ledger, answer_id, verdict, user, **texts)
    except BedsideError as error:
        assert ledger.answer(answer_id) == before  # refused means nothing happened
        return type(error)
    after = ledger.answer(answer_id)
    assert after.answer["status"] == review.status
    assert after.reviews == (*before.reviews, review)
    assert (review.answer, review.reviewer, review.reviewer_name) == (answer_id, user.name, user.name.title())
    return review.status


@pytest.mark.parametrize("state", STATES)
def test_every_transition(ledger: Ledger, make_answer: Make, state: str) -> None:
    cases = itertools.product(ACTS, ROLES, ("ada", "bo"))
    for number, (verdict, role, who) in enumerate(cases):
        answer_id = f"a{number}"
        brought_to(ledger, make_answer, answer_id, state, person("ada"))
        table = SAME if who == "ada" else OTHER
        expected = table[state][verdict] if role == "clinician" else AccessDenied
        assert outcome(ledger, answer_id, verdict, person(who, role), **FULL) == expected, (verdict, role, who)
    assert ledger.verify().problems == ()


@pytest.mark.parametrize("verdict", ACTS)
def test_a_clinician_who_left_reviews_nothing(ledger: Ledger, make_answer: Make, verdict: str) -> None:
    brought_to(ledger, make_answer, "a", "preliminary", person("ada"))
    assert outcome(ledger, "a", verdict, person("ada", active=False), **FULL) is AccessDenied


@pytest.mark.parametrize("abstained", [False, True])
@pytest.mark.parametrize("state", ["preliminary", "final", "amended"])
def test_what_must_be_said(ledger: Ledger, make_answer: Make, state: str, abstained: bool) -> None:
    """Every subset of texts, blanks counting as nothing, against what each verdict needs."""
    later = state != "preliminary"
    needed = {
        "agree": ({"reason"} if later else set()) | ({"conclusion"} if abstained else set()),
        "disagree": {"conclusion", "reason"},
        "unsure": set(),
        "withdraw": {"reason"},
    }
    number = 0
    for verdict, conclusion, reason in itertools.product(ACTS, ("", " \n", "c"), ("", " \t", "r")):
        answer_id = f"a{number}"
        number += 1
        brought_to(ledger, make_answer, answer_id, state, person("ada"), abstained=abstained)
        if verdict == "unsure" and later:
            continue
        said = {name for name, text in (("conclusion", conclusion), ("reason", reason)) if text.strip()}
        missing = needed[verdict] - said
        before = ledger.answer(answer_id)
        if not missing:
            act(ledger, answer_id, verdict, person("bo"), conclusion=conclusion, reason=reason)
            continue
        with pytest.raises(ValueRefused) as caught:
            act(ledger, answer_id, verdict, person("bo"), conclusion=conclusion, reason=reason)
        assert set(caught.value.problems) == missing
        assert ledger.answer(answer_id) == before


def test_a_second_reading_goes_on_until_somebody_else_closes_it(ledger: Ledger, make_answer: Make) -> None:
    brought_to(ledger, make_answer, "a", "unsure", person("ada"))
    assert ledger.worklist()[0].reviewer == "ada"
    assert outcome(ledger, "a", "agree", person("ada")) is Conflict
    assert outcome(ledger, "a", "unsure", person("bo")) == "preliminary"
    assert outcome(ledger, "a", "agree", person("bo")) is Conflict
    assert outcome(ledger, "a", "agree", person("ada")) == "final"
    assert [review.verdict for review in ledger.answer("a").reviews] == ["unsure", "unsure", "agree"]


def test_an_unsure_answer_still_expires(ledger: Ledger, make_answer: Make, clock: Any) -> None:
    brought_to(ledger, make_answer, "a", "unsure", person("ada"))
    clock.forward(days=7)
    assert outcome(ledger, "a", "agree", person("bo")) is Conflict


def test_a_review_of_what_the_reviewer_did_not_see_is_a_conflict(ledger: Ledger, make_answer: Make) -> None:
    brought_to(ledger, make_answer, "a", "final", person("ada"))
    with pytest.raises(Conflict, match="become final"):
        ledger.review("a", verdict="disagree", reviewer=person("bo"), expected="preliminary", **FULL)
    assert ledger.review("a", verdict="disagree", reviewer=person("bo"), expected="final", **FULL).status == "amended"


@pytest.mark.parametrize("verdict", ["", "Agree", "entered-in-error", "final"])
def test_an_unknown_verdict_is_refused(ledger: Ledger, make_answer: Make, verdict: str) -> None:
    brought_to(ledger, make_answer, "a", "preliminary", person("ada"))
    with pytest.raises(ValueRefused):
        ledger.review("a", verdict=verdict, reviewer=person("ada"), **FULL)


def test_a_clinician_without_a_full_name_signs_with_the_user_name(ledger: Ledger, make_answer: Make) -> None:
    brought_to(ledger, make_answer, "a", "preliminary", person("ada"))
    user = User(name="bo", full_name=None, role="clinician", active=True)
    assert ledger.review("a", verdict="agree", reviewer=user).reviewer_name == "bo"
