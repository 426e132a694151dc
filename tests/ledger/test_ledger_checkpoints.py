"""Checkpoints kept elsewhere find what nothing inside a ledger can show."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tampering import rows, write_anew

from bedside.errors import BedsideError, Conflict, DataError, UsageError
from bedside.ledger import Checkpoint, Ledger, Verification, read_checkpoints

KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def fill(ledger: Ledger, number: int = 5) -> None:
    for seq in range(number):
        ledger.append("note", actor="a", subject=str(seq), body={"x": seq})


def checked(place: Path, kept: Path) -> Verification:
    with Ledger.open(place) as ledger:
        return ledger.verify(read_checkpoints(kept), KEY.public_key())


def test_a_checkpoint_names_the_last_entry_and_is_entered(ledger: Ledger, place: Path, kept: Path) -> None:
    fill(ledger)
    made, path = ledger.checkpoint(KEY, kept, actor="root")
    assert path == kept / "checkpoint-000000000005.json"
    assert (made.seq, made.digest) == (5, rows(place)[4]["digest"])
    (entry,) = ledger.entries(kind="checkpoint")
    assert (entry.seq, entry.actor, ledger.decoded(entry)["digest"]) == (6, "root", made.digest)
    ledger.checkpoint(KEY, kept, actor="root")
    fill(ledger)
    result = checked(place, kept)
    assert (result.problems, result.checkpoints, result.entries) == ((), 2, 12)


def test_openssl_verifies_a_checkpoint_by_its_description(ledger: Ledger, kept: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    fill(ledger)
    _, path = ledger.checkpoint(KEY, kept, actor="root")
    document = json.loads(path.read_text())
    content = b""
    for field in ("bedside checkpoint 1", *(document[name] for name in ("ledger", "seq", "digest", "at"))):
        if isinstance(field, int):
            content += b"i" + field.to_bytes(8, "big")
        else:
            content += b"s" + len(field).to_bytes(8, "big") + field.encode()
    files = {name: tmp_path / name for name in ("content", "signature", "key.pem")}
    files["content"].write_bytes(content)
    files["signature"].write_bytes(base64.b64decode(document["signature"]))
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    files["key.pem"].write_bytes(KEY.public_key().public_bytes(encoding, form))
    words = ["openssl", "dgst", "-sha256", "-verify", files["key.pem"], "-signature", files["signature"]]
    done = subprocess.run([*words, files["content"]], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Verified OK"


def test_a_chain_rewritten_with_the_master_key_is_found(ledger: Ledger, place: Path, kept: Path) -> None:
    fill(ledger, 3)
    ledger.checkpoint(KEY, kept, actor="root")
    fill(ledger, 5)
    ledger.checkpoint(KEY, kept, actor="root")
    ledger.close()
    forged = rows(place)
    forged[6]["actor"] = "somebody else"
    write_anew(place, forged)
    with Ledger.open(place) as opened:
        assert opened.verify().holds  # from within, it cannot be seen
    (problem,) = checked(place, kept).problems
    assert "entry 9 is not the one signed at 2026-03-01" in problem
    assert "checkpoint-000000000009.json" in problem
    assert "rewritten after entry 3" in problem


@pytest.mark.parametrize("regrown", [False, True])
def test_a_cut_tail_sealed_anew_is_found(ledger: Ledger, place: Path, kept: Path, regrown: bool) -> None:
    fill(ledger, 5)
    ledger.checkpoint(KEY, kept, actor="root")
    ledger.close()
    write_anew(place, rows(place)[:2])
    with Ledger.open(place) as opened:
        if regrown:
            fill(opened, 10)
        assert opened.verify().holds
    (problem,) = checked(place, kept).problems
    assert ("entry 5 is not the one" if regrown else "entry 5, signed at") in problem
    assert regrown or "the chain ends with entry 2: its end was cut off, or an older copy" in problem


def test_an_old_copy_put_in_place_is_found(ledger: Ledger, place: Path, kept: Path, tmp_path: Path) -> None:
    fill(ledger, 2)
    ledger.close()
    shutil.copy(place, tmp_path / "old.db")
    with Ledger.open(place) as opened:
        fill(opened, 2)
        opened.checkpoint(KEY, kept, actor="root")
    shutil.copy(tmp_path / "old.db", place)
    (problem,) = checked(place, kept).problems
    assert "entry 4" in problem
    assert "older copy" in problem


def test_another_ledgers_checkpoint_is_named(ledger: Ledger, place: Path, kept: Path, tmp_path: Path) -> None:
    fill(ledger)
    with Ledger.open(tmp_path / "other.db") as other:
        fill(other)
        other.checkpoint(KEY, kept / "foreign.json", actor="root")
    assert checked(place, kept).problems == ("checkpoint foreign.json: belongs to another ledger",)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", 4), ("digest", "0" * 64), ("at", "2027-01-01T00:00:00.000000Z"), ("ledger", "1" * 64), ("signature", "x")],
)
def test_a_changed_checkpoint_is_named(ledger: Ledger, place: Path, kept: Path, field: str, value: object) -> None:
    fill(ledger)
    _, path = ledger.checkpoint(KEY, kept, actor="root")
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    (problem,) = checked(place, kept).problems
    assert problem == f"checkpoint {path.name}: was changed, or signed with another key"


def test_a_checkpoint_signed_by_somebody_else_is_named(ledger: Ledger, place: Path, kept: Path) -> None:
    fill(ledger)
    ledger.checkpoint(ec.generate_private_key(ec.SECP256R1()), kept, actor="eve")
    assert "another key" in checked(place, kept).problems[0]


def test_a_head_changed_without_the_key_is_not_signed(ledger: Ledger, place: Path, kept: Path) -> None:
    import sqlite3
    from contextlib import closing

    fill(ledger)
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("UPDATE head SET seq = 4")
        connection.commit()
    with pytest.raises(BedsideError, match="seal"):
        ledger.checkpoint(KEY, kept, actor="root")
    assert list(kept.iterdir()) == []


def test_bad_places_are_one_error(ledger: Ledger, kept: Path) -> None:
    with pytest.raises(UsageError, match="no entry yet"):
        ledger.checkpoint(KEY, kept, actor="root")
    fill(ledger)
    ledger.checkpoint(KEY, kept / "a.json", actor="root")
    with pytest.raises(Conflict):
        ledger.checkpoint(KEY, kept / "a.json", actor="root")
    with pytest.raises(UsageError):
        ledger.checkpoint(KEY, kept / "nowhere" / "a.json", actor="root")
    (kept / "empty").mkdir()
    for path in (kept / "empty", kept / "nowhere.json"):
        with pytest.raises(UsageError):
            read_checkpoints(path)
    (kept / "a.json").write_text('{"seq": "x"}')
    with pytest.raises(DataError, match="no checkpoint"):
        read_checkpoints(kept)


def test_a_checkpoint_comes_back_as_it_was_written(ledger: Ledger, kept: Path) -> None:
    fill(ledger)
    made, path = ledger.checkpoint(KEY, kept, actor="root")
    assert read_checkpoints(path) == {path.name: made}
    assert isinstance(made, Checkpoint)
