"""The release's page: who approved, who suspended, which version answers; and the acts that people do there."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest
from silent_report import REPORT

from bedside.review import PAGES
from bedside.serving.deployments import begin

PAGE = "/releases/breast-fna"


def _text(reply: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


@pytest.fixture
def ward(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    """For care, with a key: versions can be deployed."""
    opened = house.open_hospital(tmp_path, [signed], solo=False, pages=PAGES)
    begin(opened.app.state.service)
    yield opened
    opened.ledger.close()


def _act(ward: Any, who: str, act: str, reason: str, **more: str) -> Any:
    return ward.form(ward.client(who), PAGE, act=act, reason=reason, **more)


def test_two_people_approve_on_the_page_and_then_it_answers(ward: Any) -> None:
    page = _text(ward.client("clinician").get(PAGE))
    assert "⚠ not approved for care" in page
    assert "So far: 0." in page
    assert _act(ward, "clinician", "approve", "Report read").headers["Location"] == PAGE
    page = _text(ward.client("clinician").get(PAGE))
    assert "Dr. Ida Rolf clinician · 2 Mar 2026, 08:00 UTC Report read" in page
    assert "So far: 1." in page
    assert "Approve as" not in page
    assert "Approve as scientist" in _text(ward.client("scientist").get(PAGE))
    assert _act(ward, "scientist", "approve", "Figures reproduced").status_code == 303
    page = _text(ward.client("auditor").get(PAGE))
    assert "✓ approved for care" in page
    assert "So far" not in page
    assert "Approve as" not in page
    assert ward.ask()["estimate"] is not None


def test_nobody_approves_twice(ward: Any) -> None:
    _act(ward, "clinician", "approve", "Report read")
    again = _act(ward, "clinician", "approve", "Once more")
    assert (again.status_code, "has approved breast-fna 1.0.0 already" in _text(again)) == (409, True)
    assert len(list(ward.ledger.entries(kind="approval"))) == 1


def test_a_clinician_suspends_at_once_and_two_people_reinstate(hospital: Any) -> None:
    hospital.ask()
    assert "Suspend this release" in _text(hospital.client("second").get(PAGE))
    assert "Suspend this release" not in _text(hospital.client("scientist").get(PAGE))
    assert _act(hospital, "scientist", "suspend", "Strange figures").status_code == 403
    assert _act(hospital, "second", "suspend", "  ").status_code == 422
    reason = "Alarms; in <every> patient"
    assert _act(hospital, "second", "suspend", reason).headers["Location"] == PAGE
    page = hospital.client("auditor").get(PAGE)
    assert f"Suspended: it gives no answers Dr. Jan Vos, 2 Mar 2026, 08:00 UTC {reason}" in _text(page)
    assert "<every>" not in page.text
    assert ("■ suspended" in _text(page), "● answers" in _text(page)) == (True, False)
    refused = hospital.form(hospital.client("clinician"), f"{PAGE}/new", **{"value.age": "50"})
    assert refused.status_code == 409
    chinese = hospital.client("clinician").post(f"{PAGE}/new", data={"csrf": "x"}, headers={"Accept-Language": "zh"})
    assert chinese.status_code == 403
    assert _act(hospital, "admin", "reinstate", "Cable mended").status_code == 303
    page = _text(hospital.client("clinician").get(PAGE))
    assert "So far: 1." in page
    assert "admin administrator · 2 Mar 2026, 08:00 UTC Cable mended" in page
    assert _act(hospital, "admin", "reinstate", "Again").status_code == 409
    assert _act(hospital, "clinician", "reinstate", "Checked").status_code == 303
    assert "Suspended" not in _text(hospital.client("clinician").get(PAGE))
    hospital.ask()


def test_a_suspension_is_told_in_the_readers_language(hospital: Any) -> None:
    _act(hospital, "second", "suspend", "Alarms; everywhere")
    client = hospital.client("clinician")
    hospital.form(client, "/preferences", language="zh-CN")
    reply = hospital.form(client, f"{PAGE}/new", **{"value.age": "50"})
    assert "此发布版已由 Dr. Jan Vos 于 2026年3月2日 08:00 暂停：Alarms; everywhere。" in reply.text


def test_targets_are_shown_with_their_digest_and_tolerance(hospital: Any, signed: tuple[Path, Path]) -> None:
    text = _text(hospital.client("auditor").get(PAGE))
    manifest = json.loads((signed[0] / "manifest.json").read_text())
    (target,) = manifest["targets"].values()
    for shown in (target["digest"], target["file"], "onnxruntime", f"{target['tolerance']:g} of a probability"):
        assert shown in text


def test_versions_are_deployed_run_silently_and_rolled_back(
    ward: Any, tmp_path: Path, signed: tuple[Path, Path]
) -> None:
    second, _ = house.make_release(tmp_path / "second", version="2.0.0", keys=signed[1].parent)
    admin = ward.client("admin")

    def sent(**fields: str) -> Any:
        return ward.form(admin, "/deployments", **fields)

    refused = sent(act="deploy", place=str(second), mode="live", reason="Better")
    assert (refused.status_code, "not approved for care" in _text(refused)) == (409, True)
    assert f'value="{second}"' in refused.text
    done = sent(act="deploy", place=f" {second} ", mode="silent", reason="To compare")
    assert done.headers["Location"] == "/deployments#breast-fna"
    assert "2.0.0 ◌ runs silently" in _text(admin.get("/deployments"))
    assert "End the silent version" in _text(admin.get("/deployments"))
    page = _text(ward.client("scientist").get(f"{PAGE}?version=2.0.0"))
    assert "breast-fna 2.0.0" in page
    assert "release deployed : runs silently 2.0.0 admin To compare" in page.replace("deployed: ", "deployed : ")
    for who in ("clinician", "scientist"):
        assert _act(ward, who, "approve", "Read", version="2.0.0").headers["Location"] == f"{PAGE}?version=2.0.0"
    assert sent(act="deploy", place=str(second), mode="live", reason="Better").status_code == 303
    assert ward.app.state.service.served.find("breast-fna").version == "2.0.0"
    back = sent(act="roll-back", name="breast-fna", reason="Worse")
    assert (back.status_code, "not approved for care" in _text(back)) == (409, True)  # 1.0.0 never was
    for who in ("clinician", "scientist"):
        _act(ward, who, "approve", "Read", version="1.0.0")
    assert sent(act="roll-back", name="breast-fna", reason="Worse").status_code == 303
    assert ward.app.state.service.served.find("breast-fna").version == "1.0.0"
    assert [entry.actor for entry in ward.ledger.entries(kind="rolled-back")] == ["admin"]


def test_what_cannot_be_deployed_is_said_with_its_place(ward: Any, tmp_path: Path, signed: tuple[Path, Path]) -> None:
    admin = ward.client("admin")
    changed = tmp_path / "changed"
    shutil.copytree(signed[0], changed)
    (changed / "card.md").write_text("# Better than it is")
    before = len(list(ward.ledger.entries()))
    for place, said in ((tmp_path / "nowhere", "no such folder"), (changed, "after signing")):
        reply = ward.form(admin, "/deployments", act="deploy", place=str(place), mode="live")
        assert reply.status_code in {404, 409}
        assert f"{place}: " in _text(reply)
        assert said in _text(reply)
    assert ward.form(admin, "/deployments", act="roll-back", name="breast-fna").status_code == 409
    assert ward.form(admin, "/deployments", act="explode").status_code == 404
    assert len(list(ward.ledger.entries())) == before


def test_a_reader_of_another_language_is_told_why_the_card_is_not_in_it(hospital: Any) -> None:
    page = hospital.client("clinician").get(PAGE, headers={"Accept-Language": "zh"})
    assert "以下模型卡与验证报告均按签署时的原文和语言显示。" in page.text
    assert '<article class="card prose" lang="en">' in page.text


def test_an_unknown_version_or_act_is_not_found(hospital: Any) -> None:
    client = hospital.client("clinician")
    assert client.get(f"{PAGE}?version=9.9.9").status_code == 404
    assert client.get(f"{PAGE}/report?version=9.9.9").status_code == 404
    assert hospital.form(client, PAGE, act="praise", reason="x").status_code == 404
    assert hospital.form(client, "/releases/none", act="approve", reason="x").status_code == 404


def test_the_last_silent_report_stands_on_the_page(hospital: Any) -> None:
    assert "Silent comparison" not in _text(hospital.client("scientist").get(PAGE))
    older = REPORT | {"with_outcome": 12, "own": None, "compared": None}
    hospital.ledger.enter_silent_report("breast-fna", older, user=hospital.users["scientist"])
    assert "Fewer than 10 patients: no figure is told." in _text(hospital.client("clinician").get(PAGE))
    hospital.ledger.enter_silent_report("breast-fna", REPORT, user=hospital.users["scientist"])
    text = _text(hospital.client("clinician").get(PAGE))
    for said in (
        "Version 2.0.0, of 2 Mar 2026, 08:00 UTC, by scientist. Patients whose outcome is known: 64; "
        "cases that wait for one: 7. 57 of 60 patients put to both got an estimate of both. Live then: 1.0.0.",
        "AUROC 0.912 (0.850 to 0.961) 0.871 (0.790 to 0.930) 0.041 (-0.020 to 0.100)",
        "Brier score 0.101 0.120 Calibration slope not defined",
        "newly flagged 11 5 other 1 0",
        "Without an estimate: 2 of the silent version, 3 of the live one, 2 of both.",
    ):
        assert said in text, said
