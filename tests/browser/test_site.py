"""What is packed and what the zip for a file server holds; made without a browser."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed_page import Packed

from bedside import page
from bedside.browser import runtime, write_site
from bedside.browser.install import install
from bedside.browser.node import missing as node_missing
from bedside.browser.target import TARGET
from bedside.errors import DataError, Refused, SignatureInvalid, UsageError
from bedside.release import Material, footprint, keygen, open_candidate
from bedside.release.keys import fingerprint, read_public_key

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/bedside/browser/page"
TODAY = dt.date(2026, 1, 1)


def test_the_site_holds_the_page_and_every_signed_file(ward_page: Packed, tmp_path: Path) -> None:
    with zipfile.ZipFile(ward_page.release / "browser.zip") as packed, zipfile.ZipFile(ward_page.zip) as site:
        names = site.namelist()
        for file in ward_page.release.iterdir():
            assert site.read(f"release/{file.name}") == file.read_bytes()
        for name in packed.namelist():
            if name.startswith("page/"):
                assert site.read(name.removeprefix("page/")) == packed.read(name)
        listed = json.loads(site.read("site.js").removeprefix(b"self.SITE = ").removesuffix(b";\n"))["files"]
        assert listed == {name: hashlib.sha256(site.read(name)).hexdigest() for name in names if name != "site.js"}
        assert packed.read("model.onnx") == (ward_page.release / "model.onnx").read_bytes()
        assert hashlib.sha256(site.read("signing.pub")).hexdigest() == fingerprint(read_public_key(ward_page.key))
        assert b"MIT License" in site.read("licences/onnxruntime-web.txt")
        assert site.read("licences/bedside.txt") == (ROOT / "LICENSE").read_bytes()
    again = write_site(ward_page.release, ward_page.key, tmp_path / "again.zip", today=TODAY)
    assert (tmp_path / "again.zip").read_bytes() == ward_page.zip.read_bytes()
    assert again.size < 6_000_000


def test_the_bill_of_materials_names_the_runtime_that_travels_along(ward_page: Packed) -> None:
    sbom = json.loads((ward_page.release / "sbom.cdx.json").read_text())
    purl = f"pkg:npm/onnxruntime-web@{runtime.VERSION}"
    needed = next(one for one in sbom["dependencies"] if one["ref"] == "file:browser.zip")
    assert needed["dependsOn"] == [purl]
    library = next(one for one in sbom["components"] if one["bom-ref"] == purl)
    assert library == {
        "type": "library", "bom-ref": purl, "name": "onnxruntime-web", "version": runtime.VERSION, "purl": purl,
        "licenses": [{"expression": "MIT"}], "scope": "optional",
    }  # fmt: skip


def test_packing_twice_gives_the_same_bytes(ward_page: Packed) -> None:
    candidate = open_candidate(ward_page.release)
    material = Material(candidate.files["model.onnx"], candidate.manifest)
    assert TARGET.make(material) == candidate.files["browser.zip"]


def test_only_a_release_that_holds_becomes_a_page(ward_page: Packed, signed: Any, tmp_path: Path) -> None:
    shutil.copytree(ward_page.release, tmp_path / "changed")
    (tmp_path / "changed" / "card.md").write_text("another")
    keygen(tmp_path / "other")
    for release, key, error, said in (
        (tmp_path / "changed", ward_page.key, SignatureInvalid, "card.md"),
        (ward_page.release, tmp_path / "other" / "signing.pub", SignatureInvalid, "another key"),
        (signed[0], signed[1], UsageError, "not packed for the target browser"),
    ):
        with pytest.raises(error, match=said):
            page(release, key=key, out=tmp_path / "site.zip")
        assert not (tmp_path / "site.zip").exists()
    with pytest.raises(UsageError, match="no place for a file"):
        page(ward_page.release, key=ward_page.key, out=tmp_path / "absent" / "site.zip")


def test_an_expired_release_becomes_no_page(short_page: Packed, tmp_path: Path) -> None:
    last = open_candidate(short_page.release).manifest.valid_until
    assert last is not None
    write_site(short_page.release, short_page.key, tmp_path / "site.zip", today=last)
    with pytest.raises(Refused, match=f"valid until {last}"):
        write_site(short_page.release, short_page.key, tmp_path / "late.zip", today=last + dt.timedelta(days=1))
    assert not (tmp_path / "late.zip").exists()


@pytest.fixture(scope="module")
def model(ward_page: Packed) -> Any:
    if node_missing() is not None:
        pytest.skip("Node.js is not installed")
    return open_candidate(ward_page.release).load("browser")


def test_validation_runs_the_pages_own_bytes(model: Any, ward_page: Packed) -> None:
    rows = np.random.default_rng(1).normal(20, 9, (5000, 10))
    rows[rows < 5] = np.nan
    reference = open_candidate(ward_page.release).load("server-cpu")
    ours, theirs = model.predict(rows), reference.predict(rows)
    assert np.abs(ours.columns - theirs.columns).max() <= 1e-5
    assert np.allclose(ours.distance, theirs.distance, rtol=1e-5)
    assert np.abs(ours.spread - theirs.spread).max() <= 1e-6
    assert ours.columns.shape == (5000, 2)
    assert model.predict(rows[:0]).columns.shape == (0, 2)


def test_what_validation_says_it_costs_is_that_of_its_engine(model: Any, ward_page: Packed) -> None:
    cost = footprint(open_candidate(ward_page.release), "browser")
    assert cost is not None
    assert cost.version == runtime.VERSION
    assert cost.memory is not None
    assert 50e6 < cost.memory < 1e9, "WebAssembly and Node.js, which runs beside this process"


def test_another_page_than_the_packed_one_is_not_validated(model: Any, ward_page: Packed) -> None:
    """A script of the zip decides what validation sees: it is that script that runs."""
    with zipfile.ZipFile(ward_page.release / "browser.zip") as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    files["page/model.js"] = files["page/model.js"].replace(
        b"return pieces[0]", b"return pieces[0].map(one => one / 2)", 1
    )
    files["page/model.js"] = files["page/model.js"].replace(b"pieces.length === 1", b"true", 1)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    rows = np.full((3, 10), 20.0)
    halved = TARGET.load(out.getvalue(), variables=10, classes=2, where="browser.zip")(rows)
    assert np.allclose(halved.columns * 2, model.predict(rows).columns)


def test_what_is_no_page_is_refused(web_runtime: None, ward_page: Packed) -> None:
    with pytest.raises(DataError, match=r"browser\.zip: is no page"):
        TARGET.load(b"no zip", variables=10, classes=2, where="browser.zip")
    with pytest.raises(DataError, match="lacks"):
        TARGET.load(ward_page.zip.read_bytes(), variables=10, classes=2, where="browser.zip")


def test_the_model_of_the_page_must_have_the_releases_width(model: Any, ward_page: Packed) -> None:
    content = (ward_page.release / "browser.zip").read_bytes()
    with pytest.raises(DataError, match="dimensions"):
        TARGET.load(content, variables=11, classes=2, where="browser.zip")
    with pytest.raises(DataError, match="other inputs or outputs"):
        TARGET.load(content, variables=10, classes=3, where="browser.zip")


def test_only_the_declared_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_ONNXRUNTIME_WEB", str(tmp_path / "runtime"))
    assert "scripts/onnxruntime-web" in str(runtime.missing())
    assert TARGET.missing_to_make() is not None
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as archive:
        archive.add(ROOT / "LICENSE", "package/dist/ort.wasm.bundle.min.mjs")
    with pytest.raises(DataError, match=r"is not onnxruntime-web 1\.30\.0 as npm has it"):
        install(tmp_path / "other.tgz")
    with pytest.raises(UsageError, match="No such file"):
        install(tmp_path / "absent.tgz")
    assert not (tmp_path / "runtime").exists()
    (tmp_path / "runtime").mkdir()
    for name in runtime.TAKEN:
        (tmp_path / "runtime" / name).write_bytes(b"changed")
    with pytest.raises(DataError, match=r"is not that of onnxruntime-web 1\.30\.0"):
        runtime.runtime_files()


def _said() -> set[str]:
    scripts = [file.read_text() for file in PAGE.glob("*.js")]
    pattern = re.compile(r'\b(?:t|say|Refusal)\(\s*"((?:[^"\\]|\\.)*)"')
    return {text for script in scripts for text in pattern.findall(script)}


def test_every_sentence_of_the_page_is_there_in_chinese() -> None:
    told = dict(re.findall(r'^  "((?:[^"\\]|\\.)*)":\s+"((?:[^"\\]|\\.)*)",$', (PAGE / "chinese.js").read_text(), re.M))
    assert told.keys() == _said()
    for english, chinese in told.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese)), english


def test_every_text_of_the_page_goes_through_the_catalogue() -> None:
    """No English stands between tags: what `element` is given is either marked or no sentence."""
    for file in PAGE.glob("*.js"):
        for text in re.findall(r'(?<![(\w])"([A-Z][^"]* [^"]*)"', file.read_text()):
            assert text in _said() or file.name in {"chinese.js", "signature.js"}, (file.name, text)


def test_the_page_asks_nobody_else_and_runs_no_text() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', (PAGE / "index.html").read_text())
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.group(1).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert {rules[name] for name in ("style-src", "connect-src", "img-src", "worker-src", "manifest-src")} == {"'self'"}
    for file in PAGE.iterdir():
        if file.suffix in {".js", ".css", ".html"}:
            assert not re.search(r"innerHTML|\beval\(|localStorage|sessionStorage|indexedDB|cookie", file.read_text())
            # Names of formats look like addresses, and the colours have a source; nothing else may.
            addresses = re.findall(r"^[^/*]*\bhttps?://([\w.-]+)", file.read_text(), re.M)
            assert set(addresses) <= {"www.w3.org", "in-toto.io", "model_signing", "jfly.uni-koeln.de"}, file.name
