"""A clinician's own estimate: one for each, before a review, and no filter tells what it withholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import Identity, Ledger, User, Wanted

Make = Callable[..., dict[str, Any]]


def test_it_is_entered_once_for_each_clinician_and_read_back(
    ledger: Ledger, make_answer: Make, clinician: User, colleague: User
) -> None:
    ref = ledger.patient(Identity("1"))
    ledger.record_answer(make_answer("a1", own_estimate_first=True), actor="svc", patient=ref)
    own = ledger.own_estimate("a1", estimate={"malignant": 0.25}, clinician=clinician)
    assert (own.estimate, own.clinician, own.clinician_name) == ({"malignant": 0.25}, "ada", "Dr Ada Long")
    unable = ledger.own_estimate("a1", estimate=None, clinician=colleague)
    assert ledger.answer("a1").own_estimates == (own, unable)
    with pytest.raises(Conflict, match="already"):
        ledger.own_estimate("a1", estimate=None, clinician=clinician)
    (entry, _) = ledger.entries(kind="own-estimate")
    assert (entry.patient, b"malignant" in entry.body) == (ref, False), "encrypted like the answer itself"
    assert ledger.own_estimates_of("ada", ["a1", "a2"]) == {"a1"}
    assert ledger.own_estimates_of("cy", ["a1"]) == frozenset()
    assert ledger.verify().holds


@pytest.mark.parametrize("estimate", [{"m": 1.1}, {"m": -0.1}, {"m": float("nan")}, {"m": 0.6, "b": 0.6}, {}])
def test_what_is_no_probability_is_refused(
    ledger: Ledger, make_answer: Make, clinician: User, estimate: dict[str, float]
) -> None:
    ledger.record_answer(make_answer("a1", own_estimate_first=True), actor="svc", patient=None)
    with pytest.raises(ValueRefused):
        ledger.own_estimate("a1", estimate=estimate, clinician=clinician)
    assert list(ledger.entries(kind="own-estimate")) == []


def test_only_clinicians_and_only_where_it_is_asked_for(ledger: Ledger, make_answer: Make, clinician: User) -> None:
    ledger.record_answer(make_answer("a1"), actor="svc", patient=None)
    with pytest.raises(Conflict, match="does not ask"):
        ledger.own_estimate("a1", estimate=None, clinician=clinician)
    with pytest.raises(NotFound):
        ledger.own_estimate("a2", estimate=None, clinician=clinician)
    with pytest.raises(AccessDenied):
        ledger.own_estimate(
            "a1", estimate=None, clinician=User(name="x", full_name=None, role="scientist", active=True)
        )


def test_no_review_before_it_but_a_withdrawal(ledger: Ledger, make_answer: Make, clinician: User) -> None:
    for name in ("a1", "a2"):
        ledger.record_answer(make_answer(name, own_estimate_first=True), actor="svc", patient=None)
    with pytest.raises(Conflict, match="own estimate comes first"):
        ledger.review("a1", verdict="agree", reviewer=clinician)
    ledger.own_estimate("a1", estimate=None, clinician=clinician)
    assert ledger.review("a1", verdict="agree", reviewer=clinician).status == "final"
    assert ledger.withdraw("a2", "Wrong patient", clinician).status == "entered-in-error"


def test_a_filter_on_alerts_tells_nothing_before_it(
    ledger: Ledger, make_answer: Make, clinician: User, colleague: User
) -> None:
    ledger.record_answer(make_answer("open"), actor="svc", patient=None)
    ledger.record_answer(make_answer("kept", own_estimate_first=True), actor="svc", patient=None)
    ledger.record_answer(make_answer("low", own_estimate_first=True, alert=False), actor="svc", patient=None)

    def seen(who: str | None, *, alert: bool) -> list[str]:
        return [row.id for row in ledger.listed(Wanted(alert=alert, reader=who))]

    for who in ("ada", "bo"):
        assert (seen(who, alert=True), seen(who, alert=False)) == (["open"], [])
        assert ledger.tally(Wanted(reader=who)).alert == 1
    ledger.own_estimate("kept", estimate=None, clinician=clinician)
    assert seen("ada", alert=True) == ["open", "kept"]
    assert ledger.tally(Wanted(reader="ada")).alert == 2
    assert (seen("bo", alert=True), ledger.count(alert=True, reader="bo")) == (["open"], 1)
    assert seen(None, alert=True) == ["open", "kept"]


def test_quick_reasons_do_for_words(ledger: Ledger, make_answer: Make, clinician: User) -> None:
    ledger.record_answer(make_answer("a1"), actor="svc", patient=None)
    said = {"verdict": "disagree", "conclusion": "Cyst", "reviewer": clinician}
    with pytest.raises(ValueRefused, match="needs a reason"):
        ledger.review("a1", **said)
    with pytest.raises(ValueRefused, match="is none of"):
        ledger.review("a1", **said, reason_codes=["because"])
    review = ledger.review("a1", **said, reason_codes=["other-findings", "values-wrong"])
    assert (review.reason, review.reason_codes) == ("", ("other-findings", "values-wrong"))
    assert ledger.answer("a1").reviews == (review,)
    withdrawn = ledger.withdraw("a1", "", clinician, reason_codes=["wrong-patient"], expected="final")
    assert (withdrawn.status, withdrawn.reason_codes) == ("entered-in-error", ("wrong-patient",))
