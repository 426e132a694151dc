"""The tutorial, typed as it stands: every command, every edit, on the data that it names (the server left out)."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from pages import DOCS, blocks, typed

PAGE = DOCS / "tutorial" / "heart-disease.md"
STUDY, MAP = (block.text for block in blocks(PAGE, "toml"))
LINES = [line for line in typed(PAGE) if line != "cd heart"]


def _prepared(data_dir: Path, folder: Path) -> None:
    """The two files, and the header that the tutorial adds to what UCI carries (ours have it already)."""
    header = next(re.finditer(r"^header=(.*)$", PAGE.read_text(), re.M))[1]
    for name in ("cleveland", "hungarian"):
        source = data_dir / "records" / f"uci_heart_{name}.csv"
        assert source.read_text().splitlines()[0] == header
        shutil.copy(source, folder / f"{name}.csv")


def _typed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line, without what is piped elsewhere."""
    words = shlex.split(line.split(" | ")[0])
    assert words[0] == "bedside", line
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "bedside", *words[1:]]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_tutorial_shows_a_study_and_a_map() -> None:
    assert STUDY.startswith("[study]")
    assert "[outcome.codes]" in MAP
    assert [line.split()[1] for line in LINES][:4] == ["init", "check", "train", "validate"]


@pytest.fixture(scope="module")
def gone_through(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after every line was typed; each must end as the tutorial says."""
    pytest.importorskip("torch", reason="the tutorial trains; it needs bedside[train]")
    folder = tmp_path_factory.mktemp("tutorial") / "heart"
    folder.mkdir()
    _prepared(data_dir, folder)
    (folder / "hungarian.toml").write_text(MAP)
    for line in LINES:
        if line.startswith("bedside serve"):
            continue
        done = _typed(line, folder)
        expected = {0, 1} if "--data" in line else {0}  # the gates may fail in the other hospital, and the page says so
        assert done.returncode in expected, f"$ {line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, line
        if line.startswith("bedside init"):
            assert "# CONFIRM" in (folder / "study.toml").read_text()
            (folder / "study.toml").write_text(STUDY)
    return folder


def test_the_release_is_what_was_validated(gone_through: Path) -> None:
    evidence = msgspec.json.decode((gone_through / "release" / "evidence.json").read_bytes())
    assert evidence["verdict"] == "accepted"
    assert evidence["data"]["n"] == 76  # the page says so
    assert evidence["looks"] == 1
    assert any(one["code"] == "few-patients" for one in evidence["warned"])


def test_ranking_travels_to_the_other_hospital(gone_through: Path) -> None:
    here = msgspec.json.decode((gone_through / "release" / "evidence.json").read_bytes())
    there = msgspec.json.decode((gone_through / "budapest" / "evidence.json").read_bytes())
    assert there["kind"] == "external"
    assert there["measures"]["auroc"]["value"] > 0.8
    assert there["measures"]["calibration_intercept"]["high"] < 0  # the page says that risks are too high there
    assert there["recalibration"]["need"] == {"coronary disease": "level"}
    assert there["data"]["n"] == 293
    assert there["reference"]["auroc"] == here["measures"]["auroc"]
    assert there["data"]["n_events"] / there["data"]["n"] < here["data"]["n_events"] / here["data"]["n"]


def test_one_letter_changed_is_named(gone_through: Path, tmp_path: Path) -> None:
    changed = tmp_path / "release"
    shutil.copytree(gone_through / "release", changed)
    card = changed / "card.md"
    card.write_text(card.read_text().replace("a", "b", 1))
    done = _typed(f"bedside verify {changed} --key {gone_through / 'keys' / 'signing.pub'}", gone_through)
    assert done.returncode == 1
    assert "card.md" in done.stderr


def test_predictions_have_one_line_a_patient(gone_through: Path) -> None:
    lines = (gone_through / "predictions.csv").read_text().splitlines()
    assert lines[0] == "row,probability,abstained,reasons"
    assert len(lines) == 1 + 303
