"""What operators rely on: loading, readiness, metrics, logs, the description of the routes, a real process."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import httpx2
import pytest
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from bedside.errors import DataError, Refused, SignatureInvalid, UsageError
from bedside.ledger import Ledger
from bedside.release import open_release
from bedside.review import PAGES
from bedside.serving import create_app, declared, load, run
from bedside.serving.logs import JsonLines, logging_to


def test_a_changed_release_is_not_loaded_and_the_file_is_named(signed: tuple[Path, Path], tmp_path: Path) -> None:
    path, key = signed
    shutil.copytree(path, tmp_path / "copy")
    graph = tmp_path / "copy" / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(SignatureInvalid, match=r"model\.onnx"):
        load(open_release(tmp_path / "copy", key))


def test_a_target_that_was_not_packed_is_refused(signed: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="phone"):
        load(open_release(*signed), target="phone")


def test_a_release_without_its_report_is_refused(signed: tuple[Path, Path]) -> None:
    release = open_release(*signed)
    files = {name: content for name, content in release.files.items() if name != "report.html"}
    with pytest.raises(DataError, match="no such document"):
        load(dataclasses.replace(release, files=files))


def test_one_release_of_each_name_and_version(hospital: Any, signed: tuple[Path, Path]) -> None:
    loaded = load(open_release(*signed))
    with pytest.raises(UsageError, match="same name and version"):
        create_app([loaded, loaded], hospital.ledger)
    with pytest.raises(UsageError, match="no release"):
        create_app([], hospital.ledger)


def test_ready_only_after_the_golden_cases_ran(hospital: Any, signed: tuple[Path, Path]) -> None:
    app = create_app([load(open_release(*signed))], hospital.ledger, solo=True, clock=hospital.clock)
    not_started = TestClient(app)
    key = {"Authorization": f"Bearer {hospital.secrets['service']}"}
    assert not_started.get("/livez").json() == {"status": "ok"}
    assert not_started.get("/readyz").status_code == 503
    assert not_started.post("/api/v1/releases/breast-fna/answers", json={"values": {}}, headers=key).status_code == 503
    with TestClient(app) as started:
        assert started.get("/readyz").json() == {"status": "ok"}
        asked = started.post("/api/v1/releases/breast-fna/answers", json={"values": {}}, headers=key)
        assert asked.status_code == 201


def test_a_machine_that_computes_something_else_does_not_start(hospital: Any, signed: tuple[Path, Path]) -> None:
    loaded = load(open_release(*signed))

    def off(values: Any) -> Any:
        answered = loaded.model.predict(values)
        return dataclasses.replace(answered, columns=answered.columns * 0.999)

    model = dataclasses.replace(loaded.model, predict=off)
    app = create_app([dataclasses.replace(loaded, model=model)], hospital.ledger)
    with pytest.raises(Refused, match="case 1 of"), TestClient(app):
        pass
    with pytest.raises(Refused, match="case 1 of"):
        run(app, port=0)


def test_only_loopback_unless_the_word_is_said(hospital: Any) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org"):
        with pytest.raises(UsageError, match="loopback only"):
            run(hospital.app, host=host)
    with pytest.raises(UsageError, match="cannot"):
        run(hospital.app, host="192.0.2.1", port=0, insecure_host=True)


def test_metrics_count_by_declared_route(hospital: Any) -> None:
    answer = hospital.ask()["id"]
    hospital.ask(values=house.STRANGE)
    hospital.client("clinician").post(f"/api/v1/answers/{answer}/reviews", json={"verdict": "agree"})
    hospital.anonymous().get("/secret/A-1")
    text = hospital.client("monitor").get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    route = 'route="/api/v1/releases/{name}/answers"'
    assert lines[f'bedside_requests_total{{method="POST",{route},status="201"}}'] == "2"
    assert lines['bedside_answers_total{release="breast-fna"}'] == "2"
    assert lines['bedside_abstentions_total{release="breast-fna"}'] == "1"
    assert lines['bedside_verdicts_total{verdict="agree"}'] == "1"
    assert lines["bedside_unreviewed"] == "1"
    assert lines[f'bedside_request_seconds_bucket{{{route},le="+Inf"}}'] == "2"
    buckets = [
        int(value) for name, value in lines.items() if name.startswith(f"bedside_request_seconds_bucket{{{route}")
    ]
    assert buckets == sorted(buckets)
    assert "A-1" not in text
    assert answer not in text


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the server writes to its log."""
    written = io.StringIO()
    with logging_to(logging.StreamHandler(written)):
        yield written


def test_the_log_names_no_patient_no_value_and_no_secret(
    hospital: Any, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = {"id": "PATIENT-77", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
    answer = hospital.ask(patient=patient, values=house.HIGH | {"mean_texture": 31.4159})
    client = hospital.client("clinician")
    client.get(f"/answers/{answer['id']}?q=Meier")
    client.get("/PATIENT-77")
    client.request("PATIENT-77", "/livez")
    client.post("/login", data={"name": "clinician", "password": "wrong-secret"})

    def broken(*_: object, **__: object) -> None:
        raise ValueError("Anneliese Meier 31.4159")

    monkeypatch.setattr("bedside.serving.answers.answer_patient", broken)
    reply = client.post("/api/v1/releases/breast-fna/answers", json={"values": {}, "patient": patient})
    text = logged.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    for secret in ("Meier", "PATIENT-77", "1958", "31.4159", "wrong-secret", answer["id"], hospital.secrets["service"]):
        assert secret not in text
    fault = next(line for line in lines if line["event"] == "unexpected failure")
    assert (fault["reference"], fault["exception"]) == (reply.json()["error"]["reference"], "ValueError")
    assert any("broken" in frame for frame in fault["frames"])
    assert {"GET", "POST", "other"} == {line["method"] for line in lines if line["event"] == "request"}


def test_a_line_of_the_log_is_one_line() -> None:
    record = logging.LogRecord("bedside", logging.INFO, "", 0, "a\nb %s", ("c",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["event"] == "a\nb c"


def test_the_description_is_valid_and_lists_every_route(hospital: Any) -> None:
    document = hospital.client("service").get("/openapi.json").json()
    validate(document)
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == {f"{route.method} {route.path}" for route in declared(PAGES)}
    for route in declared(PAGES):
        operation = document["paths"][route.path][route.method.lower()]
        assert operation.get("x-roles", []) == sorted(route.roles or ())
        assert bool(operation["security"]) == (route.roles is not None)
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_replies_fit_their_description(hospital: Any) -> None:
    from jsonschema import Draft202012Validator

    answer = hospital.ask(patient={"id": "A-1", "birth_date": "1950-01-01"})
    client = hospital.client("clinician")
    client.post(f"/api/v1/answers/{answer['id']}/reviews", json={"verdict": "agree"})
    document = client.get("/openapi.json").json()
    paths = {
        "/api/v1/answers/{id}": f"/api/v1/answers/{answer['id']}",
        "/api/v1/answers/{id}/replay": f"/api/v1/answers/{answer['id']}/replay",
        "/api/v1/answers": "/api/v1/answers",
        "/api/v1/releases": "/api/v1/releases",
        "/readyz": "/readyz",
    }
    for declared_path, path in paths.items():
        schema = document["paths"][declared_path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(client.get(path).json())
    refusal = client.get("/api/v1/answers/none").json()
    schema = {"$ref": "#/components/schemas/FailureReply", "components": document["components"]}
    Draft202012Validator(schema).validate(refusal)


SERVE = """
import sys
from pathlib import Path
from bedside.ledger import Ledger
from bedside.release import open_release
from bedside.review import PAGES
from bedside.serving import create_app, load, run

release, key, ledger = map(Path, sys.argv[1:4])
with Ledger.open(ledger) as opened:
    app = create_app([load(open_release(release, key))], opened, solo=True, pages=PAGES)
    run(app, port=0, announce=lambda url: print(url, flush=True))
heavy = {"torch", "sklearn", "matplotlib", "scipy", "onnx", "pandas"} & set(sys.modules)
print("ended", *sorted(heavy), flush=True)
"""


def test_a_real_server_answers_and_ends_when_told(signed: tuple[Path, Path], tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        _, key = ledger.add_user("lab", "service", actor="test")
    arguments = [sys.executable, "-W", "error", "-c", SERVE, *map(str, signed), str(tmp_path / "ledger.db")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        try:
            url = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url), server.stderr.read()
            assert httpx2.get(f"{url}/readyz").status_code == 200
            headers = {"Authorization": f"Bearer {key}"}
            reply = httpx2.post(
                f"{url}/api/v1/releases/breast-fna/answers", json={"values": house.HIGH}, headers=headers
            )
            assert reply.status_code == 201
            assert "server" not in reply.headers
            stored = httpx2.get(f"{url}/api/v1/answers/{reply.json()['id']}", headers=headers)
            assert stored.json()["estimate"] == reply.json()["estimate"]
            server.send_signal(signal.SIGTERM)
            out, log = server.communicate(timeout=30)
        finally:
            server.kill()
    assert (server.returncode, out) == (0, "ended\n")
    assert all(json.loads(line) for line in log.splitlines())
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert ledger.verify().holds
        assert ledger.count() == 1
