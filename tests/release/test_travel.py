"""A release on its way: one file, the same bytes each time, taken in whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bedside.errors import Conflict, NotFound, Refused, SignatureInvalid, UsageError
from bedside.release import Candidate, keygen, open_release, receive, send
from bedside.release.folder import read_files, staging

Signed = tuple[Path, Path]


@pytest.fixture
def sent(signed: Signed, tmp_path: Path) -> Path:
    return Path(send(signed[0], tmp_path / "r.zip").file)


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_arrives_is_what_was_sent(signed: Signed, tmp_path: Path) -> None:
    told = send(signed[0], tmp_path / "r.zip")
    assert told.signed and told.size == (tmp_path / "r.zip").stat().st_size
    assert told.sha256 == hashlib.sha256((tmp_path / "r.zip").read_bytes()).hexdigest()
    received = receive(tmp_path / "r.zip", signed[1], tmp_path / "there" / "release")
    assert read_files(tmp_path / "there" / "release") == read_files(signed[0]) == read_files(tmp_path / "r.zip")
    assert (received.signed, received.digest) == (True, told.digest)
    assert received.signed_by == open_release(tmp_path / "r.zip", signed[1]).verified.signed_by
    assert left(tmp_path / "there") == ["release", *(f"release/{name}" for name in sorted(read_files(signed[0])))]


def test_the_same_release_is_the_same_file_wherever_it_is_sent_from(signed: Signed, tmp_path: Path) -> None:
    send(signed[0], tmp_path / "one.zip")
    other = Path(shutil.copytree(signed[0], tmp_path / "elsewhere" / "under another name"))
    for path in other.iterdir():
        path.chmod(0o700)
        os.utime(path, (1, 1))
    send(other, tmp_path / "two.zip")
    receive(tmp_path / "two.zip", signed[1], tmp_path / "received")
    send(tmp_path / "received", tmp_path / "three.zip")
    send(tmp_path / "three.zip", tmp_path / "four.zip")
    assert len({(tmp_path / f"{name}.zip").read_bytes() for name in ("one", "two", "three", "four")}) == 1


def test_default_names(signed: Signed, candidate: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert send(signed[0]).file == "breast-fna-1.0.0.zip"
    assert send(candidate.folder).file == "breast-fna-1.0.0.candidate.zip"
    assert receive(Path("breast-fna-1.0.0.zip"), signed[1]).folder == "breast-fna-1.0.0"
    Path("r.bin").write_bytes(Path("breast-fna-1.0.0.zip").read_bytes())
    with pytest.raises(UsageError, match=r"does not end in \.zip"):
        receive(Path("r.bin"), signed[1])


def test_a_candidate_travels_and_is_called_unsigned(candidate: Candidate, signed: Signed, tmp_path: Path) -> None:
    assert not send(candidate.folder, tmp_path / "c.zip").signed
    received = receive(tmp_path / "c.zip", None, tmp_path / "got")
    assert (received.signed, received.signed_by, received.digest) == (False, None, candidate.digest)
    assert read_files(tmp_path / "got") == dict(candidate.files)
    with pytest.raises(SignatureInvalid, match="is not signed"):
        receive(tmp_path / "c.zip", signed[1], tmp_path / "again")
    assert not (tmp_path / "again").exists()


def repacked(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_release_is_not_taken_for_a_candidate(signed: Signed, sent: Path, tmp_path: Path) -> None:
    """Whoever takes the signature out gets no further than whoever changes a file."""
    with pytest.raises(UsageError, match="is signed"):
        receive(sent, None, tmp_path / "got")
    files = read_files(sent)
    del files["signature.json"]
    stripped = repacked(tmp_path / "stripped.zip", files)
    with pytest.raises(Refused, match="signature was taken out"):
        receive(stripped, None, tmp_path / "got")
    with pytest.raises(SignatureInvalid, match="is not signed"):
        receive(stripped, signed[1], tmp_path / "got")
    assert left(tmp_path) == ["r.zip", "stripped.zip"]


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "signature.json", "extra", "manifest.json"])
def test_what_does_not_hold_is_not_unpacked(name: str, signed: Signed, sent: Path, tmp_path: Path) -> None:
    files = read_files(sent)
    files[name] = files.get(name, b"") + b" "
    bad = repacked(tmp_path / "bad.zip", files)
    if name == "signature.json":  # a space after it changes nothing that is signed
        files[name] = files[name].replace(b"a", b"b")
        repacked(bad, files)
    with pytest.raises(SignatureInvalid, match=name.replace(".", r"\.")):
        receive(bad, signed[1], tmp_path / "new" / "got")
    assert left(tmp_path) == ["bad.zip", "r.zip"]


def test_another_key_is_not_enough(sent: Path, tmp_path: Path) -> None:
    _, other = keygen(tmp_path / "other")
    with pytest.raises(SignatureInvalid, match="another key"):
        receive(sent, other, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_zips_that_lie_are_refused_before_their_signature_is_looked_at(
    signed: Signed, sent: Path, tmp_path: Path
) -> None:
    """Which ones are: test_archive. Here: as an attacker would, around a release whose signature holds."""
    for name in ("../evil", "/tmp/evil", "CARD.MD"):
        bad = tmp_path / "bad.zip"
        shutil.copy(sent, bad)
        with zipfile.ZipFile(bad, "a") as archive:
            archive.writestr(name, "x")
        with pytest.raises(Refused):
            receive(bad, signed[1], tmp_path / "in" / "got")
    bad.write_bytes(b"#!/bin/sh\n" + sent.read_bytes())
    with pytest.raises(Refused, match="before its beginning"):
        receive(bad, signed[1], tmp_path / "in" / "got")
    assert left(tmp_path) == ["bad.zip", "r.zip"]
    assert not (tmp_path.parent / "evil").exists()


def test_what_is_there_is_not_overwritten(signed: Signed, sent: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = left(tmp_path)
    for name in ("full", "file", "link"):
        with pytest.raises(Conflict, match="already"):
            receive(sent, signed[1], tmp_path / name)
        with pytest.raises(Conflict, match="already"):
            send(signed[0], tmp_path / name)
    assert left(tmp_path) == before
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    receive(sent, signed[1], tmp_path / "empty")
    assert read_files(tmp_path / "empty") == read_files(sent)


def test_bad_paths(signed: Signed, sent: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        receive(tmp_path / "none.zip", signed[1], tmp_path / "got")
    with pytest.raises(UsageError, match="is a folder"):
        receive(signed[0], signed[1], tmp_path / "got")
    with pytest.raises(UsageError, match="cannot be read"):
        receive(sent, tmp_path / "none.pub", tmp_path / "got")
    with pytest.raises(UsageError, match="cannot be written"):
        receive(sent, signed[1], sent / "got")
    with pytest.raises(UsageError, match="would change it"):
        send(signed[0], signed[0] / "r.zip")
    with pytest.raises(NotFound):
        send(tmp_path / "none", tmp_path / "out.zip")


def test_what_would_be_refused_there_is_not_sent(signed: Signed, candidate: Candidate, tmp_path: Path) -> None:
    release = Path(shutil.copytree(signed[0], tmp_path / "release"))
    (release / "card.md").write_text("Better than it is.")
    with pytest.raises(SignatureInvalid, match=r"card\.md was changed") as caught:
        send(release, tmp_path / "out.zip")
    assert {one.name: one.state for one in caught.value.files}["card.md"] == "changed"
    (candidate.folder / "golden.json").write_text("{}")
    with pytest.raises(Refused, match=r"golden\.json"):
        send(candidate.folder, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_interrupted_between_two_files_nothing_is_left(
    signed: Signed, sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left(tmp_path)
    real, written = os.fsync, []

    def third_time(number: int) -> None:
        real(number)
        written.append(number)
        # The copy that is verified comes first; then the third file of the new folder.
        if len(written) == len(read_files(sent)) - 1 + 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", third_time)
    with pytest.raises(KeyboardInterrupt):
        receive(sent, signed[1], tmp_path / "deep" / "down" / "got")
    assert left(tmp_path) == before


WAIT = """
import os, sys, time
real = os.fsync
def slow(number):
    real(number)
    print("written", flush=True)
    time.sleep(0.05)
os.fsync = slow
from bedside.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("files", [2, 16])
def test_stopped_from_outside_nothing_is_left(files: int, signed: Signed, sent: Path, tmp_path: Path) -> None:
    """While the copy to verify is written, and while the new folder is."""
    before = left(tmp_path)
    words = [sys.executable, "-c", WAIT, "receive", str(sent), "--key", str(signed[1]), "--out", str(tmp_path / "got")]
    temporary = tmp_path.parent / f"{tmp_path.name}-temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        for _ in range(files):
            assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGTERM)
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 130
    assert left(tmp_path) == before
    assert left(temporary) == []


def test_a_full_disk_is_said_and_nothing_is_left(signed: Signed, sent: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the copy to verify has room elsewhere, the folder has not."""
    before = left(tmp_path)
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom bedside.errors import UsageError\n"
        "from bedside.release import receive, travel\n"
        "real = travel.write_files\n"
        "def small(files, folder):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n    real(files, folder)\n"
        "travel.write_files = small\n"
        "try:\n    receive(*map(Path, sys.argv[1:]))\nexcept UsageError as error:\n    print(error)\n"
    )
    words = [sys.executable, "-c", program, str(sent), str(signed[1]), str(tmp_path / "a" / "got")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert left(tmp_path) == before


def test_folders_on_the_way_stay_only_where_something_stays_in_them(tmp_path: Path) -> None:
    with staging(tmp_path / "a" / "b" / "c") as stage:
        assert stage.parent == tmp_path / "a" / "b"
    assert left(tmp_path) == []
    with staging(tmp_path / "a" / "b" / "c") as stage:
        (stage / "c").write_text("kept")
        (stage / "c").rename(tmp_path / "a" / "b" / "c")
    assert left(tmp_path) == ["a", "a/b", "a/b/c"]


def test_the_commands(signed: Signed, candidate: Candidate, tmp_path: Path, bedside) -> None:
    done = bedside("send", signed[0], cwd=tmp_path, input="")
    assert done.returncode == 0 and "in breast-fna-1.0.0.zip" in done.stdout, done.stderr
    done = bedside("receive", "breast-fna-1.0.0.zip", "--key", signed[1], "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["signed"]) == (0, True), done.stderr
    done = bedside("receive", "breast-fna-1.0.0.zip", "--key", signed[1], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and "is there already" in done.stderr
    done = bedside("send", candidate.folder, cwd=tmp_path)
    assert "NOT SIGNED" in done.stdout
    done = bedside("receive", "breast-fna-1.0.0.candidate.zip", cwd=tmp_path)
    assert done.returncode == 0 and "NOT SIGNED" in done.stdout
    done = bedside("verify", "breast-fna-1.0.0.candidate.zip", "--key", signed[1], cwd=tmp_path)
    assert done.returncode == 1


def test_a_sent_file_is_served_as_it_is(signed: Signed, sent: Path, tmp_path: Path) -> None:
    from hospital import open_hospital

    opened = open_hospital(tmp_path, [(sent, signed[1])])
    assert opened.ask()["release"]["digest"] == open_release(signed[0], signed[1]).digest
    opened.ledger.close()
