"""Several threads, several processes, and a process that dies in the middle of writing."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bedside.errors import Conflict
from bedside.ledger import Identity, Ledger, User

APPEND = """
import sys
from bedside.ledger import Identity, Ledger
with Ledger.open(sys.argv[1]) as ledger:
    ref = ledger.patient(Identity("12345", "Same Patient"))
    for number in range(int(sys.argv[3])):
        entry = ledger.append("note", actor=sys.argv[2], body={"number": number}, patient=ref)
        print(entry.seq, number, flush=True)
"""


def started(url: str, actor: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND, url, actor, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_make_one_ledger_and_one_chain(where: str) -> None:
    """They also all make the file, its key and the same new patient at once."""
    processes = [started(where, f"p{number}", 50) for number in range(4)]
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert (process.returncode, error) == (0, "")
    with Ledger.open(where) as ledger:
        assert ledger.verify().problems == ()
        assert len(list(ledger.entries(kind="patient"))) == 1
        notes = list(ledger.entries(kind="note"))
        for actor in ("p0", "p1", "p2", "p3"):
            mine = [ledger.decoded(entry)["number"] for entry in notes if entry.actor == actor]
            assert mine == list(range(50))


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def work(thread: int) -> list[int]:
        ref = ledger.patient(Identity(str(thread % 3)))
        seqs = [ledger.append("note", actor=str(thread), body={}, patient=ref).seq for _ in range(10)]
        assert ledger.verify().problems == ()
        return seqs

    with ThreadPoolExecutor(12) as pool:
        seqs = [seq for found in pool.map(work, range(12)) for seq in found]
    assert sorted(seqs) == [entry.seq for entry in ledger.entries(kind="note")]
    assert len(set(seqs)) == 120
    assert len(list(ledger.entries(kind="patient"))) == 3
    assert ledger.verify().problems == ()


def test_of_two_reviews_at_once_only_one_is_the_first(ledger: Ledger, make_answer: Any) -> None:
    users = [User(name=f"c{number}", full_name=None, role="clinician", active=True) for number in range(8)]
    ledger.record_answer(make_answer("a"), actor="svc", patient=None)

    def sign(user: User) -> str:
        try:
            return ledger.review("a", verdict="agree", reason="seen", reviewer=user, expected="preliminary").status
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(sign, users)) == ["conflict"] * 7 + ["final"]


def test_guesses_made_at_once_are_all_counted(ledger: Ledger) -> None:
    _, password = ledger.add_user("ada", "clinician", actor="root")

    def guess(number: int) -> None:
        try:
            ledger.authenticate("ada", f"guess {number}")
        except PermissionError:
            return
        raise AssertionError("a wrong password was taken")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(guess, range(8)))
    reasons = [ledger.decoded(entry)["reason"] for entry in ledger.entries(kind="log-in-failed")]
    assert reasons == ["wrong password"] * 5 + ["locked"] * 3
    assert password


def test_what_was_acknowledged_survives_a_kill(where: str) -> None:
    acknowledged: dict[int, tuple[str, int]] = {}
    for kill in range(5):
        process = started(where, f"run{kill}", 100_000)
        assert process.stdout is not None
        for _ in range(3 + 7 * kill):
            seq, number = map(int, process.stdout.readline().split())
            acknowledged[seq] = (f"run{kill}", number)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                seq, number = map(int, line.split())
                acknowledged[seq] = (f"run{kill}", number)
        with Ledger.open(where) as ledger:
            assert ledger.verify().problems == ()
            there = {entry.seq: (entry.actor, ledger.decoded(entry)["number"]) for entry in ledger.entries(kind="note")}
        assert acknowledged.items() <= there.items()
    assert len(acknowledged) >= 85
