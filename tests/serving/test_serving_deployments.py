"""Versions are put into service, taken back and suspended while the server runs; silent ones are seen by nobody."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import pytest

from bedside.errors import Conflict, LedgerError, Refused, UsageError
from bedside.ledger import Ledger
from bedside.release import open_candidate, open_release, sign
from bedside.review import PAGES
from bedside.serving import Service, create_app, deployments
from bedside.serving.deployments import begin, deploy, rollback, take_over

Signed = tuple[Path, Path]
OF = "/api/v1/releases/breast-fna"
ANSWERS = f"{OF}/answers"


@pytest.fixture
def ward(tmp_path: Path, signed: Signed, newer: Signed) -> Iterator[Any]:
    """Version 1.0.0 is served for care; 1.1.0 is approved as well and lies where ``newer`` says."""
    opened = house.open_hospital(tmp_path, [signed], solo=False, pages=PAGES)
    for release in (signed, newer):
        verified = open_release(*release).verified
        for who in ("clinician", "scientist"):
            opened.ledger.approve(verified.digest, verified.name, verified.version, opened.users[who], "read it")
    begin(opened.app.state.service)
    yield opened
    opened.ledger.close()


def version(place: Any, who: str = "service") -> str:
    return str(place.ask(who, explain=False)["release"]["version"])


def decisions(place: Any) -> list[str]:
    """What people decided, as ``kind version``."""
    acts = place.ledger.standings().acts
    return [f"{one.kind} {one.version}" for one in acts if one.kind in {"deployed", "rolled-back"}]


def act(house_: Any, who: str, path: str, **body: Any) -> Any:
    return house_.client(who).post(f"{OF}/{path}", json=body)


def test_a_deployment_over_http_answers_from_then_on_and_rolls_back(ward: Any, newer: Signed) -> None:
    assert version(ward) == "1.0.0"
    done = act(ward, "admin", "deployments", place=str(newer[0]), reason="sees more")
    assert (done.status_code, done.json()["version"], done.json()["by"]) == (201, "1.1.0", "admin")
    assert version(ward) == "1.1.0"
    back = act(ward, "admin", "rollback", reason="too many alerts")
    assert (back.status_code, back.json()["kind"], back.json()["version"]) == (201, "rolled-back", "1.0.0")
    assert version(ward) == "1.0.0"
    stands = ward.client("scientist").get(f"{OF}/deployments").json()
    assert (stands["live"], stands["silent"]) == ("1.0.0", None)
    assert {one["version"]: one["mode"] for one in stands["versions"]} == {"1.1.0": "withdrawn", "1.0.0": "live"}
    assert [(one["kind"], one["by"]) for one in stands["acts"] if one["of"] is None] == [
        ("rolled-back", "admin"),
        ("deployed", "admin"),
        ("taken-over", ward.app.state.service.id),
    ]
    with pytest.raises(Refused, match="rolled back"):
        ward.app.state.service.served.find("breast-fna", "1.1.0")


def test_the_values_of_one_patient_meet_the_new_graph(ward: Any, newer: Signed) -> None:
    before = ward.ask("service", explain=False)["estimate"]["malignant"]
    deploy(ward.app.state.service, ward.users["admin"], newer[0])
    after = ward.ask("service", explain=False)["estimate"]["malignant"]
    assert math.log(after / (1 - after)) - math.log(before / (1 - before)) == pytest.approx(1.0, abs=1e-4)
    rollback(ward.app.state.service, ward.users["admin"], "breast-fna")
    assert ward.ask("service", explain=False)["estimate"]["malignant"] == before


def test_what_another_process_decides_is_followed(ward: Any, newer: Signed) -> None:
    with Ledger.open(ward.ledger.place, clock=ward.clock, hasher=house.CHEAP) as elsewhere:
        verified = open_release(*newer).verified
        decided = elsewhere.deploy(
            verified.digest, "breast-fna", "1.1.0", place=str(newer[0]), user=ward.users["admin"], reason="sees more"
        )
    assert version(ward) == "1.0.0"
    take_over(ward.app.state.service)
    assert version(ward) == "1.1.0"
    said = [one for one in ward.ledger.standings().acts if one.of == decided.seq]
    assert [(one.kind, one.by.split()[0]) for one in said] == [("taken-over", "server")]
    take_over(ward.app.state.service)
    assert len([one for one in ward.ledger.standings().acts if one.of == decided.seq]) == 1


def test_what_does_not_verify_is_refused_and_the_old_one_stays(ward: Any, newer: Signed, tmp_path: Path) -> None:
    shutil.copytree(newer[0], tmp_path / "damaged")
    service, verified = ward.app.state.service, open_release(*newer).verified
    graph = tmp_path / "damaged" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    with pytest.raises(Refused, match=r"model\.onnx"):
        deploy(service, ward.users["admin"], tmp_path / "damaged")
    assert decisions(ward) == []
    ward.ledger.deploy(
        verified.digest, "breast-fna", "1.1.0", place=str(tmp_path / "damaged"), user=ward.users["admin"]
    )
    for _ in range(2):
        take_over(service)
    assert version(ward) == "1.0.0"
    stands = ward.client("admin").get(f"{OF}/deployments").json()
    assert (stands["live"], len(stands["refused"])) == ("1.0.0", 1)
    assert "model.onnx" in stands["refused"][0]["reason"]
    assert 'bedside_deployments_total{outcome="refused"} 1' in service.metrics.text(0, (), ready=True)
    shutil.copy(newer[0] / "model.onnx", graph)
    deploy(service, ward.users["admin"], tmp_path / "damaged")
    assert version(ward) == "1.1.0"
    assert ward.client("admin").get(f"{OF}/deployments").json()["refused"] == []


def test_golden_cases_that_differ_here_are_refused(ward: Any, newer: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    service = ward.app.state.service
    run = onnxruntime.InferenceSession.run

    def off(session: Any, *arguments: Any, **more: Any) -> Any:
        outputs = run(session, *arguments, **more)
        return [outputs[0] + 0.01, *outputs[1:]] if len(outputs) else outputs

    with monkeypatch.context() as patched:
        patched.setattr(onnxruntime.InferenceSession, "run", off)
        with pytest.raises(Refused, match=r"differs by 0\.01"):
            deploy(service, ward.users["admin"], newer[0])
    assert (version(ward), decisions(ward)) == ("1.0.0", [])


def test_refusals_over_http(ward: Any, signed: Signed, newer: Signed, tmp_path: Path) -> None:
    missing = act(ward, "admin", "deployments", place=str(tmp_path / "nothing"))
    assert (missing.status_code, set(missing.json())) == (404, {"error"})
    other = ward.client("admin").post("/api/v1/releases/lung/deployments", json={"place": str(newer[0])})
    assert (other.status_code, "is breast-fna, not lung" in other.json()["error"]["what"]) == (409, True)
    assert act(ward, "admin", "rollback").status_code == 409
    assert act(ward, "admin", "deployments", place=str(newer[0]), mode="loud").status_code == 422
    assert ward.client("admin").get("/api/v1/releases/lung/deployments").status_code == 404
    unapproved, _ = house.make_release(tmp_path, version="2.0.0", keys=signed[1].parent)
    care = act(ward, "admin", "deployments", place=str(unapproved))
    assert (care.status_code, "approved for care" in care.json()["error"]["what"]) == (409, True)
    assert decisions(ward) == []


def test_what_cannot_be_served_is_said_and_never_deployed(
    ward: Any, signed: Signed, newer: Signed, tmp_path: Path
) -> None:
    expired, _ = house.make_release(
        tmp_path, version="2.0.0", keys=signed[1].parent, valid_until=house.START.date() - dt.timedelta(days=1)
    )
    garbled = tmp_path / "garbled"
    shutil.copytree(newer[0], garbled)
    for name in ("signature.json", "signing.json"):
        (garbled / name).unlink()
    (garbled / "card.md").write_bytes(b"\xff")
    sign(open_candidate(garbled), signed[1].parent / "signing.key", tmp_path / "unread", "Grace Signer")
    for place, status, words in (
        (expired, 409, "this release was valid until 2026-03-01: it would give no estimate any more"),
        (tmp_path / "unread", 400, "is not UTF-8"),
        (tmp_path / ("long" * 200), 400, "cannot be read: File name too long"),
    ):
        said = act(ward, "admin", "deployments", place=str(place))
        assert (said.status_code, said.json()["error"]["what"]) == (status, words)
    assert (version(ward), decisions(ward)) == ("1.0.0", [])


def test_no_room_to_check_a_release_is_said(ward: Any, newer: Signed, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    said = act(ward, "admin", "deployments", place=str(newer[0]))
    assert (said.status_code, decisions(ward)) == (400, [])
    assert said.json()["error"]["what"] == "cannot be checked here: No such file or directory"


def test_two_who_go_back_at_once_go_back_once(ward: Any, signed: Signed, newer: Signed, tmp_path: Path) -> None:
    service, admin = ward.app.state.service, ward.users["admin"]
    third, _ = house.make_release(tmp_path, version="2.0.0", keys=signed[1].parent)
    verified = open_release(third, signed[1]).verified
    for who in ("clinician", "scientist"):
        ward.ledger.approve(verified.digest, "breast-fna", "2.0.0", ward.users[who])
    for place in (newer[0], third):
        deploy(service, admin, place)
    assert act(ward, "admin", "rollback", expected="2.0.0").json()["version"] == "1.1.0"
    again = act(ward, "admin", "rollback", expected="2.0.0")
    assert (again.status_code, again.json()["error"]["what"]) == (
        409,
        "breast-fna 2.0.0 has been replaced meanwhile, by 1.1.0",
    )
    page = ward.form(ward.client("admin"), "/deployments", act="roll-back", name="breast-fna", expected="2.0.0")
    assert (page.status_code, "has been replaced meanwhile, by 1.1.0" in page.text) == (409, True)
    assert 'name="expected" value="1.1.0"' in ward.client("admin").get("/deployments").text
    assert version(ward) == "1.1.0"
    assert act(ward, "admin", "rollback", silent=True, expected="1.0.0").status_code == 409


def test_a_version_that_is_gone_is_not_gone_back_to(ward: Any, signed: Signed, newer: Signed, tmp_path: Path) -> None:
    first = tmp_path / "first"
    shutil.copytree(signed[0], first)
    for place in (first, newer[0]):
        deploy(ward.app.state.service, ward.users["admin"], place)
    first.rename(tmp_path / "elsewhere")
    ward.app = create_app([], ward.ledger, clock=ward.clock, key=newer[1])
    ward.app.state.service.check()
    back = act(ward, "admin", "rollback")
    assert (back.status_code, back.json()["error"]["where"]) == (404, str(first))
    assert (version(ward), decisions(ward)) == ("1.1.0", ["deployed 1.0.0", "deployed 1.1.0"])
    (tmp_path / "elsewhere").rename(first)
    assert act(ward, "admin", "rollback").status_code == 201
    assert version(ward) == "1.0.0"


def test_a_ledger_that_fails_after_a_decision_is_no_refusal(
    ward: Any, newer: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may fill between the entry of an administrator and the word of the server about it."""

    def full(*_: Any, **__: Any) -> Any:
        raise LedgerError("the disk is full")

    service = ward.app.state.service
    with monkeypatch.context() as patched:
        patched.setattr(ward.ledger, "take_over", full)
        assert act(ward, "admin", "deployments", place=str(newer[0])).status_code == 201
        assert version(ward) == "1.1.0"
        with pytest.raises(LedgerError):
            take_over(service)
    take_over(service)
    assert [one.version for one in ward.ledger.standings().acts if one.kind == "taken-over" and one.of] == ["1.1.0"]


def test_what_breaks_one_release_keeps_back_no_other(ward: Any, newer: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    verified, service, admin = open_release(*newer).verified, ward.app.state.service, ward.users["admin"]
    ward.ledger.deploy("0" * 64, "heart", "1.0.0", place="/heart", mode="silent", user=admin)
    heart = ward.ledger.standings().acts[-1]
    ward.ledger.deploy(verified.digest, "breast-fna", "1.1.0", place=str(newer[0]), user=admin)
    opened = deployments.open_release

    def breaks(place: Path, key: Path) -> Any:
        if place == Path("/heart"):
            raise MemoryError
        return opened(place, key)

    monkeypatch.setattr(deployments, "open_release", breaks)
    take_over(service)
    assert version(ward) == "1.1.0"
    (refused,) = [one for one in ward.ledger.standings().acts if one.of == heart.seq]
    assert (refused.kind, refused.reason) == ("deployment-refused", "MemoryError")


def test_a_release_that_is_let_go_meanwhile_is_no_fault(ward: Any, signed: Signed, newer: Signed) -> None:
    """A request takes one picture, and keeps to it while another takes its place."""
    service, admin = ward.app.state.service, ward.users["admin"]
    deploy(service, admin, signed[0], "withdrawn")
    deploy(service, admin, newer[0], "silent")
    pictures = iter([service.served])
    gone = replace(service.served, standings={}, versions={}, live={})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Service, "served", property(lambda _: next(pictures, gone)))
        assert ward.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 202
    deploy(service, admin, newer[0])
    pictures = iter([service.served])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Service, "served", property(lambda _: next(pictures, gone)))
        listed = ward.client("service").get("/api/v1/releases")
    assert [one["version"] for one in listed.json()["releases"]] == ["1.1.0"]


def test_the_ledger_decides_what_is_live_after_a_new_start(ward: Any, signed: Signed, newer: Signed) -> None:
    deploy(ward.app.state.service, ward.users["admin"], newer[0])
    ward.app = house.create_app([], ward.ledger, clock=ward.clock, key=newer[1])
    ward.app.state.service.check()
    assert version(ward) == "1.1.0"
    rollback(ward.app.state.service, ward.users["admin"], "breast-fna")
    assert version(ward) == "1.0.0"
    with pytest.raises(Conflict):
        rollback(ward.app.state.service, ward.users["admin"], "breast-fna")
    ward.app = create_app([open_release(*newer)], ward.ledger, clock=ward.clock, key=newer[1])
    ward.app.state.service.check()
    assert version(ward) == "1.0.0"


def test_a_deployed_release_that_is_gone_stops_the_start(
    ward: Any, signed: Signed, newer: Signed, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(newer[0], moved)
    deploy(ward.app.state.service, ward.users["admin"], moved)
    shutil.rmtree(moved)
    with pytest.raises(Refused, match=r"1\.1\.0 is deployed and cannot be served.*bedside rollback breast-fna"):
        create_app([open_release(*signed)], ward.ledger, clock=ward.clock, key=signed[1])
    # Where the command line names the same bytes, the place does not matter.
    create_app([open_release(*newer)], ward.ledger, clock=ward.clock, key=signed[1])
    with pytest.raises(UsageError, match="no release to serve"), Ledger.open(tmp_path / "empty.db") as empty:
        create_app([], empty, key=signed[1])


def test_a_silent_release_that_fails_here_does_not_stop_the_start(
    ward: Any, signed: Signed, newer: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(ward.app.state.service, ward.users["admin"], newer[0], "silent")

    def differs(model: Any) -> None:
        if model.manifest.version == "1.1.0":
            raise Refused("golden case 3 differs by 0.01")

    monkeypatch.setattr("bedside.serving.deployments.golden_check", differs)
    monkeypatch.setattr("bedside.serving.service.golden_check", differs)
    ward.app = create_app([open_release(*signed)], ward.ledger, clock=ward.clock, key=newer[1])
    ward.app.state.service.check()
    assert (version(ward), dict(ward.app.state.service.served.silent)) == ("1.0.0", {})
    assert ward.client("admin").get(f"{OF}/deployments").json()["refused"][0]["reason"].startswith("golden case 3")


def test_a_decision_for_solo_servers_does_not_count_for_care(ward: Any, signed: Signed, tmp_path: Path) -> None:
    unapproved, key = house.make_release(tmp_path, version="2.0.0", keys=signed[1].parent)
    verified = open_release(unapproved, key).verified
    ward.ledger.deploy(
        verified.digest, "breast-fna", "2.0.0", place=str(unapproved), user=ward.users["admin"], solo=True
    )
    take_over(ward.app.state.service)
    assert version(ward) == "1.0.0"
    alone = create_app([open_release(*signed)], ward.ledger, solo=True, clock=ward.clock, key=key)
    assert alone.state.service.served.find("breast-fna").version == "2.0.0"
    for who in ("clinician", "scientist"):
        ward.ledger.approve(verified.digest, "breast-fna", "2.0.0", ward.users[who])
    take_over(ward.app.state.service)
    assert version(ward) == "2.0.0"


def test_a_clinician_suspends_at_once_and_two_people_reinstate(ward: Any) -> None:
    answer = ward.ask("clinician")
    signed_answer = ward.ask("clinician")
    ward.client("clinician").post(f"/api/v1/answers/{signed_answer['id']}/reviews", json={"verdict": "agree"})
    stopped = act(ward, "clinician", "suspension", reason="It missed two")
    assert (stopped.status_code, stopped.json()["by_name"]) == (201, "Dr. Ida Rolf")
    for who in ("clinician", "service"):
        refused = ward.client(who).post(ANSWERS, json={"values": house.HIGH})
        said = refused.json()["error"]
        assert refused.status_code == 409
        assert said["what"] == "this release was suspended by Dr. Ida Rolf on 2026-03-02T08:00Z: It missed two"
        assert "reinstate" in said["remedy"]
    read = ward.client("second").get(f"/api/v1/answers/{answer['id']}").json()
    words = "This release was suspended by Dr. Ida Rolf on 2026-03-02T08:00Z: It missed two."
    assert read["warnings"] == [words]
    shown = words.replace("2026-03-02T08:00Z", "2 Mar 2026, 08:00 UTC")
    assert shown in ward.client("second").get(f"/answers/{answer['id']}").text
    assert ward.client("second").get(f"/api/v1/answers/{signed_answer['id']}").json()["warnings"] == []
    first = act(ward, "clinician", "reinstatement", reason="mended")
    assert (first.status_code, first.json()["lifted"]) == (201, False)
    assert act(ward, "clinician", "reinstatement", reason="mended").status_code == 409
    assert ward.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 409
    second = act(ward, "admin", "reinstatement", reason="mended")
    assert (second.status_code, second.json()["lifted"]) == (201, True)
    assert ward.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 201
    assert ward.client("second").get(f"/api/v1/answers/{answer['id']}").json()["warnings"] == []


def test_a_suspension_by_another_process_counts_at_once(ward: Any) -> None:
    digest = ward.app.state.service.served.find("breast-fna").digest
    with Ledger.open(ward.ledger.place, clock=ward.clock, hasher=house.CHEAP) as elsewhere:
        elsewhere.suspend(digest, "breast-fna", "1.0.0", ward.users["second"], "It missed two")
    refused = ward.client("service").post(ANSWERS, json={"values": house.HIGH})
    assert (refused.status_code, "Dr. Jan Vos" in refused.json()["error"]["what"]) == (409, True)
    assert ward.ledger.count() == 0


def test_solo_does_not_pass_over_a_suspension(hospital: Any) -> None:
    act(hospital, "clinician", "suspension", reason="It missed two")
    assert hospital.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 409


def test_approvals_over_http(careful: Any) -> None:
    assert careful.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 409
    assert act(careful, "admin", "approvals", reason="read it").status_code == 201
    assert act(careful, "admin", "approvals", reason="read it").status_code == 409
    assert act(careful, "clinician", "approvals", reason="read it", version="1.0.0").status_code == 201
    assert careful.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 201
    assert act(careful, "clinician", "approvals", reason="read it", version="9.0.0").status_code == 404


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine where each day begins and ends 14 hours before that of UTC."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_a_running_release_abstains_once_its_last_day_is_over_in_utc(tmp_path: Path) -> None:
    release = house.make_release(tmp_path, valid_until=house.START.date() + dt.timedelta(days=1))
    opened = house.open_hospital(tmp_path, [release], oip=True)
    row = [house.CATEGORIES[name][1].index(v) if isinstance(v, str) else v for name, v in house.HIGH.items()]
    tensor = {"name": "values", "datatype": "FP64", "shape": [1, len(row)], "data": row}

    def reasons() -> list[str]:
        """What stands against an estimate, in an answer and in an inference."""
        inferred = opened.client("service").post("/v2/models/breast-fna/infer", json={"inputs": [tensor]}).json()
        answer = opened.ask(explain=False)
        assert (answer["estimate"] is None) == answer["abstained"] == bool(answer["reasons"])
        (codes,) = next(output["data"] for output in inferred["outputs"] if output["name"] == "reasons")
        return [*(reason["code"] for reason in answer["reasons"]), codes]

    assert reasons() == [""]
    opened.clock.forward(days=1, hours=15, minutes=59, seconds=59)
    assert reasons() == [""]
    opened.clock.forward(seconds=1)
    assert reasons() == ["expired", "expired"]
    opened.ledger.close()


def silent_bodies(place: Any) -> list[dict[str, Any]]:
    return [place.ledger.decoded(entry) for entry in place.ledger.entries(kind="silent-answer")]


def test_a_silent_release_answers_beside_the_live_one(ward: Any, newer: Signed) -> None:
    deploy(ward.app.state.service, ward.users["admin"], newer[0], "silent")
    answer = ward.ask("service", patient={"id": "A-1", "name": "Anneliese Meier"})
    assert answer["release"]["version"] == "1.0.0"
    (kept,) = silent_bodies(ward)
    assert (kept["beside"], kept["answer"]["release"]["version"]) == (answer["id"], "1.1.0")
    assert kept["answer"]["estimate"]["malignant"] > answer["estimate"]["malignant"]
    assert kept["answer"]["explanation"] is None
    (entry,) = ward.ledger.entries(kind="silent-answer")
    assert entry.patient == kept["answer"]["patient"] == answer["patient"]
    assert b"malignant" not in entry.body
    assert ward.ledger.verify().holds


@pytest.fixture
def millimetres(tmp_path: Path, signed: Signed, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 3.0.0, which wants ``mean_radius`` in mm where 1.0.0 wants it in um."""
    variables = [
        msgspec.structs.replace(one, unit="mm", range=(0.001, 0.06)) if one.name == "mean_radius" else one
        for one in house.SCHEMA.variables
    ]
    monkeypatch.setattr(house, "SCHEMA", msgspec.structs.replace(house.SCHEMA, variables=tuple(variables)))
    return house.make_release(tmp_path, version="3.0.0", keys=signed[1].parent)[0]


def test_a_silent_release_of_another_unit_is_told_the_live_one_s(ward: Any, millimetres: Path) -> None:
    deploy(ward.app.state.service, ward.users["admin"], millimetres, "silent")
    stated = {"value": 0.02, "unit": "mm"}
    for sent in (20.0, {"value": 20.0}, {"value": 20.0, "unit": None}, {"value": 20.0, "unit": "um"}, stated):
        ward.ask("service", values=house.HIGH | {"mean_radius": sent})
    kept = [body["answer"]["values"]["mean_radius"] for body in silent_bodies(ward)]
    assert [(one["value"], one["unit"]) for one in kept] == [(pytest.approx(0.02), "mm")] * 5


def test_what_was_typed_for_one_version_reaches_no_other(ward: Any, millimetres: Path) -> None:
    client = ward.client("clinician")
    page = client.get("/releases/breast-fna/new").text
    (digest,) = re.findall(r'name="digest" value="(\w+)"', page)
    verified = open_release(millimetres, ward.app.state.service.key).verified
    for who in ("clinician", "scientist"):
        ward.ledger.approve(verified.digest, "breast-fna", "3.0.0", ward.users[who])
    deploy(ward.app.state.service, ward.users["admin"], millimetres)
    typed = {"value.age": "55", "value.mean_texture": "19", "value.mean_radius": "20", "digest": digest}
    again = ward.form(client, "/releases/breast-fna/new", **typed)
    assert (again.status_code, "another version answers by now: 3.0.0" in again.text.lower()) == (409, True)
    assert (f'value="{verified.digest}"' in again.text, ward.ledger.count()) == (True, 0)


def test_a_silent_failure_never_touches_the_live_answer(ward: Any, newer: Signed, caplog: Any) -> None:
    service = ward.app.state.service
    deploy(service, ward.users["admin"], newer[0], "silent")
    silent = service.served.silent["breast-fna"]

    def fails(_: Any) -> Any:
        raise RuntimeError("radius 14.3 of Anneliese Meier")

    object.__setattr__(silent.model, "predict", fails)
    answer = ward.ask("service")
    assert (answer["release"]["version"], answer["estimate"] is not None) == ("1.0.0", True)
    assert silent_bodies(ward) == []
    assert 'bedside_silent_failures_total{release="breast-fna"} 1' in service.metrics.text(0, (), ready=True)
    assert "silent release failed" in [record.message for record in caplog.records]


def test_alone_a_silent_release_tells_nothing(tmp_path: Path, signed: Signed) -> None:
    opened = house.open_hospital(tmp_path, [signed], solo=False, pages=PAGES)
    service = opened.app.state.service
    deploy(service, opened.users["admin"], signed[0], "withdrawn")
    deploy(service, opened.users["admin"], signed[0], "silent")
    reply = opened.client("service").post(ANSWERS, json={"values": house.HIGH, "patient": {"id": "A-1"}})
    assert (reply.status_code, set(reply.json()), reply.json()["silent"]) == (202, {"id", "silent"}, True)
    asked = opened.client("clinician").post(ANSWERS, json={"values": house.HIGH})
    assert (asked.status_code, "silently" in asked.json()["error"]["what"]) == (409, True)
    form = opened.client("clinician").get("/releases/breast-fna/new")
    assert form.status_code == 409
    wrong = opened.client("service").post(ANSWERS, json={"values": {"mean_radius": 700}})
    assert (wrong.status_code, list(wrong.json()["error"]["problems"])) == (422, ["mean_radius"])
    (kept,) = silent_bodies(opened)
    assert (kept["answer"]["id"], kept["beside"]) == (reply.json()["id"], None)
    act(opened, "clinician", "suspension", reason="stop")
    assert opened.client("service").post(ANSWERS, json={"values": house.HIGH}).status_code == 409
    opened.ledger.close()


def test_no_route_gives_a_silent_estimate_to_those_who_treat(ward: Any, newer: Signed) -> None:
    deploy(ward.app.state.service, ward.users["admin"], newer[0], "silent")
    answer = ward.ask("clinician", patient={"id": "A-1", "name": "Anneliese Meier"})
    (kept,) = silent_bodies(ward)
    secret = json.dumps(kept["answer"]["estimate"]["malignant"])[:8]
    ids = (answer["id"], kept["answer"]["id"])
    from bedside.serving import declared

    seen = 0
    for who in ("clinician", "service", "scientist", "admin", "auditor"):
        client = ward.client(who)
        for route in declared(PAGES):
            if route.method != "GET":
                continue
            for asked in ids:
                reply = client.get(route.path.replace("{id}", asked).replace("{name}", "breast-fna"))
                assert secret not in reply.text, (who, route.path)
                seen += reply.status_code == 200
        assert client.get(f"/api/v1/answers/{ids[1]}").status_code in {403, 404}
        assert client.get(f"/answers/{ids[1]}").status_code in {403, 404}
        assert client.get(f"/api/v1/answers/{ids[1]}/replay").status_code in {403, 404}
    assert seen > 50
    assert (
        ward.client("clinician").post(f"/api/v1/answers/{ids[1]}/reviews", json={"verdict": "agree"}).status_code == 404
    )
    assert ward.ledger.count() == 1
