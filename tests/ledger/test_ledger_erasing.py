"""A patient erased by law: nothing can be read again, the chain holds, and no old copy brings the patient back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bedside.errors import AccessDenied, LedgerError, NotFound, PatientErased, ValueRefused
from bedside.ledger import Identity, Ledger, User

ADMIN = User(name="root", full_name=None, role="admin", active=True)
REASON = "request under Art. 17, file 12/26"
Make = Callable[..., dict[str, Any]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, place: Path) -> str:
    return str(place) if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def book(url: str, make_answer: Make, clock: Any) -> Iterator[Ledger]:
    with Ledger.open(url, clock=clock) as ledger:
        for number in (1, 2):
            ref = ledger.patient(Identity(f"MRN-{number}", "Name", "1960-01-01"))
            ledger.record_answer(make_answer(f"a{number}"), actor="svc", patient=ref)
            ledger.record_answer(make_answer(f"b{number}"), actor="svc", patient=ref)
        yield ledger


def erase(ledger: Ledger, identifier: str = "MRN-1") -> Any:
    return ledger.erase_patient(identifier, reason=REASON, user=ADMIN)


def test_nothing_about_the_patient_can_be_read_again(book: Ledger, clinician: User) -> None:
    ref = book.find_patient("MRN-1")
    before = list(book.entries())
    erased = erase(book)
    assert (erased.ref, erased.seq, erased.answers, erased.wiped) == (ref, 7, 2, True)
    assert list(book.entries())[:6] == before
    for reading in (
        lambda: book.answer("a1"),
        lambda: book.review("a1", verdict="agree", reviewer=clinician),
        lambda: book.withdraw("a1", "wrong", clinician),
        lambda: book.identity(erased.ref, actor="ada"),
        lambda: book.append("note", actor="a", body={}, patient=erased.ref),
        lambda: book.decoded(before[0]),
    ):
        with pytest.raises(PatientErased, match="destroyed"):
            reading()
    with pytest.raises(NotFound):
        book.answer("never")
    assert book.answer("a2").answer["id"] == "a2"


def test_the_chain_holds_and_the_erasure_is_entered_without_the_id(book: Ledger) -> None:
    erased = erase(book)
    (entry,) = book.entries(kind="patient-erased")
    assert (entry.subject, entry.patient, entry.actor) == (erased.ref, None, "root")
    assert book.decoded(entry) == {"reason": REASON}
    result = book.verify()
    assert (result.problems, result.erased) == ((), 1)


def test_the_worklist_drops_the_answers_and_can_be_rebuilt(book: Ledger) -> None:
    erase(book)
    assert {row.id for row in book.worklist()} == {"a2", "b2"}
    assert book.count(status="preliminary", queued=True) == 2
    before = book.worklist()
    assert book.rebuild() == 2
    assert book.worklist() == before
    assert book.verify().problems == ()


def test_the_same_id_is_a_new_patient(book: Ledger, make_answer: Make) -> None:
    erased = erase(book)
    with pytest.raises(NotFound):
        erase(book)
    assert book.find_patient("MRN-1") is None
    ref = book.patient(Identity("MRN-1", "Name", "1999-09-09"))
    assert ref != erased.ref
    book.record_answer(make_answer("c1"), actor="svc", patient=ref)
    again = erase(book)
    assert (again.ref, again.answers) == (ref, 1)
    assert book.verify().erased == 2


def test_only_an_admin_erases_and_says_why(book: Ledger, clinician: User) -> None:
    for user in (clinician, User(name="root", full_name=None, role="admin", active=False)):
        with pytest.raises(AccessDenied):
            book.erase_patient("MRN-1", reason=REASON, user=user)
    with pytest.raises(ValueRefused, match="reason"):
        book.erase_patient("MRN-1", reason=" ", user=ADMIN)
    with pytest.raises(NotFound):
        erase(book, "MRN-9")
    assert book.answer("a1").answer["id"] == "a1"


def test_the_list_names_the_erased_and_the_entry(book: Ledger) -> None:
    erased = erase(book)
    (line,) = book._erasures.path.read_text().splitlines()
    ref, seq, mac = line.split()
    assert (ref, int(seq), len(mac)) == (erased.ref, erased.seq, 64)
    assert "MRN" not in line
    assert book._erasures.path.stat().st_mode & 0o777 == 0o600


def test_an_erased_patient_missing_in_the_list_is_named(book: Ledger) -> None:
    erased = erase(book)
    book._erasures.path.unlink()
    (problem,) = book.verify().problems
    assert problem == f"entry 7: the erased patient {erased.ref} is missing in {book._erasures.path}"


def test_a_key_put_back_is_named_and_destroyed_again_when_the_ledger_is_opened(
    book: Ledger, url: str, clock: Any
) -> None:
    from sqlalchemy import select, update

    from bedside.ledger import tables

    with book._reading() as connection:
        before = connection.execute(select(tables.patients)).mappings().all()
    erased = erase(book)
    (old,) = (dict(row) for row in before if row["ref"] == erased.ref)
    with book._writing() as connection:
        connection.execute(update(tables.patients).where(tables.patients.c.ref == erased.ref), old)
    assert any("was erased and has a key" in problem for problem in book.verify().problems)
    with Ledger.open(url, clock=clock) as again:
        assert again.verify().problems == ()
        assert again.find_patient("MRN-1") is None
        assert [entry.actor for entry in again.entries(kind="patient-erased")] == ["root", "bedside"]


def test_a_failure_after_the_list_was_written_ends_in_an_erasure(book: Ledger, url: str, clock: Any) -> None:
    def fail(*_: Any) -> None:
        raise LedgerError("the disk is full")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(LedgerError):
        patch.setattr(book, "_destroy", fail)
        erase(book)
    assert book.answer("a1").answer["id"] == "a1"
    assert book.verify().problems == ()
    with Ledger.open(url, clock=clock) as again:
        with pytest.raises(PatientErased):
            again.answer("a1")
        assert again.verify().problems == ()


def test_where_the_list_cannot_be_written_nobody_is_erased(book: Ledger) -> None:
    book._erasures.path.unlink()
    book._erasures.path.mkdir()
    with pytest.raises(LedgerError, match="cannot be written"):
        erase(book)
    assert book.answer("a1").answer["id"] == "a1"
    assert list(book.entries(kind="patient-erased")) == []


def test_an_old_file_put_in_place_does_not_bring_the_patient_back(
    place: Path, make_answer: Make, clock: Any, tmp_path: Path
) -> None:
    with Ledger.open(place, clock=clock) as ledger:
        ref = ledger.patient(Identity("MRN-1"))
        ledger.record_answer(make_answer("a1"), actor="svc", patient=ref)
    shutil.copy(place, tmp_path / "old.db")
    with Ledger.open(place, clock=clock) as ledger:
        erase(ledger)
    shutil.copy(tmp_path / "old.db", place)
    with Ledger.open(place, clock=clock) as ledger:
        with pytest.raises(PatientErased):
            ledger.answer("a1")
        (entry,) = ledger.entries(kind="patient-erased")
        assert (entry.actor, entry.subject) == ("bedside", ref)
        assert ledger.verify().problems == ()
        assert ledger.count() == 0


def wrapped(place: Path, ref: str) -> tuple[bytes, bytes]:
    with closing(sqlite3.connect(place)) as connection:
        query = "SELECT wrapped_key, lookup FROM patients WHERE ref = ?"
        key, lookup = connection.execute(query, (ref,)).fetchone()
    return key, lookup.encode()


def test_the_bytes_of_key_and_lookup_are_gone_from_the_files(ledger: Ledger, place: Path) -> None:
    refs = [ledger.patient(Identity(f"MRN-{number}")) for number in range(200)]
    traces = wrapped(place, refs[7])

    def files() -> bytes:
        return b"".join(path.read_bytes() for path in place.parent.iterdir())

    assert all(trace in files() for trace in traces)
    assert erase(ledger, "MRN-7").wiped
    assert refs[7].encode() in files()  # the search looks where things stand
    assert not any(trace in files() for trace in traces)
    ledger.close()
    assert not any(trace in files() for trace in traces)


def test_the_bytes_are_gone_from_the_tables_of_postgresql(postgres: Any, postgres_url: str) -> None:
    name = postgres_url.split("?")[0].rsplit("/", 1)[1]
    with Ledger.open(postgres_url) as ledger:
        refs = [ledger.patient(Identity(f"MRN-{number}")) for number in range(50)]
        hexes = postgres.sql(f"SELECT encode(wrapped_key, 'hex') FROM patients WHERE ref = '{refs[7]}'", database=name)
        lookup = postgres.sql(f"SELECT lookup FROM patients WHERE ref = '{refs[7]}'", database=name)
        traces = bytes.fromhex(hexes.strip()), lookup.strip().encode()

        def tables() -> bytes:
            postgres.sql("CHECKPOINT")
            base = postgres.folder / "data" / "base"
            return b"".join(path.read_bytes() for path in base.rglob("*") if path.is_file())

        assert all(trace in tables() for trace in traces)
        assert erase(ledger, "MRN-7").wiped
        found = tables()
        assert refs[7].encode() in found
        assert not any(trace in found for trace in traces)


@pytest.mark.parametrize("torn", [b"0123 7 ab", b"x"])
def test_a_line_torn_by_a_failing_machine_was_never_acknowledged(ledger: Ledger, place: Path, torn: bytes) -> None:
    for number in (1, 2):
        ledger.patient(Identity(f"MRN-{number}"))
    first = erase(ledger)
    path = ledger._erasures.path
    path.write_bytes(path.read_bytes() + torn)
    assert ledger._erasures.refs() == {first.ref}
    second = erase(ledger, "MRN-2")
    assert ledger._erasures.refs() == {first.ref, second.ref}
    assert ledger.verify().problems == ()


@pytest.mark.parametrize("change", [lambda text: "x" + text, lambda text: text.replace(" ", " 1", 1), str.upper])
def test_a_line_that_this_ledger_did_not_write_stops_the_opening(
    ledger: Ledger, place: Path, change: Callable[[str], str]
) -> None:
    ledger.patient(Identity("MRN-1"))
    erase(ledger)
    ledger.close()
    path = ledger._erasures.path
    path.write_text(change(path.read_text()))
    with pytest.raises(LedgerError, match="line 1 was not written by this ledger"):
        Ledger.open(place)
