"""The README's story on real data: Cleveland develops, Hungary validates."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def cleveland(data_dir: Path, tmp_path_factory: pytest.TempPathFactory, bedside) -> Path:
    """A study drafted from the Cleveland table and edited as the tutorial says, trained and validated."""
    folder = tmp_path_factory.mktemp("cleveland")
    done = bedside("init", data_dir / "records" / "uci_heart_cleveland.csv", "--dir", folder)
    assert done.returncode == 0, done.stderr
    study = folder / "study.toml"
    text = study.read_text()
    text = re.sub(
        r"\n\[outcome\]\n.*?(?=\n\[)",
        '\n[outcome]\ncolumn = "num"\npositive = ["1", "2", "3", "4"]\n',
        text,
        flags=re.S,
    )
    text = re.sub(r"(?m)^members = .*$", "members = 2", text)
    study.write_text(text + "\n[accept]\nauroc = { min = 0.75 }\nbrier = { max = 0.2 }\n")
    for words in (
        ["check", study],
        ["train", study, "--out", folder / "candidate"],
        ["validate", folder / "candidate"],
    ):
        done = bedside(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return folder


def test_evidence_of_the_candidate(cleveland: Path) -> None:
    evidence = json.loads((cleveland / "candidate" / "evidence.json").read_text())
    assert evidence["verdict"] == "accepted"
    assert 0.75 < evidence["measures"]["auroc"]["value"] < 1
    assert (
        evidence["measures"]["auroc"]["low"]
        < evidence["measures"]["auroc"]["value"]
        < evidence["measures"]["auroc"]["high"]
    )


def test_the_other_hospital(cleveland: Path, data_dir: Path, tmp_path: Path, bedside) -> None:
    done = bedside(
        "validate", cleveland / "candidate", "--data", data_dir / "records" / "uci_heart_hungarian.csv",
        "--out", tmp_path / "hungary", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    evidence = json.loads(done.stdout)
    assert evidence["data"]["n"] == 293  # 294 rows, one of them twice
    assert 0.75 < evidence["measures"]["auroc"]["value"] < 0.95  # about .88 in the literature
    unknown = {one["variable"]: one["share"] for one in evidence["data"]["missingness"]}
    assert unknown["ca"] > 0.95
    assert any("Mostly unknown" in text and "thal" in text for text in evidence["warnings"])
    assert (tmp_path / "hungary" / "report.html").exists()
    assert not list((cleveland / "candidate").glob("*hungar*"))


def test_an_inverted_label_is_said(cleveland: Path, data_dir: Path, tmp_path: Path, bedside) -> None:
    lines = (data_dir / "records" / "uci_heart_hungarian.csv").read_text().splitlines()
    flipped = [lines[0]] + [
        f"{line.rpartition(',')[0]},{1 - int(float(line.rpartition(',')[2]))}" for line in lines[1:]
    ]
    (tmp_path / "flipped.csv").write_text("\n".join(flipped) + "\n")
    done = bedside(
        "validate", cleveland / "candidate", "--data", tmp_path / "flipped.csv", "--out", tmp_path / "out", "--json"
    )
    assert done.returncode == 1, done.stderr  # its gates, asked again, fail
    evidence = json.loads(done.stdout)
    assert evidence["measures"]["auroc"]["high"] < 0.5
    assert "inverted-labels" in {one["code"] for one in evidence["warned"]}
