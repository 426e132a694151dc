"""The same fit gives the same bytes, wherever and by whomever it is packed; and its bill of materials is complete.

Each candidate is trained or adopted in a process of its own: in another folder, with another home, time zone, locale,
host name, seed of Python's hashes, mask of modes. One process can import nothing that the bill of materials does not
list as having built it; another one serves with nothing but what it lists as needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import elsewhere
import pytest

BUILT_BESIDE = '[training]\nmembers = 2\n\n[targets]\nnames = ["server-cpu-int8"]\n'

PROGRAM = """
import importlib.machinery, importlib.metadata, json, os, platform, socket, sys
allowed, host, *words = sys.argv[1:]
socket.gethostname = platform.node = lambda: host
os.umask(0o077 if host == "elsewhere" else 0o022)
if allowed:
    listed = {name.lower().replace("_", "-").replace(".", "-") for name in json.loads(allowed)}
    brought = importlib.metadata.packages_distributions()

    class Listed(importlib.machinery.PathFinder):
        "Finds nothing of a package that is not listed, as if it were not installed."

        @classmethod
        def find_spec(cls, name, path=None, target=None):
            by = {one.lower().replace("_", "-").replace(".", "-") for one in brought.get(name.partition(".")[0], ())}
            return None if by and not by & listed else super().find_spec(name, path, target)

    sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Listed
from bedside.cli import run
sys.exit(run(words))
"""


def run(*words: str | Path, cwd: Path, listed: list[str] | None = None, host: str = "here", **environment: str) -> Any:
    allowed = "" if listed is None else json.dumps(listed)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, allowed, host, *map(os.fsencode, map(str, words)), "--json"],
        capture_output=True,
        cwd=cwd,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def study(folder: Path, further: str = elsewhere.SEX + BUILT_BESIDE) -> Path:
    folder.mkdir(parents=True)
    elsewhere.write_patients(folder, rows=240)
    text = elsewhere.STUDY.replace('"Invented patients"', '"Invented patients: Müller, 张"')
    (folder / "study.toml").write_text(text + further, encoding="utf-8")
    return folder / "study.toml"


def other(tmp: Path) -> dict[str, str]:
    """Everything of a process that should leave no trace."""
    for name in ("home", "temporary"):
        (tmp / name).mkdir()
    return {
        "HOME": str(tmp / "home"), "TMPDIR": str(tmp / "temporary"), "PYTHONHASHSEED": "77", "TZ": "XXX-13:45",
        "LC_ALL": "C", "LANG": "C", "HOSTNAME": "elsewhere", "COLUMNS": "40", "SOURCE_DATE_EPOCH": "1",
    }  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def building(folder: Path) -> list[str]:
    sbom = json.loads((folder / "sbom.cdx.json").read_bytes())
    return [one["name"] for one in sbom["formulation"][0]["components"]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(tmp_path_factory.mktemp("here") / "a").parent
    run("train", "study.toml", "--out", "candidate", cwd=folder, PYTHONHASHSEED="1", TZ="UTC")
    assert (folder / "candidate" / "model.int8.onnx").exists()
    return folder / "candidate"


def test_training_elsewhere_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    path = study(tmp_path / "b" / "münster 1" / "deep")
    out = tmp_path / "out" / "another name"
    told = run("train", path, "--out", out, cwd=Path("/"), host="elsewhere", **other(tmp_path))
    assert content(out) == content(trained)
    assert told["digest"] in (trained / "card.md").read_text()


def test_nothing_but_what_the_bill_of_materials_lists_built_it(trained: Path, tmp_path: Path) -> None:
    """By another person, too: that stands in the manifest, and nowhere else."""
    path, out = study(tmp_path / "c"), tmp_path / "candidate"
    run("train", path, "--out", out, cwd=tmp_path, listed=building(trained), LOGNAME="another")
    ours, theirs = content(trained), content(out)
    manifests = [json.loads(files.pop("manifest.json")) for files in (ours, theirs)]
    assert manifests[1].pop("trained_by") == "another" != manifests[0].pop("trained_by")
    assert manifests[0] == manifests[1]
    assert {name for name in ours if ours[name] != theirs[name]} == {"card.md"}


def test_adopting_elsewhere_gives_the_same_bytes(tmp_path: Path) -> None:
    import numpy as np

    here, there = study(tmp_path / "here", ""), study(tmp_path / "there" / "münster", "")
    weights = np.stack([np.zeros(3), elsewhere.WEIGHTS], axis=1)
    for path in (here, there):
        (path.parent / "model.onnx").write_bytes(elsewhere.linear(weights, [0, elsewhere.INTERCEPT]))
    run("adopt", "model.onnx", "study.toml", "--recalibrate", cwd=here.parent, PYTHONHASHSEED="1")
    away = other(tmp_path)
    words = ("adopt", there.parent / "model.onnx", there, "--recalibrate")
    run(*words, cwd=Path("/"), host="elsewhere", listed=building(here.parent / "candidate"), **away)
    assert content(here.parent / "candidate") == content(there.parent / "candidate")


def test_what_it_needs_to_run_is_listed(trained: Path, tmp_path: Path) -> None:
    """Where every other package is hidden it predicts and explains, through each target."""
    sbom = json.loads((trained / "sbom.cdx.json").read_bytes())
    listed = [one["name"] for one in sbom["components"] if one["scope"] == "required"]
    table = trained.parent / "patients.csv"
    for target in ("server-cpu", "server-cpu-int8"):
        words = ("predict", trained, table, "--target", target, "--out", tmp_path / f"{target}.csv")
        assert run(*words, cwd=tmp_path, listed=listed)["rows"] == 240
    without = [name for name in listed if name != "onnxruntime"]
    with pytest.raises(AssertionError, match="No module named 'onnxruntime'"):
        run("predict", trained, table, "--out", tmp_path / "none.csv", cwd=tmp_path, listed=without)
