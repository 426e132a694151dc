"""A server that runs another file than the reference: every answer says so, and its own golden cases are asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import hospital as house
import pytest

from bedside.errors import Refused, UsageError
from bedside.release import open_release
from bedside.release.target import BUILT_IN
from bedside.serving import create_app, load
from bedside.serving.deployments import deploy


@pytest.fixture(autouse=True)
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "twin", "twin_target:TWIN")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A release with two targets, and its key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUILT_IN, "twin", "twin_target:TWIN")
        yield house.make_release(tmp_path_factory.mktemp("two"), targets=("twin",))


@pytest.mark.parametrize("asked", ["twin", "server-cpu"])
def test_every_answer_names_target_and_processor(two: tuple[Path, Path], tmp_path: Path, asked: str) -> None:
    hospital = house.open_hospital(tmp_path, [two], target=asked, oip=True)
    answer = hospital.ask()
    model = hospital.app.state.service.served.find("breast-fna").model
    assert (answer["release"]["target"], answer["release"]["processor"]) == (asked, model.processor)
    assert answer["estimate"]["malignant"] == pytest.approx(house.probability(house.HIGH), abs=1e-5)
    replayed = hospital.client("clinician").get(f"/api/v1/answers/{answer['id']}/replay").json()
    assert (replayed["result"], replayed["target"]) == ("bit-for-bit", asked)
    described = hospital.client("service").get("/v2/models/breast-fna").json()["parameters"]
    assert (described["target"], described["processor"]) == (asked, model.processor)


def test_auto_says_why(two: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="bedside")
    hospital = house.open_hospital(tmp_path, [two], target="auto")
    assert hospital.ask()["release"]["target"] in {"server-cpu", "twin"}
    facts = next(record.facts for record in caplog.records if record.getMessage() == "golden cases reproduced")
    assert facts["target"] == hospital.app.state.service.served.find("breast-fna").model.target
    assert "for one patient" in facts["chosen"]


def test_an_answer_of_another_target_says_how_to_replay_it(two: tuple[Path, Path], tmp_path: Path) -> None:
    first = house.open_hospital(tmp_path, [two], target="twin")
    answer = first.ask()
    first.app = create_app([open_release(*two)], first.ledger, solo=True, clock=first.clock, key=two[1])
    first.app.state.service.check()
    reply = first.client("clinician").get(f"/api/v1/answers/{answer['id']}/replay")
    assert reply.status_code == 409
    assert "--target twin" in reply.text


def test_the_cases_of_its_own_target_are_asked(two: tuple[Path, Path], tmp_path: Path) -> None:
    hospital = house.open_hospital(tmp_path, [two])
    golden = json.loads((two[0] / "golden.json").read_text())
    golden["targets"]["twin"]["columns"][3] = [1.0, 0.0]
    for target, holds in (("server-cpu", True), ("twin", False)):
        loaded = load(open_release(*two), target=target)
        changed = dataclasses.replace(loaded.model, golden=json.dumps(golden).encode())
        app = create_app([dataclasses.replace(loaded, model=changed)], hospital.ledger, solo=True)
        if holds:
            app.state.service.check()
        else:
            with pytest.raises(Refused, match="case 4 of 32"):
                app.state.service.check()
        assert app.state.service.ready is holds


def test_a_release_deployed_later_runs_as_the_same_target(two: tuple[Path, Path], tmp_path: Path) -> None:
    keys = two[1].parent
    newer, _ = house.make_release(tmp_path / "newer", version="2.0.0", targets=("twin",), keys=keys)
    without, _ = house.make_release(tmp_path / "without", version="3.0.0", keys=keys)
    hospital = house.open_hospital(tmp_path, [two], target="twin")
    service = hospital.app.state.service
    deploy(service, hospital.users["admin"], newer)
    assert (service.served.find("breast-fna").version, hospital.ask()["release"]["target"]) == ("2.0.0", "twin")
    with pytest.raises(UsageError, match="was not packed for the target 'twin'"):
        deploy(service, hospital.users["admin"], without)
    assert service.served.find("breast-fna").version == "2.0.0"
