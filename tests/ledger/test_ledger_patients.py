"""Patients: found again by their id, read only on the record, and nowhere in clear."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.errors import Conflict, LedgerError, NotFound, ValueRefused
from bedside.ledger import Identity, Ledger, User
from bedside.ledger.keys import Vault, decrypt, encrypt, new_key

PATIENT = Identity("007-123", "Ada Long", "1960-05-17")


def test_a_patient_is_found_again(ledger: Ledger) -> None:
    ref = ledger.patient(PATIENT)
    assert ledger.patient(PATIENT) == ref
    assert ledger.find_patient("007-123") == ref
    assert ledger.find_patient("07-123") is None
    assert ledger.patient(Identity("07-123")) != ref
    assert ledger.identity(ref, actor="ada") == PATIENT
    assert len(list(ledger.entries(kind="patient"))) == 2


@pytest.mark.parametrize("written", [" 007-abc ", "007-ABC", "007 - abc", "００７-ａｂｃ"])
def test_spelling_does_not_make_another_patient(ledger: Ledger, written: str) -> None:
    ref = ledger.patient(Identity("007-abc"))
    assert ledger.patient(Identity(written)) == ref


def test_each_reading_of_an_identity_is_entered(ledger: Ledger) -> None:
    refs = [ledger.patient(Identity(str(number), f"Name {number}")) for number in range(3)]
    found = ledger.identities([*refs, refs[0]], actor="ada")
    assert [found[ref].name for ref in refs] == ["Name 0", "Name 1", "Name 2"]
    ledger.identity(refs[1], actor="bo")
    read = [(entry.actor, entry.patient) for entry in ledger.entries(kind="identity-read")]
    assert read == [("ada", refs[0]), ("ada", refs[1]), ("ada", refs[2]), ("bo", refs[1])]


def test_an_unknown_reference_is_not_found_and_nothing_is_entered(ledger: Ledger) -> None:
    ref = ledger.patient(PATIENT)
    with pytest.raises(NotFound):
        ledger.identities([ref, "nobody"], actor="ada")
    assert list(ledger.entries(kind="identity-read")) == []


def test_what_is_learnt_later_is_kept_and_what_is_left_out_is_not_lost(ledger: Ledger) -> None:
    ref = ledger.patient(Identity("7"))
    ledger.patient(Identity("7", birth_date="1960-05-17"))
    ledger.patient(Identity("7", name="Ada Short"))
    ledger.patient(Identity("7", name="Ada Long"))
    ledger.patient(Identity("7"))
    assert ledger.identity(ref, actor="ada") == Identity("7", "Ada Long", "1960-05-17")
    assert len(list(ledger.entries(kind="patient"))) == 4


def test_another_birth_date_may_be_another_patient(ledger: Ledger) -> None:
    ref = ledger.patient(PATIENT)
    with pytest.raises(Conflict, match="birth date") as caught:
        ledger.patient(Identity("007-123", "Ada Long", "1961-05-17"))
    assert "1960" not in str(caught.value)
    ledger.correct_identity(ref, Identity("007-123", "Ada Long", "1961-05-17"), actor="ada")
    assert ledger.identity(ref, actor="ada").birth_date == "1961-05-17"
    other = ledger.patient(Identity("8"))
    with pytest.raises(Conflict):
        ledger.correct_identity(ref, Identity("8"), actor="ada")
    with pytest.raises(NotFound):
        ledger.correct_identity("nobody", Identity("8"), actor="ada")
    assert ledger.identity(other, actor="ada") == Identity("8")


@pytest.mark.parametrize(
    "identity", [Identity(""), Identity(" \t"), Identity("1", None, "17.5.1960"), Identity("1", None, "1960-13-01")]
)
def test_an_identity_that_cannot_be_is_refused(ledger: Ledger, identity: Identity) -> None:
    with pytest.raises(ValueRefused):
        ledger.patient(identity)
    assert ledger.verify().entries == 0


@pytest.mark.parametrize("date", ["1960", "1960-05", "1960-05-17", None, ""])
def test_as_much_of_a_birth_date_as_is_known(ledger: Ledger, date: str | None) -> None:
    ref = ledger.patient(Identity("1", None, date))
    assert ledger.identity(ref, actor="a").birth_date == (date or None)


@settings(max_examples=60, deadline=None)
@given(plain=st.binary(max_size=200), context=st.binary(max_size=20), byte=st.integers(0, 10_000))
def test_one_changed_byte_does_not_decrypt(plain: bytes, context: bytes, byte: int) -> None:
    key = new_key()
    stored = encrypt(key, plain, context)
    assert decrypt(key, stored, context) == plain
    assert encrypt(key, plain, context) != stored
    place = byte % len(stored)
    with pytest.raises(LedgerError):
        decrypt(key, stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :], context)
    with pytest.raises(LedgerError):
        decrypt(key, stored, context + b"x")
    with pytest.raises(LedgerError):
        decrypt(new_key(), stored, context)


def test_keys_for_different_purposes_say_nothing_about_each_other() -> None:
    vault, other = Vault(bytes(32)), Vault(b"\x01" + bytes(31))
    outputs = [vault.lookup("x"), vault.csrf("x"), vault.seal(1, "x"), vault.fingerprint()]
    outputs += [other.lookup("x"), other.csrf("x"), other.seal(1, "x"), other.fingerprint()]
    assert len(set(outputs)) == 8
    with pytest.raises(LedgerError):
        vault.unwrap(vault.wrap(bytes(32), "one patient"), "another")
    assert "00" not in repr(vault)


def test_an_entry_moved_to_another_subject_does_not_decrypt(ledger: Ledger) -> None:
    ref = ledger.patient(PATIENT)
    entry = ledger.append("note", actor="a", subject="x", body={}, patient=ref)
    for change in ({"subject": "y"}, {"subject": None}, {"kind": "review"}):
        with pytest.raises(LedgerError):
            ledger.decoded(msgspec.structs.replace(entry, **change))


def test_no_identifier_and_no_secret_stands_in_the_files(
    ledger: Ledger, place: Path, clinician: User, make_answer: Callable[..., dict[str, Any]]
) -> None:
    planted = ["MRN-99887766", "Quixotewicz", "1947-11-23", "hairy-cell", "Zweitmeinung", "watchful"]
    ref = ledger.patient(Identity("MRN-99887766", "Zebedee Quixotewicz", "1947-11-23"))
    patient = {"id": "MRN-99887766", "name": "Zebedee Quixotewicz", "birth_date": "1947-11-23"}
    ledger.record_answer(make_answer("a1", patient=patient), actor="svc", patient=ref)
    ledger.review(
        "a1", verdict="disagree", conclusion="hairy-cell", action="watchful", reason="Zweitmeinung", reviewer=clinician
    )
    ledger.withdraw("a1", "Quixotewicz is another patient", clinician)
    ledger.identity(ref, actor="ada")
    _, once = ledger.add_user("ada", "clinician", actor="root")
    _, key = ledger.add_user("svc", "service", actor="root")
    ledger.change_password("ada", once, "correct horse battery")
    for name, wrong in (("ada", "mistyped horse"), ("correct horse battery", "x")):
        with pytest.raises(PermissionError):
            ledger.authenticate(name, wrong)
    token = ledger.open_session(ledger.authenticate("ada", "correct horse battery"))
    planted += [once, key, key.removeprefix("bk_"), "correct horse", "mistyped horse", token, ledger.csrf_token(token)]
    master = Path(f"{place}.key").read_text().strip()
    planted.append(master)

    def stored() -> bytes:
        return b"".join(path.read_bytes() for path in place.parent.iterdir() if path.suffix != ".key")

    open_bytes = stored()
    assert len(list(place.parent.glob("ledger.db-wal"))) == 1
    ledger.close()
    for content in (open_bytes, stored()):
        assert b"identity-read" in content  # the search looks where things stand
        assert base64.b64decode(master) not in content
        for text in planted:
            for form in (text, text.lower(), text.casefold()):
                assert form.encode() not in content, text
                assert form.encode("utf-16-le") not in content, text
