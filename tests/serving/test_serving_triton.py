"""NVIDIA's own client (tritonclient, in an environment of its own) against a real server."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import hospital as house
import pytest
from served import serving

from bedside.ledger import Ledger

ROOT = Path(__file__).parents[2]
PATIENTS = [house.HIGH, house.PLAUSIBLE, house.PLAUSIBLE | {"menopause": "pre", "side": "right"}, house.STRANGE]


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter beside which the client is installed; `scripts/triton` makes it once."""
    with (ROOT / ".venv-triton.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([ROOT / "scripts" / "triton"], check=True, timeout=600)
    return ROOT / ".venv-triton" / "bin" / "python"


@pytest.fixture(scope="module")
def said(python: Path, signed: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the client got."""
    folder = tmp_path_factory.mktemp("triton")
    with Ledger.open(folder / "ledger.db") as ledger:
        _, key = ledger.add_user("pipeline", "service", actor="test")
    rows = [
        [values[name] for name in house.NUMBERS]
        + [house.CATEGORIES[name][1].index(values[name]) for name in house.CATEGORIES]
        for values in PATIENTS
    ]
    categories = {name: house.CATEGORIES[name][1] for name in house.CATEGORIES}
    given = {"names": [*house.NUMBERS, *house.CATEGORIES], "categories": categories, "values": rows}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with serving(folder, signed, "--oip") as server:
        words = [python, ROOT / "tests" / "triton" / "drive.py", server.url.removeprefix("http://"), key]
        done = subprocess.run([*words, json.dumps(given)], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr + server.logged()
    return json.loads(done.stdout)


def test_health_and_metadata(said: Any) -> None:
    assert said["live"] and said["ready"] and said["model ready"] and said["version ready"]
    assert not said["no version"]
    assert (said["server"]["name"], said["server"]["extensions"]) == ("bedside", ["binary_tensor_data"])
    assert said["model"] == said["version"]
    assert [tensor["name"] for tensor in said["model"]["inputs"]] == [*house.NUMBERS, *house.CATEGORIES]


def test_every_way_to_ask_gives_the_graphs_probabilities(said: Any) -> None:
    known = [[1 - house.probability(values), house.probability(values)] for values in PATIENTS[:3]]
    ways = dict(said["probability"])
    unknown = ways.pop("unknown")
    assert len(ways) == 11
    for way, found in ways.items():
        assert found[:3] == [pytest.approx(pair, abs=1e-6) for pair in known], way
        assert all(value != value for value in found[3]), way
    imputed = {name: value for name, value in house.HIGH.items() if name != "mean_radius"}
    assert unknown[0][1] == pytest.approx(house.probability(imputed), abs=1e-6)
    assert unknown[1] == ways["binary"][1]


def test_the_reply_says_what_answered(said: Any) -> None:
    reply = said["reply"]
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("42", "breast-fna", "1.0.0")
    assert (reply["parameters"]["status"], reply["parameters"]["abstained"]) == ("preliminary", 1)
    assert said["abstained"] == [False, False, False, True]
    assert said["sets"][3] == [False, False]


def test_only_the_outputs_that_were_asked_for(said: Any) -> None:
    assert said["some"] == ["reasons", "alert"]
    assert said["reasons"] == ["", "", "", "unlike-training"]
    assert said["alert"] == [house.probability(values) >= 0.2 for values in PATIENTS[:3]] + [False]


def test_errors_reach_the_caller_in_our_words(said: Any) -> None:
    refused = said["refused"]
    assert refused["value"] == ["422", "age: row 4: 1000000 lies outside the plausible range 18 to 100 a"]
    assert refused["shape"][0] == "400"
    assert "[n, 10]" in refused["shape"][1]
    assert refused["version"][0] == "404"
    assert "9.0.0" in refused["version"][1]
    assert refused["key"][0] == refused["sessions"][0] == "401"
    assert refused["config"][0] == "404"
