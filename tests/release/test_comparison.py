"""A signature that does not hold is explained file by file."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from bedside.errors import SignatureInvalid
from bedside.release import Candidate, keygen, verify


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def release(signed: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed[0], tmp_path / "release"))


@pytest.fixture
def tampered(release: Path) -> dict[str, tuple[str, str | None, str | None]]:
    """What was done to the release: name → state, expected and found digest, by hand."""
    done: dict[str, tuple[str, str | None, str | None]] = {
        path.name: ("holds", digest(path), digest(path)) for path in release.iterdir() if path.name != "signature.json"
    }
    was = digest(release / "card.md")
    (release / "card.md").write_text("This model is always right.\n")
    done["card.md"] = ("changed", was, digest(release / "card.md"))
    (release / "extra").write_text("")
    done["extra"] = ("added", None, digest(release / "extra"))
    done["floor.onnx"] = ("removed", digest(release / "floor.onnx"), None)
    (release / "floor.onnx").unlink()
    return done


def by_file(error: SignatureInvalid) -> dict[str, tuple[str, str | None, str | None]]:
    return {one.name: (one.state, one.expected, one.found) for one in error.files}


def test_each_file_has_its_state_and_both_digests(
    release: Path, tampered: dict[str, object], signed: tuple[Path, Path]
) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        verify(release, signed[1])
    assert by_file(caught.value) == tampered
    assert (caught.value.listed_in, caught.value.vouched) == ("signature.json", True)
    assert [one.name for one in caught.value.files] == sorted(tampered)


def test_a_list_that_nobody_vouches_for_is_called_so(
    release: Path, tampered: dict[str, object], signed: tuple[Path, Path], tmp_path: Path
) -> None:
    """Another key; a signature that does not hold. The list is shown, and what it is worth."""
    _, other = keygen(tmp_path / "other")
    with pytest.raises(SignatureInvalid, match="another key") as caught:
        verify(release, other)
    assert (by_file(caught.value), caught.value.vouched) == (tampered, False)
    bundle = json.loads((release / "signature.json").read_bytes())
    seal = bundle["dsseEnvelope"]["signatures"][0]
    seal["sig"] = seal["sig"][:20] + ("A" if seal["sig"][20] != "A" else "B") + seal["sig"][21:]
    (release / "signature.json").write_text(json.dumps(bundle))
    with pytest.raises(SignatureInvalid, match="does not hold") as caught:
        verify(release, signed[1])
    assert (by_file(caught.value), caught.value.vouched) == (tampered, False)


def test_a_list_is_vouched_for_only_where_the_signature_was_checked(
    release: Path, tampered: dict[str, object], signed: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    import sys

    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.delitem(sys.modules, "model_signing", raising=False)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    with pytest.raises(SignatureInvalid, match=r"card\.md was changed") as caught:
        verify(release, signed[1])
    assert (by_file(caught.value), caught.value.vouched) == (tampered, False)


@pytest.mark.parametrize("signature", [None, "", "{}", '{"dsseEnvelope": 3}'])
def test_without_a_signature_the_manifests_list_is_used(
    signature: str | None, release: Path, tampered: dict[str, object], signed: tuple[Path, Path]
) -> None:
    (release / "signature.json").unlink()
    if signature is not None:
        (release / "signature.json").write_text(signature)
    with pytest.raises(SignatureInvalid) as caught:
        verify(release, signed[1])
    outside = {"manifest.json", "evidence.json", "report.html", "card.md", "signing.json"}
    assert by_file(caught.value) == {name: state for name, state in tampered.items() if name not in outside}
    assert (caught.value.listed_in, caught.value.vouched) == ("manifest.json", False)


def test_without_any_list_there_is_the_message_alone(release: Path, signed: tuple[Path, Path]) -> None:
    (release / "signature.json").unlink()
    (release / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(SignatureInvalid, match="not signed") as caught:
        verify(release, signed[1])
    assert (caught.value.files, caught.value.listed_in) == ((), "")


def test_on_the_terminal(release: Path, tampered: dict[str, tuple[str, str, str]], signed, bedside) -> None:
    (release / "\x1b[2J").write_text("")
    done = bedside("verify", release, "--key", signed[1])
    assert done.returncode == 1
    lines = {line.split()[1]: line for line in done.stdout.splitlines()[:-1]}
    assert lines.keys() == tampered.keys() | {r"'\x1b[2J'"}
    assert "\x1b" not in done.stdout
    for name, (state, expected, found) in tampered.items():
        assert lines[name].split()[0] == state
        for known in (expected, found):
            assert known is None or known[:12] in lines[name]
    assert "found nothing" in lines["floor.onnx"] and "expected nothing" in lines["extra"]
    assert "card.md was changed" in done.stderr
    (release / "signature.json").unlink()
    done = bedside("verify", release, "--key", signed[1])
    assert "No signature that holds vouches for that list" in done.stdout


def test_as_json(release: Path, tampered: dict[str, object], signed, bedside) -> None:
    done = bedside("verify", release, "--key", signed[1], "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["holds"], told["vouched"], told["listed_in"]) == (1, False, True, "signature.json")
    assert {one.pop("name"): tuple(one.values()) for one in told["by_file"]} == tampered
    assert "card.md was changed" in told["what"]
    done = bedside("verify", signed[0], "--key", signed[1], "--json")
    assert (done.returncode, json.loads(done.stdout)["holds"]) == (0, True)


def test_what_cannot_even_be_listed_is_one_object_too(candidate: Candidate, signed, bedside) -> None:
    (candidate.folder / "link").symlink_to("/etc/passwd")
    done = bedside("verify", candidate.folder, "--key", signed[1], "--json")
    assert (done.returncode, json.loads(done.stdout)["by_file"]) == (1, [])
    assert "`link` is a link" in done.stderr
