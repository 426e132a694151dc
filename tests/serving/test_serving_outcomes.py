"""Outcomes are linked to answers, live and silent, and the silent report compares them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import bedside
from bedside.errors import AccessDenied, DataError
from bedside.serving.deployments import deploy

Signed = tuple[Path, Path]
PATIENTS = 24


@pytest.fixture
def ward(tmp_path: Path, signed: Signed, newer: Signed) -> Iterator[Any]:
    """Version 1.0.0 is live, 1.1.0 silent beside it; 24 patients were asked about."""
    opened = house.open_hospital(tmp_path, [signed])
    deploy(opened.app.state.service, opened.users["admin"], newer[0], "silent")
    client, opened.answers = opened.client("service"), []
    for number in range(PATIENTS):
        asked = {"values": values(number), "patient": {"id": f"H-{number}"}, "explain": False}
        opened.answers.append(client.post("/api/v1/releases/breast-fna/answers", json=asked).json())
    yield opened
    opened.ledger.close()


def values(number: int) -> dict[str, Any]:
    """Patients from low to high risk, a little out of order."""
    return house.PLAUSIBLE | {"mean_radius": 9.0 + 0.4 * ((7 * number) % PATIENTS), "mean_texture": 15.0 + number % 5}


def truth(number: int) -> str:
    return "malignant" if (7 * number) % PATIENTS + 5 * (number % 3) > 14 else "benign"


def table(folder: Path, rows: list[dict[str, Any]], name: str = "outcomes.csv") -> Path:
    with (folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def link(place: Any, release: Path, file: Path, *, user: str = "scientist", **more: Any) -> Any:
    return bedside.outcomes(release, file, user=user, password=house.PASSWORD, ledger=str(place.ledger.place), **more)


def by_answer(place: Any) -> list[dict[str, Any]]:
    return [
        {"answer": answer["id"], "outcome": truth(number), "observed": "2026-03-09"}
        for number, answer in enumerate(place.answers)
    ]


def test_the_report_compares_what_both_said_with_what_happened(ward: Any, newer: Signed, tmp_path: Path) -> None:
    done = link(ward, newer[0], table(tmp_path, by_answer(ward)[:-2]), out=tmp_path / "out")
    assert (done.linked, done.new, done.with_outcome, done.without_outcome) == (22, 22, 22, 2)
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    silent = [ward.ledger.decoded(entry)["answer"] for entry in ward.ledger.entries(kind="silent-answer")][:22]
    y = np.array([truth(number) == "malignant" for number in range(22)]).astype(int)
    p = [answer["estimate"]["malignant"] for answer in silent]
    q = [answer["estimate"]["malignant"] for answer in ward.answers[:22]]
    pair = report["compared"]
    assert (report["silently"], pair["n_both"], pair["live_versions"]) == (True, 22, ["1.0.0"])
    assert pair["silent"]["measures"]["auroc"]["value"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert pair["live"]["measures"]["auroc"]["value"] == pytest.approx(roc_auc_score(y, q), abs=1e-12)
    newly = next(one for one in pair["decisions"] if one["group"] == "newly flagged")
    flagged = (np.array(p) >= 0.2) & (np.array(q) < 0.2)
    assert (newly["n"], newly["n_events"]) == (int(flagged.sum()), int(y[flagged].sum()))
    assert flagged.any()
    stored = ward.client("scientist").get("/api/v1/releases/breast-fna/silent-report").json()
    assert (stored["report"], stored["by"]) == (report, "scientist")
    text = json.dumps(report) + (tmp_path / "out" / "silent.html").read_text()
    assert not any(answer["id"] in text or answer["patient"] in text for answer in ward.answers)


def test_again_nothing_is_entered_twice_and_a_change_replaces(ward: Any, newer: Signed, tmp_path: Path) -> None:
    rows = by_answer(ward)
    link(ward, newer[0], table(tmp_path, rows))
    again = link(ward, newer[0], table(tmp_path, rows))
    assert (again.linked, again.new, again.changed, again.repeated) == (24, 0, 0, 24)
    rows[0]["outcome"] = "malignant" if truth(0) == "benign" else "benign"
    changed = link(ward, newer[0], table(tmp_path, rows))
    assert (changed.new, changed.changed, changed.repeated) == (0, 1, 23)
    digest = ward.app.state.service.served.find("breast-fna", "1.1.0").digest
    with ward.ledger.cases(digest, "breast-fna") as known:
        case = known.get(ward.answers[0]["id"])
    assert case.outcome == rows[0]["outcome"]
    entries = list(ward.ledger.entries(kind="outcome"))
    assert len(entries) == 25
    assert entries[0].patient == ward.answers[0]["patient"]
    assert b"malignant" not in b"".join(entry.body for entry in entries)
    assert ward.ledger.verify().holds


def test_of_several_words_about_one_answer_the_last_counts(ward: Any, newer: Signed, tmp_path: Path) -> None:
    first, second = by_answer(ward)[:2]
    rows = [{**first, "outcome": "benign"}, second, {**first, "outcome": "malignant"}]
    done = link(ward, newer[0], table(tmp_path, rows))
    assert (done.rows, done.linked, done.new, done.changed) == (3, 2, 2, 0)
    entered = [(one.subject, ward.ledger.decoded(one)["outcome"]) for one in ward.ledger.entries(kind="outcome")]
    assert entered == [(second["answer"], second["outcome"]), (first["answer"], "malignant")]
    again = link(ward, newer[0], table(tmp_path, rows))
    assert (again.linked, again.repeated) == (2, 2)


def test_a_patients_outcome_belongs_to_the_last_answer_before_it(ward: Any, newer: Signed, tmp_path: Path) -> None:
    ward.clock.forward(days=30)
    later = ward.ask("service", patient={"id": "H-0"}, explain=False)
    rows = [
        {"patient": "H-0", "outcome": "benign", "observed": "2026-03-20"},
        {"patient": "h-1", "outcome": "malignant", "observed": ""},
        {"patient": "nobody", "outcome": "benign", "observed": ""},
        {"patient": "H-2", "outcome": "", "observed": ""},
    ]
    done = link(ward, newer[0], table(tmp_path, rows))
    assert (done.rows, done.linked, done.unknown, done.empty) == (4, 2, 1, 1)
    assert [entry.subject for entry in ward.ledger.entries(kind="outcome")] == [one["id"] for one in ward.answers[:2]]
    rows = [{"patient": "H-0", "outcome": "malignant", "observed": "2026-05-01T10:00:00+02:00"}]
    link(ward, newer[0], table(tmp_path, rows))
    assert [entry.subject for entry in ward.ledger.entries(kind="outcome")][-1] == later["id"]


WRONG = {
    r"row 2: outcome 'maybe' is none.*benign, malignant": {"outcome": "maybe", "observed": "2026-03-09"},
    "row 2: the outcome was observed on 2026-03-01, before": {"outcome": "benign", "observed": "2026-03-01"},
    "row 2.*before the answer": {"outcome": "benign", "observed": "2026-03-02T07:59:00Z"},
    "row 2: observed 'last week' is no date": {"outcome": "benign", "observed": "last week"},
}


def test_a_row_that_cannot_be_right_is_named_and_nothing_is_entered(ward: Any, newer: Signed, tmp_path: Path) -> None:
    good = {"answer": ward.answers[0]["id"], "outcome": "benign", "observed": ""}
    for says, row in WRONG.items():
        with pytest.raises(DataError, match=says):
            link(ward, newer[0], table(tmp_path, [good, {"answer": ward.answers[1]["id"], **row}]))
    assert list(ward.ledger.entries(kind="outcome")) == []


def test_columns_and_rights(ward: Any, newer: Signed, tmp_path: Path) -> None:
    for rows in ([{"outcome": "benign"}], [{"answer": "x"}], [{"answer": "x", "patient": "y", "outcome": "benign"}]):
        with pytest.raises(DataError, match="needs one of the columns"):
            link(ward, newer[0], table(tmp_path, rows))
    with pytest.raises(AccessDenied, match="outcomes are linked by"):
        link(ward, newer[0], table(tmp_path, by_answer(ward)), user="auditor")


def test_withdrawn_and_erased_answers_are_left_out_and_counted(ward: Any, newer: Signed, tmp_path: Path) -> None:
    ward.ask("service", patient={"id": "H-1"}, explain=False)  # twice asked about, still one patient
    link(ward, newer[0], table(tmp_path, by_answer(ward)))
    ward.ledger.withdraw(ward.answers[0]["id"], "wrong patient", ward.users["clinician"])
    ward.ledger.erase_patient("H-1", reason="asked for", user=ward.users["admin"])
    done = link(ward, newer[0], table(tmp_path, by_answer(ward)[2:]), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (done.with_outcome, report["compared"]["n"]) == (22, 22)
    assert report["left_out"] == {
        "earlier answers about the same patient": 0,
        "entered in error": 1,
        "erased patients": 1,
    }


def test_of_each_patient_one_answer_counts(ward: Any, newer: Signed, tmp_path: Path) -> None:
    again = ward.ask("service", patient={"id": "H-3"}, explain=False)
    rows = [*by_answer(ward), {"answer": again["id"], "outcome": truth(3), "observed": "2026-03-09"}]
    link(ward, newer[0], table(tmp_path, rows), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (report["with_outcome"], report["compared"]["n"]) == (24, 24)
    assert report["left_out"]["earlier answers about the same patient"] == 1


def test_after_going_live_a_release_is_still_judged_by_its_silent_answers(
    ward: Any, signed: Signed, newer: Signed, tmp_path: Path
) -> None:
    deploy(ward.app.state.service, ward.users["admin"], newer[0])
    deploy(ward.app.state.service, ward.users["admin"], signed[0], "silent")
    later = [ward.ask("service", patient={"id": f"L-{number}"}, explain=False) for number in range(3)]
    rows = [*by_answer(ward), *({"answer": one["id"], "outcome": "benign", "observed": ""} for one in later)]
    done = link(ward, newer[0], table(tmp_path, rows), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (done.linked, report["with_outcome"], report["own"]["n"], report["compared"]["n"]) == (27, 24, 24, 24)
    assert report["compared"]["live_versions"] == ["1.0.0"]
    link(ward, signed[0], table(tmp_path, rows), out=tmp_path / "old")
    other = json.loads((tmp_path / "old" / "silent.json").read_text())
    assert (other["version"], other["silently"], other["with_outcome"], other["own"]) == ("1.0.0", True, 3, None)


def test_few_outcomes_are_only_counted(ward: Any, newer: Signed, tmp_path: Path) -> None:
    link(ward, newer[0], table(tmp_path, by_answer(ward)[:9]), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    assert (report["with_outcome"], report["own"], report["compared"]["silent"]) == (9, None, None)
    assert "no figure is shown" in (tmp_path / "out" / "silent.html").read_text()


def test_a_release_that_ran_silently_alone_has_figures_of_its_own(tmp_path: Path, signed: Signed) -> None:
    place = house.open_hospital(tmp_path, [signed])
    deploy(place.app.state.service, place.users["admin"], signed[0], "silent")
    client, ids = place.client("service"), []
    for number in range(PATIENTS):
        reply = client.post("/api/v1/releases/breast-fna/answers", json={"values": values(number)})
        assert reply.status_code == 202
        ids.append(reply.json()["id"])
    rows = [{"answer": one, "outcome": truth(number)} for number, one in enumerate(ids)]
    link(place, signed[0], table(tmp_path, rows), out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "silent.json").read_text())
    y = [int(truth(number) == "malignant") for number in range(PATIENTS)]
    p = [house.probability(values(number)) for number in range(PATIENTS)]
    assert (report["silently"], report["compared"]) == (True, None)
    assert report["own"]["measures"]["auroc"]["value"] == pytest.approx(roc_auc_score(y, p), abs=1e-9)
    place.ledger.close()
