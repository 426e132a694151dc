"""Several releases and versions at once, and what other processes enter about them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest
from msgspec.structs import replace

from bedside.errors import NotFound, Refused
from bedside.ledger import Ledger
from bedside.serving.answers import ask
from bedside.serving.deployments import begin
from bedside.serving.documents import AnswerRequest
from bedside.serving.following import following
from bedside.serving.served import NOT_FOR_CARE, cleared, precedence

Signed = tuple[Path, Path]


@pytest.fixture
def both(tmp_path: Path, signed: Signed, newer: Signed) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path, [newer, signed], solo=False)
    yield opened
    opened.ledger.close()


def approve(place: Any, version: str, whose: Ledger | None = None) -> None:
    digest = place.app.state.service.served.find("breast-fna", version).digest
    for who in ("clinician", "scientist"):
        (whose or place.ledger).approve(digest, "breast-fna", version, place.users[who], "read the report")


def until(holds: Any) -> None:
    """Waits until it holds; fails after a time that no machine needs."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_the_highest_version_answers_and_the_others_are_there_by_version(both: Any) -> None:
    service = both.app.state.service
    assert service.served.find("breast-fna").version == "1.1.0"
    assert service.served.find("breast-fna", "1.0.0").version == "1.0.0"
    modes = {loaded.version: service.served.standings[loaded.digest].mode for loaded in service.served.all}
    assert modes == {"1.1.0": "live", "1.0.0": "loaded"}
    for name, version in (("breast-fna", "2.0.0"), ("lung", None), ("lung", "1.0.0")):
        with pytest.raises(NotFound):
            service.served.find(name, version)


def test_versions_sort_as_semantic_versioning_says() -> None:
    # The example of section 11 of the specification, and numbers that text would sort wrongly.
    order = ["alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"]
    versions = [*(f"1.0.0-{before}" for before in order), "1.0.0", "1.9.0", "1.10.0"]
    assert sorted(sorted(versions), key=precedence) == sorted(versions, key=precedence) == versions


def test_each_version_needs_its_own_approvals(both: Any) -> None:
    service = both.app.state.service
    approve(both, "1.0.0")
    assert cleared(service.served, service.served.find("breast-fna", "1.0.0"), solo=service.solo) == ()
    with pytest.raises(Refused, match="not approved for care"):
        cleared(service.served, service.served.find("breast-fna"), solo=service.solo)


def test_solo_clears_with_a_warning(hospital: Any) -> None:
    service = hospital.app.state.service
    assert cleared(service.served, service.served.find("breast-fna"), solo=service.solo) == (NOT_FOR_CARE,)


def test_an_answer_of_an_older_version_is_replayed_with_that_version(
    tmp_path: Path, signed: Signed, newer: Signed
) -> None:
    before = house.open_hospital(tmp_path, [signed])
    answer = before.ask()
    path = f"/api/v1/answers/{answer['id']}/replay"
    both = house.create_app(
        [house.open_release(*newer), house.open_release(*signed)], before.ledger, solo=True, clock=before.clock
    )
    both.state.service.check()
    before.app = both
    replayed = before.client("auditor").get(path).json()
    assert (replayed["result"], replayed["digest"]) == ("bit-for-bit", answer["release"]["digest"])
    assert before.ask()["release"]["version"] == "1.1.0"
    before.ledger.close()


def test_approvals_by_another_process_count_soon(both: Any) -> None:
    service = both.app.state.service
    loaded = service.served.find("breast-fna")
    with Ledger.open(both.ledger.place, clock=both.clock, hasher=house.CHEAP) as elsewhere, following(service):
        assert not service.served.standings[loaded.digest].approved
        approve(both, "1.1.0", elsewhere)
        until(lambda: service.served.standings[loaded.digest].approved)
        assert cleared(service.served, loaded, solo=service.solo) == ()


def test_following_goes_on_after_the_ledger_failed(both: Any, caplog: pytest.LogCaptureFixture) -> None:
    service = both.app.state.service
    loaded = service.served.find("breast-fna")

    def rename(before: str, after: str) -> None:
        with sqlite3.connect(both.ledger.place) as connection:
            connection.execute(f"ALTER TABLE {before} RENAME TO {after}")

    with following(service):
        rename("head", "gone")
        until(lambda: service.metrics.blind["ledger"] >= 2)
        rename("gone", "head")
        approve(both, "1.1.0")
        until(lambda: service.served.standings[loaded.digest].approved)
    assert "bedside_unfollowed_total{" in service.metrics.text(0, (), ready=True)
    assert [record.message for record in caplog.records].count("the ledger cannot be followed") == 1


def test_inferences_stop_soon_after_a_suspension_elsewhere(tmp_path: Path, signed: Signed) -> None:
    place = house.open_hospital(tmp_path, [signed], oip=True)
    kind = {name: "FP64" if name in house.NUMBERS else "BYTES" for name in house.HIGH}
    inputs = [{"name": n, "shape": [1], "datatype": kind[n], "data": [house.HIGH[n]]} for n in house.HIGH]
    service, client = place.app.state.service, place.client("service")

    def infer() -> Any:
        return client.post("/v2/models/breast-fna/infer", json={"inputs": inputs})

    assert infer().status_code == 200
    with Ledger.open(place.ledger.place, clock=place.clock, hasher=house.CHEAP) as elsewhere, following(service):
        digest = service.served.find("breast-fna").digest
        elsewhere.suspend(digest, "breast-fna", "1.0.0", place.users["clinician"], "It missed two")
        until(lambda: infer().status_code == 409)
    assert "It missed two" in infer().json()["error"]
    place.ledger.close()


def test_servers_on_postgresql_follow_each_other(
    tmp_path: Path, signed: Signed, newer: Signed, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(tmp_path / "ledger.key"))
    clock = house.Clock()
    opening = {"clock": clock, "hasher": house.CHEAP}
    with Ledger.open(postgres_url, **opening) as ledger, Ledger.open(postgres_url, **opening) as elsewhere:
        people = {role: ledger.add_user(role, role, actor="test")[0] for role in house.PEOPLE}
        app = house.create_app([house.open_release(*signed)], ledger, solo=True, clock=clock, key=signed[1])
        service = app.state.service
        service.check()
        verified = house.open_release(*newer).verified
        with following(service):
            begin(service)
            facts = (verified.digest, "breast-fna", "1.1.0")
            elsewhere.deploy(*facts, place=str(newer[0]), user=people["admin"], solo=True)
            until(lambda: service.served.find("breast-fna").version == "1.1.0")
            request = AnswerRequest(values=house.HIGH, explain=False)
            answer = ask(service, people["clinician"], "breast-fna", request)
            elsewhere.suspend(*facts, people["clinician"], "It missed two")
            with pytest.raises(Refused, match="It missed two"):
                ask(service, people["clinician"], "breast-fna", request)
            elsewhere.roll_back("breast-fna", user=people["admin"])
            until(lambda: service.served.find("breast-fna").version == "1.0.0")
        with elsewhere.cases(verified.digest, "breast-fna") as known:
            (case,) = known
        release = {"name": "breast-fna", "version": "1.1.0", "digest": verified.digest}
        elsewhere.enter_outcomes([replace(case, outcome="benign")], release=release, user=people["scientist"])
        with ledger.cases(verified.digest, "breast-fna") as known:
            (case,) = known
        assert (case.id, case.outcome) == (answer.id, "benign")
        assert ledger.verify().holds
