"""The base install, from an archive without a network: verifies, predicts and serves without any training library."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_MEGABYTES = 400
TRAINING_ONLY = ("torch", "sklearn", "scipy", "matplotlib", "polars", "pandas", "onnx", "optuna")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of ``scripts/bundle``."""
    folder = tmp_path_factory.mktemp("bundle")
    command = [str(ROOT / "scripts" / "bundle"), "--out", str(folder / "bedside.tar.gz")]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHON": sys.executable})
    subprocess.run(["tar", "xzf", str(folder / "bedside.tar.gz"), "-C", str(folder)], check=True)
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


def install(bundle: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """``install.sh`` with the package index switched off, and without any network where that can be had.

    The machine's pip is told of a folder with other wheels, as in many houses: it must not be asked.
    """
    alone = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        alone = []
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    of_pip = {"PIP_FIND_LINKS": "/nowhere/wheels", "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1"}
    environment = clean | of_pip | {"PYTHON": sys.executable}
    command = [*alone, str(bundle / "install.sh"), str(target)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def python(bundle: Path) -> Path:
    """The interpreter of a clean environment into which the archive was installed without a network."""
    target = bundle.parent / "opt" / "bedside"
    target.parent.mkdir()
    done = install(bundle, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"bedside {version('bedside')}\n"
    return target / "bin" / "python"


def run(python: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(python), *map(str, words)], capture_output=True, text=True, env=clean, cwd=python.parent, timeout=120
    )


def test_no_training_library_and_not_too_big(python: Path) -> None:
    for name in TRAINING_ONLY:
        assert "ModuleNotFoundError" in run(python, "-c", f"import {name}").stderr, name
    packages = python.parents[1] / "lib"
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file() and not path.is_symlink())
    assert size / 1e6 <= MOST_MEGABYTES


def test_it_verifies_predicts_and_explains(python: Path, demonstrated: Path, tmp_path: Path, bedside) -> None:
    demo = demonstrated / "demo"
    done = run(python, "-m", "bedside", "verify", demo / "release", "--key", demo / "keys" / "signing.pub")
    assert done.returncode == 0, done.stderr
    few = tmp_path / "few.csv"
    few.write_text("\n".join((demo / "patients.csv").read_text().splitlines()[:9]) + "\n")
    here = bedside("predict", demo / "release", few)
    there = run(python, "-m", "bedside", "predict", demo / "release", few)
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout
    explained = run(python, "-m", "bedside", "explain", demo / "release", few)
    assert explained.returncode == 0, explained.stderr
    assert len(explained.stdout.splitlines()) == 8


@pytest.mark.parametrize("words", [["train", "study.toml"], ["validate", "candidate"]])
def test_what_is_not_installed_is_said(python: Path, demonstrated: Path, words: list[str], tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    shutil.copytree(demonstrated / "demo", demo)
    done = run(python, "-m", "bedside", words[0], demo / words[1])
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def served(python: Path, demonstrated: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of a running server in the clean environment, and an API key for it."""
    demo, ledger = demonstrated / "demo", tmp_path / "ledger.db"
    added = run(python, "-m", "bedside", "user", "add", "emr", "--role", "service", "--ledger", ledger, "--json")
    assert added.returncode == 0, added.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "serve",
        demo / "release",
        "--key",
        demo / "keys" / "signing.pub",
        "--ledger",
        ledger,
        "--port",
        port,
        "--solo",
    ]
    server = subprocess.Popen(
        [str(python), "-m", "bedside", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(address, server)
        yield address, json.loads(added.stdout)["key"]
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=30)
        assert "Traceback" not in said, said
        assert server.returncode == 0, said


def _wait_until_ready(address: str, server: subprocess.Popen[str]) -> None:
    for _ in range(150):
        if server.poll() is not None:
            pytest.fail(f"the server ended: {server.stderr.read() if server.stderr else ''}")
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail("the server did not become ready")


def test_it_serves_a_signed_release(served: tuple[str, str], demonstrated: Path, bedside) -> None:
    address, key = served
    with (demonstrated / "demo" / "patients.csv").open() as file:
        row = next(csv.DictReader(file))
    patient, _ = row.pop("patient_id"), row.pop("diagnosis")
    body = {
        "patient": {"id": patient, "name": "Ada Example"},
        "values": {name: float(text) for name, text in row.items()},
    }
    request = urllib.request.Request(
        f"{address}/api/v1/releases/breast-fna/answers",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 201
        answer = json.load(reply)
    table = bedside("predict", demonstrated / "demo" / "release", demonstrated / "demo" / "patients.csv").stdout
    first = next(csv.DictReader(table.splitlines()))
    if answer["abstained"]:
        assert first["abstained"] == "true"
    else:
        assert answer["estimate"]["malignant"] == pytest.approx(float(first["probability"]), abs=1e-9)
        assert answer["explanation"]["method"] == "shap"
    assert answer["status"] == "preliminary"
    assert any("not approved for care" in text.lower() for text in answer["warnings"])


def test_the_archive_holds_what_a_server_needs(bundle: Path) -> None:
    names = {path.name for path in bundle.iterdir()}
    assert {"wheels", "install.sh", "ward", "bedside.service", "bedside.env", "INSTALL.md", "SHA256SUMS"} <= names
    wheels = {path.name.split("-")[0].lower(): path.name.split("-")[1] for path in (bundle / "wheels").iterdir()}
    assert not {"torch", "matplotlib", "scipy", "pytest"} & wheels.keys()
    locked = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line[:60])
    for name, locked_version in locked.items():
        assert wheels.get(name.lower().replace("-", "_").replace(".", "_"), locked_version) == locked_version
    assert {"onnxruntime", "duckdb", "uvicorn", "pg8000"} <= wheels.keys()


@pytest.mark.parametrize("change", ["altered", "added"])
def test_an_archive_that_was_tampered_with_is_not_installed(bundle: Path, tmp_path: Path, change: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    wheel = next((copy / "wheels").glob("bedside-*"))
    if change == "altered":
        wheel.write_bytes(wheel.read_bytes() + b" ")
    else:
        shutil.copy(wheel, copy / "wheels" / "bedside-99-py3-none-any.whl")
    done = install(copy, tmp_path / "target")
    assert done.returncode == 1
    assert "not those that were packed" in done.stderr
    assert not (tmp_path / "target").exists()


def test_another_python_is_refused(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho python2.7\n")
    other.chmod(0o755)
    done = subprocess.run(
        [str(bundle / "install.sh"), str(tmp_path / "target")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON": str(other)},
        check=False,
    )
    assert done.returncode == 2
    assert "these wheels are for python3" in done.stderr


def test_the_unit_is_one(bundle: Path, python: Path, tmp_path: Path) -> None:
    """Each option that ``serve`` gets is one that it has, and systemd itself finds nothing wrong."""
    unit = (bundle / "bedside.service").read_text()
    settings = dict(
        line.split("=", 1) for line in (bundle / "bedside.env").read_text().splitlines() if line and line[0] != "#"
    )
    (start,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    words = start.removeprefix("ExecStart=/opt/bedside/bin/bedside ").split() + settings["BEDSIDE_OPTIONS"].split()
    help_ = run(python, "-m", "bedside", words[0], "--help").stdout
    for option in (word.strip('"') for word in words):
        assert not option.startswith("--") or option in help_, option
    for name in re.findall(r"\$\{?(BEDSIDE_\w+)", unit):
        assert name in settings
    for hardening in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=bedside"):
        assert hardening in unit.splitlines()
    if shutil.which("systemd-analyze"):
        here = tmp_path / "bedside.service"
        here.write_text(unit.replace("/opt/bedside/bin/bedside", str(python.parent / "bedside")))
        done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)
        assert not [line for line in (done.stdout + done.stderr).splitlines() if "bedside.service" in line]
