"""The page without its server: the answers of the server for 50 held-out patients; nothing is kept, nothing asked."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from device import OFFLINE, device
from file_server import file_server
from packed_page import Packed

from bedside.answering import answer_patient
from bedside.release import open_release

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def offline(browser: Any, demo_page: Any) -> Any:
    """Opened once, closed, the server stopped, and opened again."""
    with file_server(demo_page.site) as server, device(browser, server) as found:
        assert found.open() == ""
        found.page.wait_for_selector(OFFLINE, timeout=60_000)
        server.stop()
        found.page.goto("about:blank")
        assert found.open() == ""
        yield found


def test_the_evidence_has_a_row_of_the_pages_own_bytes(demo_page: Packed) -> None:
    evidence = json.loads((demo_page.release / "evidence.json").read_text())
    row, reference = evidence["targets"]["browser"], evidence["targets"]["server-cpu"]
    assert row["validated"]
    assert row["digest"] == hashlib.sha256((demo_page.release / "browser.zip").read_bytes()).hexdigest()
    assert row["largest_change"] <= 1e-5
    assert (row["flips"], row["auroc_loss"]) == (0, 0)
    assert row["measures"]["auroc"] == reference["measures"]["auroc"]
    assert row["latency"] > reference["latency"], "else the next line tests nothing"
    assert not [one for one in evidence["warned"] if one["code"] == "target-gains-nothing"]


def test_fifty_held_out_patients_get_the_servers_probabilities(offline: Any, demo_page: Any, held_out: Any) -> None:
    model = open_release(demo_page.release, demo_page.key).load("server-cpu")
    asked = len(offline.asked)
    largest, abstained = 0.0, 0
    for patient in held_out[:50]:
        theirs = answer_patient(model, patient, now=NOW, explain=False)
        offline.put(patient)
        ours = offline.ask(explain=False)
        assert ours["reasons"] == [reason.code for reason in theirs.reasons]
        abstained += theirs.abstained
        if theirs.abstained:
            assert ours["probability"] == []
            continue
        expected = list(theirs.estimate.values())
        largest = max(largest, float(np.abs(np.array(ours["probability"]) - expected).max()))
        assert set(ours["set"]) == set(theirs.prediction_set)
        assert ours["says"][0].startswith("▲" if theirs.alert else "▽")
    assert largest <= 1e-5
    assert abstained < 50
    assert len(offline.asked) == asked, "asking a patient asked for a file"
    assert offline.faults == []


def test_explanations_are_the_servers_within_their_stated_errors(offline: Any, demo_page: Any, held_out: Any) -> None:
    model = open_release(demo_page.release, demo_page.key).load("server-cpu")
    apart = []
    for patient in held_out[:6]:
        theirs = answer_patient(model, patient, now=NOW).explanation
        offline.put(patient)
        ours = offline.ask()
        if theirs is None:
            assert ours["values"] == []
            continue
        assert abs(ours["base"][0] + sum(ours["values"]) - ours["probability"][1]) <= 1e-6
        assert abs(ours["base"][0] - theirs.base_value) <= 1e-6
        both = float(np.hypot(ours["error"][0], theirs.error))
        apart.append(np.abs(np.array(ours["values"]) - list(theirs.values.values())).max() / max(both, 1e-6))
    assert len(apart) >= 3
    assert max(apart) <= 4, "largest of 30 differences, in standard errors of a difference"


def test_nothing_that_was_typed_is_kept(offline: Any, demo_page: Any, held_out: Any) -> None:
    page = offline.page
    offline.put(dict.fromkeys(held_out[0], "0.123456"))
    offline.put(held_out[0] | {"mean_radius": "17.171717"})
    offline.ask()
    kept = page.evaluate("""async () => ({
      local: Object.keys(localStorage), session: Object.keys(sessionStorage), cookie: document.cookie,
      databases: await indexedDB.databases(), address: location.href, history: history.state,
      cached: (await Promise.all((await caches.keys()).map(async name => (await (await caches.open(name)).keys())
        .map(asked => asked.method + " " + asked.url)))).flat(),
    })""")
    assert (kept["local"], kept["session"], kept["cookie"], kept["databases"]) == ([], [], "", [])
    assert kept["address"] == offline.server.url
    assert kept["history"] is None
    files = {
        f"GET {offline.server.url}{one.relative_to(demo_page.site)}"
        for one in demo_page.site.rglob("*")
        if one.is_file()
    }
    assert set(kept["cached"]) == files
    page.reload()
    offline.settled()
    assert page.evaluate("[...document.querySelectorAll('input, select')].map(field => field.value).join('')") == ""


def test_a_value_that_changes_takes_the_answer_away(offline: Any, held_out: Any) -> None:
    offline.put(held_out[1])
    assert offline.ask()["probability"]
    offline.fill({"mean_radius": "3"})
    assert offline.page.query_selector("#answer") is None
    offline.page.click("text=Clear all")
    assert offline.page.input_value('[id="value.mean_radius"]') == ""
