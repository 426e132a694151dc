"""Releases that were packed for browsers, their sites unpacked, and the browser itself."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ward as wards
from hospital import make_release
from packed_page import Packed, packed

from bedside.browser import runtime
from bedside.release import Parts, keygen, open_candidate, pack, sign


@pytest.fixture(scope="session")
def web_runtime() -> None:
    """Skips where there is nothing to pack."""
    if runtime.missing() is not None:
        pytest.skip("onnxruntime-web is not installed; scripts/onnxruntime-web fetches it")


@pytest.fixture(scope="session")
def ward_page(web_runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The small release of the hospital: numbers with units, categories, a value that grows stale."""
    folder = tmp_path_factory.mktemp("ward-page")
    return packed(folder, *make_release(folder, targets=("browser",)))


@pytest.fixture(scope="session")
def short_page(web_runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The same, whose last day is tomorrow."""
    folder = tmp_path_factory.mktemp("short-page")
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    return packed(folder, *make_release(folder, targets=("browser",), valid_until=tomorrow))


@pytest.fixture(scope="session")
def demo_page(web_runtime: None, demonstrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The demo's model, packed for browsers too, validated on its held-out patients and signed."""
    from bedside import validate

    folder = tmp_path_factory.mktemp("demo-page")
    trained = open_candidate(demonstrated / "demo" / "candidate")
    manifest = trained.manifest
    parts = Parts(
        graph=trained.files["model.onnx"],
        floor=trained.files["floor.onnx"],
        background=trained.background,
        development=trained.document("development.json"),
        manifest=manifest,
        targets=("browser",),
    )
    candidate = pack(parts, folder / "candidate")
    split = json.loads((demonstrated / "demo" / "candidate.local" / "split.json").read_text())
    (folder / "candidate.local").mkdir()
    for name in ("study.toml", "patients.csv"):  # validation notes its looks beside the study
        shutil.copy2(demonstrated / "demo" / name, folder / name)
    split |= {"candidate_digest": candidate.digest, "study": str(folder / "study.toml")}
    (folder / "candidate.local" / "split.json").write_text(json.dumps(split))
    validate(folder / "candidate")
    keygen(folder / "keys")
    sign(open_candidate(folder / "candidate"), folder / "keys" / "signing.key", folder / "release", "Grace Signer")
    return packed(folder, folder / "release", folder / "keys" / "signing.pub")


@pytest.fixture(scope="session")
def held_out(demonstrated: Path) -> list[dict[str, str]]:
    """Patients of the demo whom training never saw, as they stand in its table."""
    split = json.loads((demonstrated / "demo" / "candidate.local" / "split.json").read_text())
    with (demonstrated / "demo" / "patients.csv").open() as table:
        rows = list(csv.DictReader(table))
    schema = open_candidate(demonstrated / "demo" / "candidate").manifest.schema
    return [{name: rows[number - 1][name] for name in schema.names} for number in split["rows"]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with wards.chromium() as opened:
        yield opened
