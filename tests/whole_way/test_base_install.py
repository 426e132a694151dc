"""``pip install bedside`` alone: verifies, predicts and serves without any training library."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_MEGABYTES = 400
TRAINING_ONLY = ("torch", "sklearn", "scipy", "matplotlib", "polars", "pandas", "onnx", "optuna")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with nothing but the wheel and what it declares."""
    folder = tmp_path_factory.mktemp("base")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", str(ROOT), "--no-deps", "-w", str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [
            str(python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "-q",
            "install",
            "-c",
            str(ROOT / "constraints.txt"),
            str(wheel),
        ],
        check=True,
    )
    return python


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
