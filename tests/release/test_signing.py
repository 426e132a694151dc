from __future__ import annotations

import base64
import datetime as dt
import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bedside.errors import Conflict, DataError, GateFailed, NotFound, Refused, SignatureInvalid, UsageError
from bedside.release import Candidate, attach, keygen, open_candidate, open_release, pack, sign, verify

GATE = {"name": "auroc", "limit": "min 0.9", "value": 0.97, "passed": True}
NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def evidence(digest: str, **changes: object) -> bytes:
    content = {
        "release": {"name": "breast-fna", "version": "1.0.0", "digest": digest},
        "gates": [GATE],
        "verdict": "accepted",
        "targets": {"server-cpu": {"validated": True}},
    }
    return json.dumps(content | changes).encode()


def accepted(candidate: Candidate, **changes: object) -> Candidate:
    return attach(candidate, evidence(candidate.digest, **changes), "<html></html>", "# Card\n")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return keygen(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def signed_once(small: ModuleType, keys: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    return sign(accepted(pack(small.parts(), folder / "candidate")), keys[0], folder / "release", "Eve Signer", now=NOW)


@pytest.fixture
def release(signed_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed_once, tmp_path / "release"))


def test_signed_release_verifies_and_opens(
    small: ModuleType, candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    ready = accepted(candidate)
    before = {path.name: path.read_bytes() for path in candidate.folder.iterdir()}
    out = sign(ready, keys[0], tmp_path / "release", "Eve Signer", now=NOW)
    assert {path.name: path.read_bytes() for path in candidate.folder.iterdir()} == before
    verified = verify(out, keys[1])
    assert (verified.name, verified.version, verified.digest) == ("breast-fna", "1.0.0", candidate.digest)
    assert (verified.signed_by, verified.signed_at, verified.signer_is_trainer) == ("Eve Signer", NOW, False)
    opened = open_release(out, keys[1])
    values = small.patients(5)
    assert (opened.load().predict(values).columns == candidate.load().predict(values).columns).all()
    assert {path.name for path in out.iterdir()} == {*before, "signing.json", "signature.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidate", "release"]


def test_signature_is_one_that_the_reference_tool_accepts(
    release: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    from model_signing import hashing, verifying

    shutil.move(release / "signature.json", tmp_path / "signature.json")
    strict = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    config = verifying.Config().set_hashing_config(strict).use_elliptic_key_verifier(public_key=keys[1])
    config.verify(release, tmp_path / "signature.json")
    payload = json.loads(
        base64.b64decode(json.loads((tmp_path / "signature.json").read_bytes())["dsseEnvelope"]["payload"])
    )
    assert {r["name"] for r in payload["predicate"]["resources"]} == {path.name for path in release.iterdir()}
    assert payload["subject"][0]["name"] == "release"


def test_trainer_who_signs_is_recorded(candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path) -> None:
    out = sign(accepted(candidate), keys[0], tmp_path / "release", " ada  trainer")
    assert verify(out, keys[1]).signer_is_trainer
    assert json.loads((out / "signing.json").read_text())["trained_by"] == "Ada Trainer"


def test_trainer_who_signs_under_another_name_is_recorded_by_the_log_in(
    candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    out = sign(accepted(candidate), keys[0], tmp_path / "release", "Dr. A. Trainer", login="ada trainer")
    assert verify(out, keys[1]).signer_is_trainer


def test_every_changed_byte_is_named(release: Path, keys: tuple[Path, Path]) -> None:
    for path in sorted(release.iterdir()):
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        with pytest.raises(SignatureInvalid, match=path.name.replace(".", r"\.")):
            verify(release, keys[1])
        path.unlink()
        with pytest.raises(SignatureInvalid, match=path.name.replace(".", r"\.")):
            verify(release, keys[1])
        path.write_bytes(content)
    verify(release, keys[1])


@pytest.mark.parametrize(
    "name", ["extra.txt", ".gitignore", ".gitattributes", ".hidden", "model.pkl", "signature.json.bak"]
)
def test_added_file_is_named(release: Path, keys: tuple[Path, Path], name: str) -> None:
    (release / name).write_text("")
    with pytest.raises(SignatureInvalid, match=f"{name} was added after signing"):
        verify(release, keys[1])


@pytest.mark.parametrize("name", [".git", ".github", "empty"])
def test_added_folder_is_named(release: Path, keys: tuple[Path, Path], name: str) -> None:
    (release / name).mkdir()
    with pytest.raises(SignatureInvalid, match=f"`{name}` is a folder"):
        verify(release, keys[1])
    (release / name / "config").write_text("")
    with pytest.raises(SignatureInvalid, match=f"`{name}` is a folder"):
        verify(release, keys[1])


def test_file_replaced_by_a_link_to_the_same_bytes(release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.move(release / "card.md", tmp_path / "card.md")
    (release / "card.md").symlink_to(tmp_path / "card.md")
    with pytest.raises(SignatureInvalid, match=r"`card\.md` is a link"):
        verify(release, keys[1])


def test_another_key(release: Path, tmp_path: Path) -> None:
    _, other = keygen(tmp_path / "other")
    with pytest.raises(SignatureInvalid, match="another key"):
        verify(release, other)


def test_another_key_that_claims_to_be_this_one(release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    from model_signing import hashing, signing

    private, _ = keygen(tmp_path / "other")
    (release / "card.md").write_text("# a better card\n")
    path = release / "signature.json"
    hint = json.loads(path.read_text())["verificationMaterial"]["publicKey"]["hint"]
    path.unlink()
    strict = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    signing.Config().set_hashing_config(strict).use_elliptic_key_signer(private_key=private).sign(release, path)
    forged = json.loads(path.read_text())
    forged["verificationMaterial"]["publicKey"]["hint"] = hint
    path.write_text(json.dumps(forged))
    with pytest.raises(SignatureInvalid, match="does not hold: it was changed"):
        verify(release, keys[1])


def test_another_releases_signature(small: ModuleType, release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    other = accepted(pack(small.parts(version="2.0.0"), tmp_path / "other"))
    shutil.copy(sign(other, keys[0], tmp_path / "second", "Eve") / "signature.json", release / "signature.json")
    with pytest.raises(SignatureInvalid, match="another release's"):
        verify(release, keys[1])


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -200])
def test_truncated_signature(release: Path, keys: tuple[Path, Path], cut: int) -> None:
    path = release / "signature.json"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SignatureInvalid, match=r"signature\.json: cannot be read as a signature"):
        verify(release, keys[1])


def resign(release: Path, key: Path, **config: Any) -> None:
    from model_signing import hashing, signing

    path = release / "signature.json"
    path.unlink(missing_ok=True)
    chosen = hashing.Config().set_ignored_paths(
        paths=config.get("ignored", []), ignore_git_paths=config.get("git", False)
    )
    chosen.set_allow_symlinks(config.get("links", False))
    if "algorithm" in config:
        chosen.use_file_serialization(hashing_algorithm=config["algorithm"])
        chosen.set_ignored_paths(paths=[], ignore_git_paths=False)
    signing.Config().set_hashing_config(chosen).use_elliptic_key_signer(private_key=key).sign(release, path)


@pytest.mark.parametrize(
    "lax",
    [{"git": True}, {"ignored": ["card.md"]}, {"links": True}, {"algorithm": "blake2"}],
    ids=["git", "ignore", "links", "blake2"],
)
def test_lax_signatures_are_refused_though_the_key_is_right(
    release: Path, keys: tuple[Path, Path], lax: dict[str, Any]
) -> None:
    resign(release, keys[0], **lax)
    with pytest.raises(SignatureInvalid, match="does not cover every file"):
        verify(release, keys[1])


def test_signed_with_another_tool_but_not_by_sign(candidate: Candidate, keys: tuple[Path, Path]) -> None:
    resign(candidate.folder, keys[0])
    with pytest.raises(SignatureInvalid, match=r"without signing\.json"):
        verify(candidate.folder, keys[1])


def test_unsigned(candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SignatureInvalid, match="not signed"):
        verify(candidate.folder, keys[1])
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere", keys[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "refused"}, "verdict is 'refused'"),
        ({"verdict": "refused", "verdict_text": "No gates."}, "verdict is 'refused', not 'accepted': No gates."),
        ({"verdict": None}, "verdict is None"),
        ({"gates": []}, "no gate was judged"),
        ({"gates": None}, "no gate was judged"),
        (
            {"gates": [GATE, {"name": "brier", "limit": "max 0.1", "value": 0.3, "passed": False}]},
            r"1 of 2 gates failed: brier \(limit max 0\.1, value 0\.3\)",
        ),
        ({"gates": [GATE | {"passed": "true"}]}, "1 of 1 gates failed"),
    ],
)
def test_gates_that_do_not_hold(
    candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path, change: dict[str, object], words: str
) -> None:
    ready = accepted(candidate, **change)
    with pytest.raises(GateFailed, match=words):
        sign(ready, keys[0], tmp_path / "release", "Eve")
    assert not (tmp_path / "release").exists()


def test_failed_gates_are_listed(candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path) -> None:
    ready = accepted(candidate, gates=[GATE | {"passed": False}], verdict="refused")
    with pytest.raises(GateFailed) as caught:
        sign(ready, keys[0], tmp_path / "release", "Eve")
    assert caught.value.failed == ("auroc (limit min 0.9, value 0.97)",)


def test_evidence_missing_or_of_other_bytes(candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="no evidence"):
        sign(candidate, keys[0], tmp_path / "release", "Eve")
    (candidate.folder / "evidence.json").write_bytes(evidence("0" * 64))
    with pytest.raises(GateFailed, match="belongs to other bytes"):
        sign(candidate, keys[0], tmp_path / "release", "Eve")
    (candidate.folder / "evidence.json").write_bytes(b"{}")
    with pytest.raises(GateFailed, match="quotes no digest"):
        sign(candidate, keys[0], tmp_path / "release", "Eve")
    (candidate.folder / "evidence.json").write_bytes(b"[")
    with pytest.raises(DataError, match=r"evidence\.json"):
        sign(candidate, keys[0], tmp_path / "release", "Eve")


def test_candidate_changed_after_validation(candidate: Candidate, keys: tuple[Path, Path], tmp_path: Path) -> None:
    ready = accepted(candidate)
    path = candidate.folder / "manifest.json"
    path.write_text(path.read_text().replace('"threshold": 0.2', '"threshold": 0.9'))
    with pytest.raises(GateFailed, match="belongs to other bytes"):
        sign(ready, keys[0], tmp_path / "release", "Eve")
    (candidate.folder / "model.onnx").write_bytes(b"")
    with pytest.raises(Refused, match=r"model\.onnx"):
        sign(ready, keys[0], tmp_path / "release", "Eve")


def test_out_is_never_overwritten(candidate: Candidate, release: Path, keys: tuple[Path, Path]) -> None:
    with pytest.raises(Conflict, match="already"):
        sign(accepted(candidate), keys[0], release, "Eve")
    with pytest.raises(Conflict, match="signed already"):
        sign(open_candidate(release), keys[0], release.parent / "again", "Eve")


def test_attach_refuses(candidate: Candidate, release: Path) -> None:
    with pytest.raises(Refused, match="not about"):
        attach(candidate, evidence("0" * 64), "", "")
    with pytest.raises(DataError, match="not JSON"):
        attach(candidate, b"{", "", "")
    assert not (candidate.folder / "evidence.json").exists()
    opened = open_candidate(release)
    with pytest.raises(Conflict, match="signed"):
        attach(opened, evidence(opened.digest), "", "")
    (candidate.folder / "manifest.json").write_text(
        (candidate.folder / "manifest.json").read_text().replace("1.0.0", "1.0.1")
    )
    with pytest.raises(Refused, match="changed while"):
        attach(candidate, evidence(candidate.digest), "", "")


def test_attached_evidence_leaves_the_digest(candidate: Candidate) -> None:
    ready = accepted(candidate)
    assert ready.digest == candidate.digest
    assert ready.document("evidence.json")["verdict"] == "accepted"
    assert ready.files["report.html"] == b"<html></html>"


def test_keys(tmp_path: Path) -> None:
    private, public = keygen(tmp_path / "k")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    with pytest.raises(Conflict, match="never overwritten"):
        keygen(tmp_path / "k")
    private.unlink()
    with pytest.raises(Conflict, match=r"signing\.pub"):
        keygen(tmp_path / "k")
    assert b"PRIVATE" in before and b"PUBLIC" in public.read_bytes()


def test_wrong_key_files(candidate: Candidate, release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    ready = accepted(candidate)
    with pytest.raises(UsageError, match=r"Give signing\.key"):
        sign(ready, keys[1], tmp_path / "out", "Eve")
    with pytest.raises(UsageError, match=r"Give signing\.pub"):
        verify(release, keys[0])
    for content in (b"", b"nonsense"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(UsageError, match="no public key"):
            verify(release, tmp_path / "bad")
    with pytest.raises(UsageError, match="cannot be read"):
        verify(release, tmp_path / "none")
    assert not (tmp_path / "out").exists()


def test_key_of_another_kind_is_refused(candidate: Candidate, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key").write_bytes(pem)
    with pytest.raises(UsageError, match="elliptic curve"):
        sign(accepted(candidate), tmp_path / "key", tmp_path / "out", "Eve")


def zipped(
    folder: Path, out: Path, prefix: str = "", extra: Callable[[zipfile.ZipFile], object] = lambda _: None
) -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if prefix:
            archive.mkdir(prefix.rstrip("/"))
        for path in folder.iterdir():
            archive.write(path, prefix + path.name)
        extra(archive)
    return out


@pytest.mark.parametrize("prefix", ["", "breast-fna/"])
def test_zip_release(release: Path, keys: tuple[Path, Path], tmp_path: Path, prefix: str) -> None:
    path = zipped(release, tmp_path / "release.zip", prefix)
    assert verify(path, keys[1]) == verify(release, keys[1])
    assert open_release(path, keys[1]).load().predict.__name__ == "predict"


def test_a_zip_that_is_refused_is_no_release(release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """Which ones are: tests/release/test_archive.py."""
    for name, words in (("../evil", "not a file of one flat folder"), ("extra", "extra was added")):
        with pytest.raises(SignatureInvalid, match=words):
            verify(zipped(release, tmp_path / "r.zip", extra=lambda a, name=name: a.writestr(name, "x")), keys[1])


def test_a_signature_is_checked_in_a_process_of_its_own_with_the_same_result(
    signed: tuple[Path, Path], tmp_path: Path
) -> None:
    """A server verifies once; what the library needs for it must not stay in its memory."""
    import shutil
    import subprocess
    import sys

    release, key = signed
    shutil.copytree(release, tmp_path / "changed")
    (tmp_path / "changed" / "card.md").write_text("Better than it is.")
    program = (
        "import sys\nfrom pathlib import Path\nfrom bedside.release import verify\n"
        "for path in sys.argv[2:]:\n"
        "    try:\n        verify(Path(path), Path(sys.argv[1]))\n        print('holds')\n"
        "    except Exception as error:\n        print(type(error).__name__, error)\n"
        "print('model_signing' in sys.modules)\n"
    )
    words = [sys.executable, "-c", program, str(key), str(release), str(tmp_path / "changed")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    first, second, loaded = done.stdout.splitlines()
    assert (first, loaded) == ("holds", "False")
    assert second.startswith("SignatureInvalid") and "card.md was changed" in second


def test_nothing_but_one_word_passes_for_a_signature_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from bedside.release import signature_check

    monkeypatch.delitem(sys.modules, "model_signing", raising=False)
    stand_in = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(stand_in))
    assert "could not be checked" in signature_check.check(tmp_path, tmp_path, tmp_path)
    for script in ("exit 0", "echo holds", 'echo \'{"verdict": "holds"}\'; exit 1', "echo '[]'", "kill -9 $$"):
        stand_in.write_text(f"#!/bin/sh\n{script}\n")
        stand_in.chmod(0o755)
        assert "could not be checked" in signature_check.check(tmp_path, tmp_path, tmp_path), script
