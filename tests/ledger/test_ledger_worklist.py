"""The worklist's rows, page by page and counted, against plain filters over a list, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.errors import ValueRefused
from bedside.ledger import STATUSES, Identity, Ledger, Place, User, Wanted

Make = Callable[..., dict[str, Any]]
CLINICIANS = [User(name=name, full_name=None, role="clinician", active=True) for name in ("ada", "bo")]


def _filled(ledger: Ledger, make: Make, clock: Any) -> list[dict[str, Any]]:
    """80 answers over 20 days with every fate there is; what each is, as a test knows it, without the ledger."""
    rng = np.random.default_rng(6)
    patients = [ledger.patient(Identity(str(number))) for number in range(3)]
    known = []
    for number in range(80):
        clock.forward(hours=int(rng.integers(0, 12)))
        days = [3.0, 10.0, None][int(rng.integers(0, 3))]
        facts = {
            "id": f"a{number}",
            "release": {"name": ["breast", "heart"][int(rng.integers(0, 2))], "version": "1", "digest": "d"},
            "alert": [True, False, None][int(rng.integers(0, 3))],
            "abstained": bool(rng.integers(0, 2)),
            "queued": bool(rng.integers(0, 2)),
        }
        endless = {} if days else {"expires": None}
        rest = {name: value for name, value in facts.items() if name != "id"}
        answer = make(facts["id"], days=days or 1, **rest, **endless)
        asker = ["ada", "svc"][int(rng.integers(0, 2))]
        patient = patients[int(rng.integers(0, 3))]
        ledger.record_answer(answer, actor=asker, patient=patient)
        row = facts | {"release": facts["release"]["name"], "asker": asker, "patient": patient}
        row |= {"status": "preliminary", "reviewer": None, "created": clock(), "number": number}
        known.append(row | {"expires": clock() + dt.timedelta(days=days) if days else None})
        fate = int(rng.integers(0, 6))
        if fate < 3:
            reviewer = CLINICIANS[int(rng.integers(0, 2))]
            verdict, status = [("disagree", "final"), ("unsure", "preliminary"), ("", "entered-in-error")][fate]
            if verdict:
                ledger.review(answer["id"], verdict=verdict, conclusion="x", reason="x", reviewer=reviewer)
            else:
                ledger.withdraw(answer["id"], "x", reviewer)
            known[-1] |= {"status": status, "reviewer": reviewer.name}
    return known


def _expected(known: list[dict[str, Any]], now: dt.datetime, **wanted: Any) -> list[str]:
    found = []
    for row in known:
        lapsed = row["status"] == "preliminary" and row["expires"] is not None and row["expires"] <= now
        row = row | {"status": "expired" if lapsed else row["status"]}
        mine = wanted.get("mine")
        second = row["status"] in ("preliminary", "expired") and row["reviewer"] is not None
        fits = all(row[name] == value for name, value in wanted.items() if name not in ("mine", "second"))
        if (
            fits
            and (mine is None or mine in (row["asker"], row["reviewer"]))
            and wanted.get("second", second) == second
        ):
            found.append((row["created"], row["number"], row["id"]))
    return [name for _, _, name in sorted(found)]


FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "preliminary", "queued": True},
    {"status": "expired"},
    {"status": "expired", "queued": False, "release": "heart"},
    {"status": "final", "alert": True},
    {"status": "entered-in-error", "abstained": False},
    {"status": "amended"},
    {"status": "preliminary", "queued": True, "mine": "ada"},
    {"mine": "bo"},
    {"status": "preliminary", "second": True},
    {"second": False, "release": "breast", "alert": False},
]


def test_every_filter_finds_what_it_should_in_both_orders_and_page_by_page(
    ledger: Ledger, make_answer: Make, clock: Any
) -> None:
    known = _filled(ledger, make_answer, clock)
    for wanted in FILTERS:
        expected = _expected(known, clock(), **wanted)
        assert [row.id for row in ledger.listed(Wanted(**wanted), limit=100)] == expected, wanted
        assert [row.id for row in ledger.listed(Wanted(**wanted), limit=100, newest=True)] == expected[::-1], wanted
        assert ledger.count(**wanted) == len(expected), wanted
        assert [row.id for row in ledger.worklist(**wanted, limit=5, offset=3)] == expected[3:8], wanted
        for newest in (False, True):
            pages, after = [], None
            while page := ledger.listed(Wanted(**wanted), limit=7, after=after, newest=newest):
                pages += [row.id for row in page]
                after = Place(page[-1].created, page[-1].seq)
            assert pages == (expected[::-1] if newest else expected), wanted
    patient = known[0]["patient"]
    assert [row.id for row in ledger.listed(Wanted(patient=patient))] == _expected(known, clock(), patient=patient)
    with pytest.raises(ValueRefused, match="is none of"):
        ledger.listed(Wanted(status="nearly"))
    assert {row.status for row in ledger.listed(Wanted(), limit=100)} == set(STATUSES) - {"amended", "superseded"}
    assert ledger.verify().holds


def test_the_counts_are_those_of_the_rows(ledger: Ledger, make_answer: Make, clock: Any) -> None:
    known = _filled(ledger, make_answer, clock)
    waiting = {"status": "preliminary", "queued": True}
    tally = ledger.tally(Wanted(**waiting, reader="ada"))
    assert (tally.total, tally.capped) == (len(_expected(known, clock(), **waiting)), False)
    assert tally.alert == len(_expected(known, clock(), **waiting, alert=True))
    assert tally.abstained == len(_expected(known, clock(), **waiting, abstained=True))
    assert tally.second == len(_expected(known, clock(), **waiting, second=True))
    assert tally.mine == len(_expected(known, clock(), **waiting, mine="ada"))
    few = ledger.tally(Wanted(**waiting), most=tally.total - 1)
    assert (few.total, few.capped) == (tally.total - 1, True)
    assert few.alert <= tally.alert
    exact = ledger.tally(Wanted(**waiting), most=tally.total)
    assert (exact.total, exact.capped) == (tally.total, False)
    assert ledger.tally(Wanted(status="amended")).total == 0


def test_an_answer_expires_at_its_very_moment(ledger: Ledger, make_answer: Make, clock: Any) -> None:
    ledger.record_answer(make_answer("a1", days=1), actor="svc", patient=None)
    clock.forward(days=1, microseconds=-1)
    assert [row.id for row in ledger.listed(Wanted(status="preliminary"))] == ["a1"]
    assert ledger.listed(Wanted(status="expired")) == []
    clock.forward(microseconds=1)
    assert ledger.listed(Wanted(status="preliminary")) == []
    assert [row.status for row in ledger.listed(Wanted(status="expired"))] == ["expired"]


def test_answers_that_all_wait_differently_long_are_listed_too(ledger: Ledger, make_answer: Make, clock: Any) -> None:
    for number in range(70):
        ledger.record_answer(make_answer(f"a{number}", days=1 + number / 100), actor="svc", patient=None)
    clock.forward(days=1.5)
    waiting = ledger.listed(Wanted(status="preliminary", queued=True), limit=100)
    assert [row.id for row in waiting] == [f"a{number}" for number in range(51, 70)]
    assert ledger.count(status="expired") == 51


def test_no_row_is_read_to_be_passed_over(ledger: Ledger, make_answer: Make, place: Path) -> None:
    """SQLite (``place``) says how it looks things up: each run is a range of the index, none a scan of the table."""
    from bedside.ledger import worklist as module

    ledger.record_answer(make_answer("a1"), actor="svc", patient=None)
    wanted = Wanted(status="preliminary", queued=True, alert=True, reader="ada")
    with ledger._reading() as connection:
        branches = ledger._branches(connection, wanted, ledger.now())
        query = module._merged(branches, 50, newest=False).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert any("answers_line (queued=? AND status=? AND waits=? AND created>?)" in line for line in plan), plan
    assert not any(line.startswith(("SCAN answers", "SCAN entries")) for line in plan), plan
