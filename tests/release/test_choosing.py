"""Which target answers on a machine: by name, or the fastest that computes there what was signed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bedside.errors import Refused, UsageError
from bedside.release import Candidate, chosen, pack
from bedside.release import choosing as module
from bedside.release.target import BUILT_IN, target


@pytest.fixture(autouse=True)
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "twin", "twin_target:TWIN")
    monkeypatch.setitem(BUILT_IN, "carried", "twin_target:CARRIED")


@pytest.fixture
def candidate(small: ModuleType, tmp_path: Path) -> Candidate:
    return pack(small.deep_parts("twin", "carried", "server-gpu"), tmp_path / "candidate")


def takes(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Each target takes so long for one patient."""
    monkeypatch.setattr(module, "single_latency", lambda model, _: seconds[model.target.replace("-", "_")])


def without_golden(candidate: Candidate, name: str) -> Candidate:
    """The same candidate as a machine sees it that computes `name` otherwise."""
    golden: dict[str, Any] = json.loads(candidate.files["golden.json"])
    golden["targets"][name]["columns"][0] = [1.0, 0.0]
    return replace(candidate, files={**candidate.files, "golden.json": json.dumps(golden).encode()})


def test_the_fastest_answers_and_the_others_are_told(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, server_cpu=20e-6, twin=5e-6)
    found = chosen(candidate, "auto")
    assert found.model.target == "twin"
    told = "server-cpu 20 \N{MICRO SIGN}s, twin 5 \N{MICRO SIGN}s for one patient; server-gpu: "
    if target("server-gpu").missing_to_run() is not None:
        assert found.why.startswith(told)


def test_a_gain_that_may_be_noise_does_not_count(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, server_cpu=20e-6, twin=19e-6)
    assert chosen(candidate, "auto").model.target == "server-cpu"


def test_one_that_computes_otherwise_here_is_not_taken(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    takes(monkeypatch, server_cpu=20e-6, twin=1e-6)
    found = chosen(without_golden(candidate, "twin"), "auto")
    assert found.model.target == "server-cpu"
    assert "twin: case 1 of 32: a probability differs" in found.why
    both = without_golden(without_golden(candidate, "twin"), "server-cpu")
    with pytest.raises(Refused, match=r"no target can serve on this machine \(.*server-cpu: case 1.*twin: case 1"):
        chosen(both, "auto")


def test_real_times_choose_one_of_them(candidate: Candidate) -> None:
    assert chosen(candidate, "auto").model.target in {"server-cpu", "twin"}


def test_by_name(candidate: Candidate) -> None:
    found = chosen(candidate, "twin")
    assert (found.model.target, found.why) == ("twin", "")
    with pytest.raises(UsageError, match="no server runs it"):
        chosen(candidate, "carried")
    with pytest.raises(UsageError, match="was not packed for the target 'phone'"):
        chosen(candidate, "phone")
