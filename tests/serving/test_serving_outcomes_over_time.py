"""Events and times are linked to answers of a prognosis, live and silent, and the silent report compares them."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import course_model
import hospital as house
import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored

import bedside
from bedside.errors import DataError
from bedside.review import PAGES
from bedside.serving.deployments import deploy
from bedside.validation import prognosis

Signed = tuple[Path, Path]
PATIENTS = 36
DEATH_ONLY, RIVALS = course_model.EVENTS[:1], course_model.EVENTS
AT_5_YEARS = "death within 1825 d"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Signed, Signed]:
    """Version 1.0.0 knows of death alone, 1.1.0 of a transplant that competes with it."""
    first = house.make_release(tmp_path_factory.mktemp("first"), course=course_model.course(DEATH_ONLY))
    folder, keys = tmp_path_factory.mktemp("second"), first[1].parent
    return first, house.make_release(folder, version="1.1.0", keys=keys, course=course_model.course(RIVALS))


@pytest.fixture(autouse=True)
def _fewer_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are only looked at here."""
    monkeypatch.setattr(prognosis, "REPEATS", 10)


@pytest.fixture
def ward(tmp_path: Path, releases: tuple[Signed, Signed]) -> Iterator[Any]:
    """Version 1.0.0 is live, 1.1.0 silent beside it; patients were asked about eight years ago."""
    opened = house.open_hospital(tmp_path, [releases[0]], pages=PAGES)
    deploy(opened.app.state.service, opened.users["admin"], releases[1][0], "silent")
    opened.clock.now = dt.datetime.now(dt.UTC) - dt.timedelta(days=3000)
    client, opened.answers = opened.client("service"), []
    for number in range(PATIENTS):
        asked = {"values": values(number), "patient": {"id": f"H-{number}"}, "explain": False}
        reply = client.post("/api/v1/releases/breast-fna/answers", json=asked)
        opened.answers.append(reply.json())
    opened.newer = releases[1][0]
    yield opened
    opened.ledger.close()


def values(number: int) -> dict[str, Any]:
    """Patients from low to high risk, a little out of order."""
    return house.PLAUSIBLE | {"mean_radius": 9.0 + 0.3 * ((7 * number) % PATIENTS), "mean_texture": 15.0 + number % 5}


def happened(number: int) -> tuple[str, float]:
    """Who is at risk dies sooner, with exceptions; every fourth is lost after a while, every ninth transplanted."""
    time = 2900.0 - 70.0 * ((7 * number) % PATIENTS) + 40 * (number % 3)
    if number % 9 == 5:
        return "transplant", 0.5 * time
    return ("no event seen", 0.8 * time) if number % 4 == 0 else ("death", time)


def table(folder: Path, rows: list[dict[str, Any]]) -> Path:
    with (folder / "outcomes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "outcomes.csv"


def link(place: Any, file: Path, **more: Any) -> Any:
    told = {"user": "scientist", "password": house.PASSWORD, "ledger": str(place.ledger.place)}
    return bedside.outcomes(place.newer, file, **told, **more)


def by_answer(place: Any) -> list[dict[str, Any]]:
    rows = []
    for number, answer in enumerate(place.answers):
        event, time = happened(number)
        rows.append({"answer": answer["id"], "status": event, "days": time})
    return rows


def test_the_report_compares_what_both_foretold_with_what_happened(ward: Any, tmp_path: Path) -> None:
    done = link(ward, table(tmp_path, by_answer(ward)[:-2]), out=tmp_path / "out")
    assert (done.linked, done.new, done.with_outcome, done.without_outcome) == (34, 34, 34, 2)
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    silent = [ward.ledger.decoded(entry)["answer"] for entry in ward.ledger.entries(kind="silent-answer")][:34]
    seen = np.array([happened(number)[0] == "death" for number in range(34)])
    time = np.array([happened(number)[1] for number in range(34)])
    # Who was transplanted can no longer die before: for the index they never do.
    time[[happened(number)[0] == "transplant" for number in range(34)]] = 1e6
    pair = report["compared"]
    assert (report["silently"], pair["n_both"], pair["live_versions"]) == (True, 34, ["1.0.0"])
    for said, of in ((silent, "silent"), (ward.answers[:34], "live")):
        risk = np.array([answer["estimate"][AT_5_YEARS] for answer in said])
        index = concordance_index_censored(seen, time, risk)[0]
        assert pair[of]["measures"]["c_harrell"]["value"] == pytest.approx(index, abs=1e-9)
    rows = {row["horizon"]: row for row in report["own"]["follow_up"]["horizons"]}
    events = [happened(number) for number in range(34)]
    died = sum(event == "death" and time <= 1825 for event, time in events)
    assert rows[1825]["events"] in (died, None) and report["own"]["follow_up"]["unit"] == "d"
    assert {"brier_at_1825", "observed_over_expected_at_1825"} < set(pair["silent"]["measures"])
    assert sum(one["n"] or 0 for one in pair["decisions"]) <= 34 and len(pair["decisions"]) == 4
    assert "follow-up-too-long" not in {one["code"] for one in report["warned"]}
    stored = ward.client("scientist").get("/api/v1/releases/breast-fna/silent-report").json()
    assert stored["report"] == report
    text = json.dumps(report) + (tmp_path / "out" / "silent.html").read_text()
    assert not any(answer["id"] in text or answer["patient"] in text for answer in ward.answers)


def test_the_release_page_names_the_horizon_of_each_figure(ward: Any, tmp_path: Path) -> None:
    link(ward, table(tmp_path, by_answer(ward)), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    page = ward.client("scientist").get("/releases/breast-fna").text
    one = report["compared"]["silent"]["measures"]["brier_at_1825"]
    assert "Brier score, within 5 years" in page and f"{one['value']:.3f} ({one['low']:.3f} to " in page
    assert page.count("Brier score") == 2, "of each horizon once"
    assert "share with the event within 5 years" in page
    chinese = ward.client("scientist").get("/releases/breast-fna", headers={"Accept-Language": "zh-CN"}).text
    assert "Brier" in chinese and "within" not in chinese.partition('id="silent"')[2].partition("</section>")[0]


def test_again_nothing_is_entered_twice_and_longer_follow_up_replaces(ward: Any, tmp_path: Path) -> None:
    rows = by_answer(ward)
    rows[0] |= {"status": "no event seen", "days": 400}
    link(ward, table(tmp_path, rows))
    again = link(ward, table(tmp_path, rows))
    assert (again.linked, again.new, again.changed, again.repeated) == (36, 0, 0, 36)
    rows[0] |= {"status": "death", "days": 812.5}
    changed = link(ward, table(tmp_path, rows))
    assert (changed.new, changed.changed, changed.repeated) == (0, 1, 35)
    entries = list(ward.ledger.entries(kind="outcome"))
    last = ward.ledger.decoded(entries[-1])
    assert last["followed"] == {"time": 812.5, "entry": 0, "unit": "d"}
    assert (last["outcome"], last["release"]["version"]) == ("death", "1.1.0")
    assert not any(word in b"".join(entry.body for entry in entries) for word in (b"death", b"812"))
    assert ward.ledger.verify().holds


def test_a_patients_course_belongs_to_the_first_answer(ward: Any, tmp_path: Path) -> None:
    ward.clock.forward(days=400)
    later = ward.ask("service", patient={"id": "H-0"}, explain=False)
    rows = [
        {"patient": "H-0", "status": "death", "days": 1200, "observed": "2026-01-01"},
        {"patient": "nobody", "status": "death", "days": 30, "observed": ""},
        {"patient": "H-1", "status": "", "days": 30, "observed": ""},
        {"patient": "H-2", "status": "death", "days": "", "observed": ""},
        {"patient": "H-3", "status": "no event seen", "days": 0, "observed": ""},
    ]
    done = link(ward, table(tmp_path, rows))
    assert (done.rows, done.linked, done.unknown, done.empty) == (5, 1, 1, 3)
    assert [entry.subject for entry in ward.ledger.entries(kind="outcome")] == [ward.answers[0]["id"]]
    both = [{"answer": later["id"], "status": "death", "days": 800}, *by_answer(ward)]
    link(ward, table(tmp_path, both), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (report["with_outcome"], report["left_out"]["later answers about the same patient"]) == (36, 1)


WRONG = {
    "row 2: status 'vanished' is none.*no event seen, death, transplant": {"status": "vanished", "days": "30"},
    "row 2: days '2026-03-09' is no time.*Write a number of 0 or more.*in d": {"status": "death", "days": "2026-03-09"},
    "row 2: days '-3' is no time": {"status": "death", "days": "-3"},
    "row 2: days '1,5' is no time.*decimal point": {"status": "death", "days": "1,5"},
    "row 2: days '99999' is beyond 120 years.*in d": {"status": "death", "days": "99999"},
    "row 2: an event at time 0 cannot be foreseen.*a part of 1 d": {"status": "death", "days": "0"},
    "row 2: days is 900 d, longer than from the answer to 20": {"status": "death", "days": "900"},
    "row 2: the outcome was observed on .*before the answer": {"status": "death", "days": "9"},
    "row 2: observed 'last week' is no date": {"status": "death", "days": "9"},
}


def test_a_row_that_cannot_be_right_is_named_and_nothing_is_entered(ward: Any, tmp_path: Path) -> None:
    asked = dt.datetime.fromisoformat(ward.answers[1]["created"])
    days = {"longer": 300, "before the answer": -20}
    good = {"answer": ward.answers[0]["id"], "status": "death", "days": "30", "observed": ""}
    for says, row in WRONG.items():
        observed = next((str((asked + dt.timedelta(days=n)).date()) for word, n in days.items() if word in says), "")
        observed = "last week" if "last week" in says else observed
        with pytest.raises(DataError, match=says):
            link(ward, table(tmp_path, [good, {"answer": ward.answers[1]["id"], **row, "observed": observed}]))
    for row in ({"outcome": "death"}, {"status": "death"}, {"days": 3}):
        with pytest.raises(DataError, match="needs one of the columns 'answer' and 'patient', and 'status' and 'days'"):
            link(ward, table(tmp_path, [{"answer": "x", **row}]))
    assert list(ward.ledger.entries(kind="outcome")) == []


def test_follow_up_that_cannot_have_been_is_told_of(ward: Any, tmp_path: Path) -> None:
    rows = by_answer(ward)
    rows[3]["days"], rows[4]["days"] = 3003.5, 2999
    link(ward, table(tmp_path, rows), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    (told,) = [one["text"] for one in report["warned"] if one["code"] == "follow-up-too-long"]
    assert told.startswith("1 patients were followed for longer than has passed since their answer")
    assert told.replace("'", "&#39;") in (tmp_path / "out" / "silent.html").read_text()


def test_withdrawn_and_erased_answers_are_left_out_and_counted(ward: Any, tmp_path: Path) -> None:
    link(ward, table(tmp_path, by_answer(ward)))
    ward.ledger.withdraw(ward.answers[0]["id"], "wrong patient", ward.users["clinician"])
    ward.ledger.erase_patient("H-1", reason="asked for", user=ward.users["admin"])
    done = link(ward, table(tmp_path, by_answer(ward)[2:]), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (done.with_outcome, report["compared"]["n"]) == (34, 34)
    assert (report["left_out"]["entered in error"], report["left_out"]["erased patients"]) == (1, 1)


def test_few_outcomes_are_only_counted(ward: Any, tmp_path: Path) -> None:
    link(ward, table(tmp_path, by_answer(ward)[:9]), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (report["with_outcome"], report["own"], report["compared"]["silent"]) == (9, None, None)
    assert "no figure is shown" in (tmp_path / "out" / "silent.html").read_text()


def test_the_live_release_knows_fewer_events_and_is_told_of_none_that_it_does_not_know(
    ward: Any, tmp_path: Path, releases: tuple[Signed, Signed]
) -> None:
    """What was entered for the silent release, a transplant among it, is no outcome of one that knows none."""
    link(ward, table(tmp_path, by_answer(ward)))
    ward.newer = releases[0][0]
    done = link(ward, table(tmp_path, by_answer(ward)[:1]), out=tmp_path / "live")
    report = json.loads((tmp_path / "live" / "silent.json").read_text())
    transplanted = sum(happened(number)[0] == "transplant" for number in range(PATIENTS))
    assert (done.repeated, report["silently"], report["compared"]) == (1, False, None)
    assert report["with_outcome"] == PATIENTS - transplanted
    assert report["left_out"]["an outcome that this release does not know"] == transplanted
