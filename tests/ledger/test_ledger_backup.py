"""A backup made while others write, restored in either database: all of it holds, and the erased stay away."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tampering import unguarded

from bedside.errors import BedsideError, Conflict, DataError, LedgerError, PatientErased, Refused, UsageError
from bedside.ledger import Identity, Ledger, User, read_checkpoints, restore, tables

ADMIN = User(name="root", full_name=None, role="admin", active=True)
ADA = User(name="ada", full_name="Dr Ada Long", role="clinician", active=True)
KEY = ec.generate_private_key(ec.SECP256R1())
BOTH = ("sqlite", "postgresql")
Make = Callable[..., dict[str, Any]]


def fill(ledger: Ledger, make_answer: Make) -> None:
    for number in range(3):
        ref = ledger.patient(Identity(f"MRN-{number}", "Name", "1960-01-01"))
        ledger.record_answer(make_answer(f"a{number}"), actor="svc", patient=ref)
        ledger.review(f"a{number}", verdict="agree", reviewer=ADA)
    ledger.record_answer(make_answer("anonymous"), actor="svc", patient=None)
    ledger.add_user("svc", "service", actor="root")
    ledger.open_session(ledger.add_user("ada", "clinician", actor="root")[0])


@pytest.fixture
def url(request: pytest.FixtureRequest, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One database or the other; both look for key and list in the same place."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    monkeypatch.setenv("BEDSIDE_LEDGER_KEY", str(tmp_path / "postgres.key"))
    return str(place)


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "restored.db")
    postgres = request.getfixturevalue("postgres")
    return str(postgres.url(postgres.fresh()))


@pytest.fixture
def book(url: str, clock: Any, make_answer: Make) -> Iterator[Ledger]:
    with Ledger.open(url, clock=clock) as ledger:
        fill(ledger, make_answer)
        yield ledger


def content(ledger: Ledger) -> dict[str, Any]:
    from sqlalchemy import select

    with ledger._reading() as connection:
        return {
            name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for name, table in tables.metadata.tables.items()
        }


@pytest.mark.parametrize("url", BOTH, indirect=True)
@pytest.mark.parametrize("empty", BOTH, indirect=True)
def test_from_either_database_into_either(
    book: Ledger, empty: str, tmp_path: Path, clock: Any, make_answer: Make
) -> None:
    book.checkpoint(KEY, tmp_path / "checkpoint.json", actor="root")
    before = book.backup(tmp_path / "backup.zip", actor="root")
    kept = content(book)
    book.append("note", actor="a", body={})  # comes after the backup, and is lost
    done = restore(tmp_path / "backup.zip", empty, actor="root", clock=clock)
    assert (done.seq, done.digest, done.entries, done.erased) == (before.seq, before.digest, before.seq + 1, 0)
    with Ledger.open(empty, create=False, clock=clock) as restored:
        found = content(restored)
        (last,) = restored.entries(kind="restored")
        assert (last.seq, last.actor, last.previous) == (before.seq + 1, "root", before.digest)
        assert restored.decoded(last)["backup"] == {"at": restored.now(), "seq": before.seq, "digest": before.digest}
        assert found.pop("entries")[:-1] == kept["entries"]
        assert found.pop("sessions") == []
        assert [row.id for row in found.pop("head")] == [1]
        assert found == {name: rows for name, rows in kept.items() if name in found}
        result = restored.verify(read_checkpoints(tmp_path / "checkpoint.json"), KEY.public_key())
        assert (result.problems, result.checkpoints) == ((), 1)
        restored.record_answer(make_answer("new"), actor="svc", patient=restored.find_patient("MRN-1"))
        restored.review("a2", verdict="agree", reason="again", reviewer=ADA)
        assert restored.verify().problems == ()


@pytest.mark.parametrize("url", BOTH, indirect=True)
def test_a_writer_never_waits_for_a_backup_and_is_not_in_it(
    book: Ledger, url: str, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bedside.ledger.backup._PIECE", 1)
    written = []
    with Ledger.open(url, clock=clock) as other:  # as another process has it: a lock of its own, connections of its own

        def write(*_: Any) -> None:
            written.append(other.append("note", actor="meanwhile", body={}).seq)
            other.patient(Identity(f"LATE-{len(written)}"))

        done = book.backup(tmp_path / "backup.zip", actor="root", progress=write)
    assert len(written) >= done.seq
    assert min(written) == done.seq + 1
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        rows = {name: archive.read(name).count(b"\n") for name in archive.namelist()}
    assert (rows["entries.ndjson"], rows["patients.ndjson"]) == (done.seq, 3)
    assert book.verify().problems == ()


def test_the_archive_is_plain_and_complete(ledger: Ledger, make_answer: Make, tmp_path: Path) -> None:
    fill(ledger, make_answer)
    done = ledger.backup(tmp_path / "backup.zip", actor="root")
    with zipfile.ZipFile(tmp_path / "backup.zip") as archive:
        assert archive.testzip() is None
        names = {name.removesuffix(".ndjson") for name in archive.namelist()} - {"manifest.json"}
        assert names == set(tables.metadata.tables) - {"sessions", "probe"}  # a new table is backed up too
        manifest = json.loads(archive.read("manifest.json"))
        first = json.loads(archive.read("entries.ndjson").split(b"\n")[0])
    assert (manifest["seq"], manifest["digest"]) == (done.seq, done.digest)
    assert set(first) == set(tables.entries.c.keys())
    assert (tmp_path / "backup.zip").stat().st_mode & 0o777 == 0o600
    master = Path(f"{tmp_path / 'ledger.db'}.key").read_bytes().strip()
    assert master not in (tmp_path / "backup.zip").read_bytes()


@pytest.mark.parametrize("url", BOTH, indirect=True)
@pytest.mark.parametrize("empty", BOTH, indirect=True)
def test_a_restored_backup_does_not_bring_an_erased_patient_back(
    book: Ledger, empty: str, clock: Any, tmp_path: Path
) -> None:
    book.erase_patient("MRN-0", reason="law", user=ADMIN)  # before the backup
    book.backup(tmp_path / "backup.zip", actor="root")
    ref = book.find_patient("MRN-1")
    book.erase_patient("MRN-1", reason="law", user=ADMIN)  # after it
    done = restore(tmp_path / "backup.zip", empty, actor="root", clock=clock)
    assert done.erased == 1
    with Ledger.open(empty, create=False, clock=clock) as restored:
        for answer in ("a0", "a1"):
            with pytest.raises(PatientErased):
                restored.answer(answer)
        assert restored.find_patient("MRN-1") is None
        assert {row.id for row in restored.worklist()} == {"a2", "anonymous"}
        assert [entry.subject for entry in restored.entries(kind="patient-erased")][1:] == [ref]
        result = restored.verify()
        assert (result.problems, result.erased) == ((), 2)


def test_the_key_of_an_erased_patient_never_reaches_the_restored_files(
    ledger: Ledger, make_answer: Make, place: Path, tmp_path: Path
) -> None:
    fill(ledger, make_answer)
    with closing(sqlite3.connect(place)) as connection:
        keys = dict(connection.execute("SELECT ref, wrapped_key FROM patients").fetchall())
    ledger.backup(tmp_path / "backup.zip", actor="root")
    erased = ledger.erase_patient("MRN-1", reason="law", user=ADMIN)
    ledger.close()
    target = tmp_path / "elsewhere" / "restored.db"
    target.parent.mkdir()
    for ending in (".key", ".key.erased"):
        shutil.copy(f"{place}{ending}", f"{target}{ending}")
    restore(tmp_path / "backup.zip", target, actor="root")
    stored = b"".join(path.read_bytes() for path in target.parent.iterdir())
    assert [ref for ref, key in keys.items() if key in stored] == [ref for ref in keys if ref != erased.ref]


def test_without_the_list_of_the_erased_nothing_is_restored(
    ledger: Ledger, make_answer: Make, place: Path, tmp_path: Path
) -> None:
    fill(ledger, make_answer)
    ledger.backup(tmp_path / "backup.zip", actor="root")
    target = tmp_path / "restored.db"
    shutil.copy(f"{place}.key", f"{target}.key")
    with pytest.raises(LedgerError, match=r"list of erased patients is missing.*make an empty file"):
        restore(tmp_path / "backup.zip", target, actor="root")
    assert not target.exists()
    Path(f"{target}.key.erased").touch()
    assert restore(tmp_path / "backup.zip", target, actor="root").erased == 0


def test_key_and_place_are_checked_first(ledger: Ledger, make_answer: Make, place: Path, tmp_path: Path) -> None:
    fill(ledger, make_answer)
    ledger.backup(tmp_path / "backup.zip", actor="root")
    target = tmp_path / "restored.db"
    with pytest.raises(LedgerError, match="master key is missing"):
        restore(tmp_path / "backup.zip", target, actor="root")
    with Ledger.open(tmp_path / "other.db") as other:
        with pytest.raises(LedgerError, match="not this backup's"):
            restore(tmp_path / "backup.zip", tmp_path / "other.db", actor="root")
        assert other.verify().entries == 0
    with pytest.raises(Conflict, match="already"):
        restore(tmp_path / "backup.zip", place, actor="root")
    assert list(ledger.entries(kind="restored")) == []
    with pytest.raises(Conflict):
        ledger.backup(tmp_path / "backup.zip", actor="root")
    with pytest.raises(UsageError):
        ledger.backup(tmp_path / "nowhere" / "backup.zip", actor="root")
    with pytest.raises(UsageError):
        restore(tmp_path / "nowhere.zip", target, actor="root")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(DataError, match="no backup"):
        restore(tmp_path / "text.zip", target, actor="root")
    assert not target.exists()


@pytest.mark.parametrize("statement", ["UPDATE entries SET actor = 'x'", "DELETE FROM entries"])
def test_a_ledger_that_does_not_hold_is_not_backed_up(
    ledger: Ledger, make_answer: Make, place: Path, tmp_path: Path, statement: str
) -> None:
    fill(ledger, make_answer)
    with unguarded(place) as connection:
        connection.execute(f"{statement} WHERE seq = 3")
    with pytest.raises(Refused, match="entry 3"):
        ledger.backup(tmp_path / "backup.zip", actor="root")
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup, the key and the list."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BEDSIDE_LEDGER_KEY", raising=False)
        with Ledger.open(folder / "restored.db") as ledger:
            for number in range(3):
                ledger.append("note", actor="a", body={"x": number}, patient=ledger.patient(Identity(str(number))))
            ledger.add_user("svc", "service", actor="root")
            ledger.backup(folder / "backup.zip", actor="root")
    for ending in ("", "-wal", "-shm"):
        (folder / f"restored.db{ending}").unlink(missing_ok=True)
    return folder


def rewritten(folder: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    out = folder / "changed.zip"
    with zipfile.ZipFile(folder / "backup.zip") as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(source.read(name)) if name == member else source.read(name))
    return out


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("entries.ndjson", lambda text: text.replace(b'"actor":"a"', b'"actor":"b"', 1)),
        ("entries.ndjson", lambda text: text[text.index(b"\n") + 1 :]),
        ("entries.ndjson", lambda text: text + text[: text.index(b"\n") + 1]),
        ("users.ndjson", lambda text: text.replace(b"service", b"admin")),
        ("users.ndjson", lambda _: b""),
        ("patients.ndjson", lambda text: text.replace(b'"lookup":"', b'"lookup":"0', 1)),
        ("head.ndjson", lambda text: text.replace(b'"seq":', b'"seq":1')),
        ("answers.ndjson", lambda _: b'{"id":"x"}\n'),
        ("manifest.json", lambda text: text.replace(b'"at": "', b'"at": "1')),
        ("manifest.json", lambda text: text.replace(b'"mac": "', b'"mac": "0')),
        ("manifest.json", lambda text: text.replace(b'"rows": 3', b'"rows": 2')),
    ],
)  # fmt: skip
def test_a_backup_that_was_changed_is_refused_and_nothing_is_left(
    made: Path, member: str, change: Callable[[bytes], bytes]
) -> None:
    changed = rewritten(made, member, change)
    with pytest.raises(Refused, match="not what was backed up"):
        restore(changed, made / "restored.db", actor="root")
    changed.unlink()
    assert {path.name for path in made.iterdir()} == {"backup.zip", "restored.db.key", "restored.db.key.erased"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_refused_or_changes_nothing(made: Path, data: st.DataObject) -> None:
    """ZIP has bytes that mean nothing here, such as the time of day; where one of these is hit, all is restored."""
    content = bytearray((made / "backup.zip").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    target, changed = made / "restored.db", made / "changed.zip"
    changed.write_bytes(content)
    try:
        restore(changed, target, actor="root")
    except BedsideError:
        assert not target.exists()
    else:
        with Ledger.open(target) as ledger:
            assert ledger.verify().problems == ()
            assert ledger.user("svc").role == "service"
            assert ledger.find_patient("1")
    finally:
        for path in made.iterdir():
            if path.name.startswith(("restored.db-", "changed")) or path.name == "restored.db":
                path.unlink()


def test_a_backup_of_another_revision_names_the_version_to_restore_it_with(
    ledger: Ledger, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append("note", actor="a", body={})
    with monkeypatch.context() as patch:
        patch.setattr("bedside.ledger.tables.REVISION", "0001")
        ledger.backup(tmp_path / "backup.zip", actor="root")
    ledger.close()
    place.unlink()
    with pytest.raises(Refused, match=r"revision 0001.*with bedside 0\..*ledger migrate"):
        restore(tmp_path / "backup.zip", place, actor="root")
    assert not place.exists()
