"""The demo goes the whole way, and what it leaves is what it says."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from bedside.cli.study import HeldOut


def test_it_ends_with_a_release_that_verifies(demonstrated: Path, bedside) -> None:
    shown = json.loads((demonstrated / "demo.json").read_text())
    done = bedside("verify", shown["release"], "--key", demonstrated / "demo" / "keys" / "signing.pub", "--json")
    assert done.returncode == 0, done.stderr
    evidence = json.loads((Path(shown["release"]) / "evidence.json").read_text())
    assert json.loads(done.stdout)["digest"] == evidence["release"]["digest"]
    assert evidence["verdict"] == "accepted"
    assert evidence["looks"] == 1


def test_it_says_where_things_are_and_the_password(demonstrated: Path) -> None:
    log = (demonstrated / "demo.log").read_text()
    shown = json.loads((demonstrated / "demo.json").read_text())
    for path in (shown["study"], shown["release"], shown["report"]):
        assert Path(path).exists()
        assert path in log
    assert "one-time password" in log


def test_twenty_held_out_patients_wait(demonstrated: Path) -> None:
    with sqlite3.connect(demonstrated / "demo" / "ledger.db") as ledger:
        waiting = ledger.execute("select count(*) from answers where status = 'preliminary'").fetchone()[0]
    assert waiting == 20


def test_held_out_patients_were_not_used_for_fitting(demonstrated: Path) -> None:
    import msgspec

    local = demonstrated / "demo" / "candidate.local" / "split.json"
    held_out = msgspec.json.decode(local.read_bytes(), type=HeldOut)
    evidence = json.loads((demonstrated / "demo" / "candidate" / "evidence.json").read_text())
    development = json.loads((demonstrated / "demo" / "candidate" / "development.json").read_text())
    assert len(held_out.rows) == evidence["data"]["n"]
    assert len(held_out.rows) + development["patients"] == 569


def test_figures_per_site_and_class_stay_at_home(demonstrated: Path) -> None:
    demo = demonstrated / "demo"
    travelling = json.loads((demo / "release" / "development.json").read_text())["data_check"]
    assert set(travelling) == {"findings", "attrition", "sample_size"}
    assert {"missingness", "sites"} <= set(json.loads((demo / "candidate.local" / "data_check.json").read_text()))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, bedside) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    done = bedside("demo", "--dir", tmp_path, "--no-serve")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_hint_can_be_typed_where_the_shell_does_not_find_bedside(monkeypatch: pytest.MonkeyPatch) -> None:
    from bedside.demonstration import program

    monkeypatch.setenv("PATH", "")
    asked = subprocess.run([*program().split(" "), "--version"], capture_output=True, text=True, check=True)
    assert asked.stdout.startswith("bedside")
