"""The chain: what is appended comes back, and whatever is done to it behind its back is found and named."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from tampering import FIELDS, digest_by_hand, rows, unguarded

from bedside.errors import LedgerError, NotFound
from bedside.ledger import Identity, Ledger, User, Verification

ENTRIES = 14


def put(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO entries ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def named(verification: Verification) -> set[int]:
    """Every seq that the problems name, ranges included."""
    found: set[int] = set()
    for problem in verification.problems:
        if span := re.match(r"entries (\d+) to (\d+)", problem):
            found |= set(range(int(span[1]), int(span[2]) + 1))
        elif one := re.match(r"entry (-?\d+)", problem):
            found.add(int(one[1]))
    return found


def test_what_is_about_one_thing_is_not_sought_among_all_of_its_kind(ledger: Ledger, place: Path) -> None:
    """By SQLite's own plan; else a question about an answer that is not there would read a million others."""
    asked: list[tuple[str, Any]] = []
    event.listen(ledger._engine, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    assert list(ledger.entries(kind="outcome", subject="x")) == []
    with pytest.raises(NotFound):
        ledger.answer("x")
    asked = [(text, values) for text, values in asked if "FROM entries" in text]
    with closing(sqlite3.connect(place)) as connection:
        plans = [str(connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()) for text, values in asked]
    assert len(plans) == 2
    assert all("entries_subject (subject=?" in plan for plan in plans), plans


def test_an_entry_comes_back_as_it_was_written(ledger: Ledger) -> None:
    entry = ledger.append("deploy", actor="root", subject="breast 1.0.0", body={"b": 1.5, "a": [None, "é"]})
    assert (entry.seq, entry.previous, entry.at) == (1, "0" * 64, "2026-03-01T08:00:00.000000Z")
    assert list(ledger.entries()) == [entry]
    assert ledger.decoded(entry) == {"a": [None, "é"], "b": 1.5}
    assert entry.body == '{"a":[null,"é"],"b":1.5}'.encode()


def test_digests_are_what_their_description_says(ledger: Ledger, place: Path) -> None:
    ref = ledger.patient(Identity("1"))
    ledger.append("note", actor="a", body={}, patient=ref)
    ledger.append("note", actor="ä", subject="s", body={"x": 1})
    previous = "0" * 64
    for row in rows(place):
        assert row["previous"] == previous
        assert row["digest"] == digest_by_hand(row)
        previous = row["digest"]
    assert ledger.verify() == Verification(holds=True, entries=3, head=previous, problems=())


def test_fields_cannot_flow_into_one_another(ledger: Ledger) -> None:
    first = ledger.append("ab", actor="c", body={})
    second = ledger.append("a", actor="bc", body={})
    base = {name: getattr(first, name) for name in FIELDS}
    other = base | {"kind": second.kind, "actor": second.actor}
    assert digest_by_hand(base) != digest_by_hand(other)
    assert digest_by_hand(base | {"subject": None}) != digest_by_hand(base | {"subject": ""})


def test_entries_are_filtered_and_paged(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.ledger.store._PAGE", 10)
    for number in range(53):
        ledger.append("even" if number % 2 == 0 else "odd", actor="a", subject=str(number % 3), body={})
    everything = list(ledger.entries())
    assert [entry.seq for entry in everything] == list(range(1, 54))
    assert list(ledger.entries(kind="odd")) == [entry for entry in everything if entry.kind == "odd"]
    assert (
        list(ledger.entries(subject="2", after=5, limit=12))
        == [entry for entry in everything if entry.subject == "2" and entry.seq > 5][:12]
    )
    assert [entry.seq for entry in ledger.entries(after=1, limit=31)] == list(range(2, 33))
    assert list(ledger.entries(limit=0)) == []


def test_an_empty_ledger_holds(ledger: Ledger) -> None:
    assert ledger.verify() == Verification(holds=True, entries=0, head="0" * 64, problems=())


def test_nobody_writes_about_a_patient_who_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.append("note", actor="a", body={}, patient="nobody")
    assert ledger.verify().entries == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'x' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 2",
        "REPLACE INTO entries SELECT seq, at, 'x', actor, subject, patient, body, previous, digest FROM entries",
        "UPDATE OR REPLACE entries SET seq = 1 WHERE seq = 2",
    ],
)
def test_the_database_itself_refuses_to_change_an_entry(ledger: Ledger, place: Path, statement: str) -> None:
    for _ in range(3):
        ledger.append("note", actor="a", body={})
    before = rows(place)
    with closing(sqlite3.connect(place)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert rows(place) == before


def test_a_guard_that_is_gone_or_empty_is_found(ledger: Ledger, place: Path) -> None:
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("DROP TRIGGER entries_no_delete")
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT 1; END")
        connection.commit()
    problems = ledger.verify().problems
    assert len(problems) == 2
    assert "entries_no_delete" in problems[0]
    assert "entries_no_update" in problems[1]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with entries of every kind that other tables are derived from."""
    place = tmp_path_factory.mktemp("original") / "ledger.db"
    release = {"name": "breast", "version": "1", "digest": "d", "target": "server-cpu"}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BEDSIDE_LEDGER_KEY", raising=False)
        with Ledger.open(place) as ledger:
            user, _ = ledger.add_user("svc", "service", actor="root")
            ada = User(name="ada", full_name=None, role="clinician", active=True)
            refs = [ledger.patient(Identity(f"{number}", "Name", "1960-01-01")) for number in range(2)]
            for number, ref in enumerate([*refs, None]):
                answer = {"id": f"a{number}", "created": "2026-01-01T00:00:00Z", "release": release}
                answer |= {"abstained": False, "queued": True}
                ledger.record_answer(answer, actor=user.name, patient=ref)
                ledger.review(f"a{number}", verdict="agree", reviewer=ada)
            ledger.identity(refs[0], actor="ada")
            ledger.approve("d", "breast", "1", ada)
            while ledger.append("note", actor="a", subject="s", body={"x": 1}).seq < ENTRIES:
                pass
    return place


@contextmanager
def copied(original: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger.db"
        shutil.copy(original, place)
        shutil.copy(f"{original}.key", f"{place}.key")
        yield place


def verified(place: Path) -> Verification:
    with Ledger.open(place) as ledger:
        return ledger.verify()


SEQ = st.integers(1, ENTRIES)
tampering = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
OTHER = {
    "at": st.text(max_size=5),
    "kind": st.sampled_from(["review", "note", "answer", "", "x"]),
    "actor": st.text(max_size=3) | st.binary(max_size=3),
    "subject": st.none() | st.sampled_from(["a0", "a1", "", "s"]),
    "patient": st.none() | st.text(max_size=3),
    "body": st.binary(max_size=60) | st.just(b"{}") | st.just(b'{"x":2}') | st.just("{}"),
    "previous": st.text("0123456789abcdef", max_size=64),
    "digest": st.text("0123456789abcdef", max_size=64),
}


def test_untouched_it_holds(original: Path) -> None:
    with copied(original) as place:
        assert verified(place).problems == ()


@tampering
@given(seq=SEQ, change=st.sampled_from(sorted(OTHER)).flatmap(lambda name: st.tuples(st.just(name), OTHER[name])))
def test_one_changed_field_is_found_and_named(original: Path, seq: int, change: tuple[str, Any]) -> None:
    field, value = change
    with copied(original) as place:
        if rows(place)[seq - 1][field] == value:
            return
        with unguarded(place) as connection:
            connection.execute(f"UPDATE entries SET {field} = ? WHERE seq = ?", (value, seq))
        result = verified(place)
    assert not result.holds
    assert seq in named(result)


@tampering
@given(seq=SEQ, field=st.sampled_from(["at", "actor", "kind", "body", "subject"]))
def test_a_change_with_its_digest_made_to_fit_is_found_at_the_next_entry(original: Path, seq: int, field: str) -> None:
    with copied(original) as place:
        row = rows(place)[seq - 1]
        row[field] = b"{}" if field == "body" else "forged"
        row["digest"] = digest_by_hand(row)
        with unguarded(place) as connection:
            connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))
            put(connection, row)
        result = verified(place)
    assert not result.holds
    assert named(result) & {seq, seq + 1}


@tampering
@given(seq=SEQ)
def test_one_removed_entry_is_found_and_named(original: Path, seq: int) -> None:
    with copied(original) as place:
        with unguarded(place) as connection:
            connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))
        result = verified(place)
    assert seq in named(result)


@tampering
@given(first=SEQ, second=SEQ)
def test_two_swapped_entries_are_found_and_named(original: Path, first: int, second: int) -> None:
    if first == second:
        return
    with copied(original) as place:
        with unguarded(place) as connection:
            for old, new in ((first, -1), (second, first), (-1, second)):
                connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))
        result = verified(place)
    assert {first, second} <= named(result)


@tampering
@given(seq=st.integers(-3, ENTRIES + 3), sealed=st.booleans())
def test_one_inserted_entry_is_found_and_named(original: Path, seq: int, sealed: bool) -> None:
    """Put between others (those after it move up) or at an end, with digests that fit its predecessor."""
    with copied(original) as place:
        before = {row["seq"]: row for row in rows(place)}
        row = before[ENTRIES] | {"seq": seq, "kind": "note", "patient": None, "body": b"{}"}
        row["previous"] = before[seq - 1]["digest"] if seq - 1 in before else "0" * 64
        row["digest"] = digest_by_hand(row)
        with unguarded(place) as connection:
            for later in range(ENTRIES, max(seq, 1) - 1, -1):
                if seq >= 1:
                    connection.execute("UPDATE entries SET seq = seq + 1 WHERE seq = ?", (later,))
            put(connection, row)
            if sealed and seq > ENTRIES:  # the head moved along, but without the key that seals it
                connection.execute("UPDATE head SET seq = ?, digest = ?", (seq, row["digest"]))
        result = verified(place)
    assert not result.holds
    if sealed and seq > ENTRIES:
        assert any("seal" in problem for problem in result.problems)
    else:
        assert named(result) & {seq, seq + 1}


@pytest.mark.parametrize("kept", range(ENTRIES))
def test_a_shortened_chain_with_a_head_to_match_is_found_and_nothing_is_appended_to_it(
    original: Path, kept: int
) -> None:
    with copied(original) as place:
        digest = rows(place)[kept - 1]["digest"] if kept else "0" * 64
        with unguarded(place) as connection:
            connection.execute("DELETE FROM entries WHERE seq > ?", (kept,))
            connection.execute("UPDATE head SET seq = ?, digest = ?", (kept, digest))
        with Ledger.open(place) as ledger:
            assert any("seal" in problem for problem in ledger.verify().problems)
            with pytest.raises(LedgerError, match="seal"):
                ledger.append("note", actor="a", body={})


def test_a_chain_rewritten_from_one_entry_on_is_found(original: Path) -> None:
    with copied(original) as place:
        changed = rows(place)
        changed[4]["actor"] = "forged"
        for before, row in pairwise(changed):
            row["previous"] = before["digest"]
            row["digest"] = digest_by_hand(row)
        with unguarded(place) as connection:
            connection.execute("DELETE FROM entries")
            for row in changed:
                put(connection, row)
            connection.execute("UPDATE head SET digest = ?", (changed[-1]["digest"],))
        result = verified(place)
    assert any("seal" in problem for problem in result.problems)


@pytest.mark.parametrize("byte", [0x80, 0xC3, 0xFF])
def test_a_byte_that_is_no_text_is_named_not_stumbled_over(original: Path, byte: int) -> None:
    with copied(original) as place:
        with unguarded(place) as connection:
            broken = f"CAST(x'{byte:02x}41' AS TEXT)"
            connection.execute(f"UPDATE entries SET actor = {broken} WHERE seq = 3")
        assert 3 in named(verified(place))


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE answers SET status = 'preliminary' WHERE id = 'a1'", r"answer a1 has another status"),
        ("UPDATE answers SET alert = 0, queued = 0 WHERE id = 'a1'", r"answer a1 has another alert, queued"),
        ("UPDATE answers SET reviewer = 'bo' WHERE id = 'a1'", r"answer a1 has another reviewer"),
        ("DELETE FROM answers WHERE id = 'a1'", r"answer a1 is missing in the worklist"),
        ("UPDATE answers SET id = 'zz' WHERE id = 'a1'", r"answer zz: stands in the worklist and in no entry"),
        ("UPDATE users SET role = 'clinician'", r"user svc: the account is not what was entered"),
        ("INSERT INTO users VALUES ('eve', NULL, 'admin', 1, NULL, 0, NULL, 0, NULL, NULL)", r"user eve"),
        ("UPDATE patients SET lookup = ref", r"not found by the identifier"),
        ("DELETE FROM patients", r"the row of its patient \w+ is missing"),
        ("UPDATE patients SET wrapped_key = (SELECT max(wrapped_key) FROM patients)", r"does not open"),
        ("DELETE FROM head", r"names the last entry is missing"),
    ],
)
def test_what_is_derived_must_agree_with_the_entries(original: Path, statement: str, problem: str) -> None:
    with copied(original) as place, Ledger.open(place) as ledger:
        with closing(sqlite3.connect(place)) as connection:
            connection.execute(statement)
            connection.commit()
        result = ledger.verify()
    assert not result.holds
    assert any(re.search(problem, found) for found in result.problems), result.problems


def test_the_worklist_is_rebuilt_from_the_entries(original: Path) -> None:
    with copied(original) as place, Ledger.open(place) as ledger:
        before = ledger.worklist()
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("UPDATE answers SET status = 'preliminary', reviewer = NULL, alert = 0")
            connection.execute("DELETE FROM answers WHERE id = 'a1'")
            connection.execute("UPDATE answers SET id = 'zz' WHERE id = 'a2'")
            connection.commit()
        assert not ledger.verify().holds
        assert ledger.rebuild() == 3
        assert ledger.worklist() == before
        assert ledger.verify().problems == ()


def test_a_key_that_is_gone_without_an_erasure_is_named(original: Path) -> None:
    with copied(original) as place, Ledger.open(place) as ledger:
        ref = ledger.find_patient("0")
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("UPDATE patients SET wrapped_key = NULL WHERE ref = ?", (ref,))
            connection.commit()
        problems = ledger.verify().problems
        assert f"patient {ref}: the key is gone, and no entry says that the patient was erased" in problems
        with pytest.raises(LedgerError, match="destroyed"):
            ledger.answer("a0")
