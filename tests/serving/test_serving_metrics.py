"""The metrics, read with Prometheus' own parser."""

from __future__ import annotations

from typing import Any

import hospital as house
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bedside.errors import LedgerError


def scraped(hospital: Any) -> dict[str, Any]:
    reply = hospital.client("monitor").get("/metrics")
    assert (reply.status_code, reply.headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    families = list(text_string_to_metric_families(reply.text))
    assert all(family.documentation and family.type in {"counter", "gauge", "histogram"} for family in families)
    return {family.name: family for family in families}


def values(family: Any, *labels: str) -> dict[Any, float]:
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in family.samples}


def test_what_happened_is_counted(hospital: Any) -> None:
    ids = [hospital.ask(values=values)["id"] for values in (house.HIGH, house.HIGH, house.STRANGE)]
    hospital.client("clinician").post(f"/api/v1/answers/{ids[0]}/reviews", json={"verdict": "agree"})
    found = scraped(hospital)
    assert values(found["bedside_answers"], "release") == {("breast-fna",): 3}
    assert values(found["bedside_abstentions"], "release") == {("breast-fna",): 1}
    assert values(found["bedside_verdicts"], "verdict") == {("agree",): 1}
    assert [sample.value for sample in found["bedside_unreviewed"].samples] == [2]
    assert [sample.value for sample in found["bedside_ready"].samples] == [1]
    asked = values(found["bedside_requests"], "method", "route", "status")
    assert asked["POST", "/api/v1/releases/{name}/answers", "201"] == 3


def test_the_histogram_is_one(hospital: Any) -> None:
    hospital.ask()
    route = "/api/v1/releases/{name}/answers"
    samples = [one for one in scraped(hospital)["bedside_request_seconds"].samples if one.labels["route"] == route]
    buckets = [one for one in samples if one.name.endswith("_bucket")]
    bounds, counts = [float(one.labels["le"]) for one in buckets], [one.value for one in buckets]
    assert (bounds, counts) == (sorted(bounds), sorted(counts))
    assert (bounds[-1], counts[-1]) == (float("inf"), 1)
    (total,) = (one.value for one in samples if one.name.endswith("_count"))
    (seconds,) = (one.value for one in samples if one.name.endswith("_sum"))
    assert total == 1 and seconds > 0


def test_each_release_tells_its_mode_and_whether_it_is_suspended(careful: Any) -> None:
    found = scraped(careful)
    ((labels, value),) = values(found["bedside_release"], "release", "version", "mode").items()
    assert (labels[:2], value) == (("breast-fna", "1.0.0"), 1)
    assert values(found["bedside_release_suspended"], "release") == {("breast-fna",): 0}


def test_trouble_with_the_ledger_is_counted_by_declared_route(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(hospital.ledger, "record_answer", full)
        path = "/api/v1/releases/breast-fna/answers"
        assert hospital.client("service").post(path, json={"values": {}}).status_code == 503
    route = "/api/v1/releases/{name}/answers"
    assert values(scraped(hospital)["bedside_ledger_errors"], "route") == {(route,): 1}
