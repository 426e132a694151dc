"""Time and memory of the commands that read a whole ledger: ``ledger verify`` and ``outcomes`` with its report.

    python benchmarks/ledger.py [--json FILE] [--cases N]

The ledger is one SQLite file. A release ran silently beside the live one: each case is an answer of both, encrypted
under the patient's key, and an outcome; there are five cases a patient. What is synthetic: the entries are written in
bulk, chained and sealed as the ledger would have done; the answers repeat a real one under other ids. The commands are
the real ones, each a process of its own; its peak of resident memory is what the system measured.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import insert, update

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import hospital as house

from bedside.ledger import Entry, Identity, Ledger, tables
from bedside.ledger.clock import stamp
from bedside.ledger.entry import GENESIS, canonical, chained, encoded
from bedside.ledger.keys import encrypt, new_key
from bedside.ledger.projection import row_of
from bedside.serving.deployments import deploy

LIMIT = 300
"""Megabytes of resident memory that a command may take, however long the ledger is."""
PER_PATIENT = 5
MORE = 1000
"""Outcomes that the command itself enters."""
# Of this process since it began; what wait() reports counts the parent in.
COMMAND = """
import sys
from bedside.cli import run
assert run(sys.argv[1:]) == 0
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


class Chain:
    """Entries in the order of the chain, kept until they are written."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        last = list(ledger.entries())[-1]
        self.seq, self.digest = last.seq, last.digest
        self.rows: dict[str, list[dict[str, Any]]] = {"patients": [], "entries": [], "answers": []}

    def add(self, kind: str, subject: str | None, body: Any, patient: str, key: bytes, at: str) -> int:
        """One entry about a patient; its number."""
        self.seq += 1
        hidden = encrypt(key, encoded(body), canonical(kind, subject, patient))
        facts = {"at": at, "kind": kind, "actor": "service", "subject": subject, "patient": patient, "body": hidden}
        entry = chained(Entry(seq=self.seq, previous=self.digest or GENESIS, digest="", **facts))
        self.digest = entry.digest
        self.rows["entries"].append(msgspec.structs.asdict(entry))
        return self.seq

    def write(self) -> None:
        """All of it, and the head."""
        with self.ledger._writing() as connection:
            for table, rows in self.rows.items():
                if rows:
                    connection.execute(insert(tables.metadata.tables[table]), rows)
                    rows.clear()
            seal = self.ledger._vault.seal(self.seq, self.digest)
            connection.execute(update(tables.head), {"seq": self.seq, "digest": self.digest, "seal": seal})


def fill(ledger: Ledger, live: dict[str, Any], silent: dict[str, Any], cases: int) -> Iterator[str]:
    """Write the cases, and yield the ids of those whose outcome is still to be entered."""
    chain, rng, begin = Chain(ledger), np.random.default_rng(1), house.START
    vault, ref, key = ledger._vault, "", b""
    for number in range(cases):
        moment = begin + number * dt.timedelta(seconds=60)
        at, case = stamp(moment), f"{number:08x}-0000-7000-8000-{int(rng.integers(2**48)):012x}"
        if number % PER_PATIENT == 0:
            ref, key = rng.bytes(16).hex(), new_key()
            row = {"ref": ref, "lookup": vault.lookup(f"n-{number}"), "wrapped_key": vault.wrap(key, ref)}
            chain.rows["patients"].append(row)
            chain.add("patient", None, Identity(f"N-{number}"), ref, key, at)
        risk = rng.beta(1, 3, 2)
        when = {"created": moment.isoformat(), "expires": (moment + dt.timedelta(days=30)).isoformat(), "patient": ref}
        said = [
            {**one, **when, "estimate": {"benign": 1 - p, "malignant": p}, "alert": bool(p >= 0.2)}
            for one, p in zip((live, silent), risk.tolist(), strict=True)
        ]
        said[0]["id"], said[1]["id"] = case, f"s-{case}"
        seq = chain.add("answer", case, said[0], ref, key, at)
        row = row_of(said[0], seq=seq, patient=ref, asker="service")
        chain.rows["answers"].append(msgspec.structs.asdict(row))
        chain.add("silent-answer", said[1]["id"], {"answer": said[1], "beside": case}, ref, key, at)
        if number < cases - MORE:
            outcome = "malignant" if rng.random() < risk[1] else "benign"
            body = {"outcome": outcome, "observed": None, "release": {}}
            chain.add("outcome", case, body, ref, key, at)
        else:
            yield case
        if number % 5000 == 4999:
            chain.write()
    chain.write()


def made(folder: Path, cases: int) -> tuple[list[str], int, float]:
    """The ledger; the words that link outcomes, the number of entries, and seconds."""
    signed = house.make_release(folder / "live")
    newer = house.make_release(folder / "silent", version="1.1.0", shift=0.4, keys=signed[1].parent)
    hospital = house.open_hospital(folder, [signed])
    deploy(hospital.app.state.service, hospital.users["admin"], newer[0], "silent")
    live = hospital.ask("service", patient={"id": "N-first"}, explain=False)
    kept = [hospital.ledger.decoded(entry) for entry in hospital.ledger.entries(kind="silent-answer")]
    started = time.monotonic()
    table = folder / "outcomes.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("answer", "outcome"))
        writer.writerows((case, "benign") for case in fill(hospital.ledger, live, kept[-1]["answer"], cases))
    with hospital.ledger._reading() as connection:
        entries = int(connection.exec_driver_sql("SELECT seq FROM head").scalar_one())
    hospital.ledger.close()
    link = ["outcomes", str(newer[0]), str(table), "--user", "scientist", "--out", str(folder / "out")]
    return link, entries, time.monotonic() - started


def run(words: list[str], place: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """What the command says, its CPU and wall seconds, and the most megabytes that were resident."""
    started, before = time.monotonic(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words, "--json", "--ledger", str(place)],
        input=f"{house.PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    after = os.times()
    figures = {
        "cpu_seconds": after.children_user + after.children_system - before.children_user - before.children_system,
        "wall_seconds": time.monotonic() - started,
        "peak_mb": int(done.stderr.split()[-1]) / 1024,
    }
    return json.loads(done.stdout), {name: round(value, 1) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cases", type=int, default=333_000)
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link, entries, seconds = made(folder, arguments.cases)
        place = folder / "ledger.db"
        size = place.stat().st_size / 1e6
        print(f"{arguments.cases} cases in {entries} entries, {size:.0f} MB, written in {seconds:.0f} s", flush=True)
        results: dict[str, Any] = {"cases": arguments.cases, "entries": entries, "ledger_mb": round(size)}
        said, results["verify"] = run(["ledger", "verify"], place)
        assert said["holds"], said["problems"]
        assert said["entries"] == entries
        print("verify", results["verify"], flush=True)
        said, results["outcomes"] = run(link, place)
        assert (said["new"], said["with_outcome"]) == (MORE, arguments.cases), said
        print("outcomes", results["outcomes"], flush=True)
    results["limit_mb"] = LIMIT
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    over = [word for word in ("verify", "outcomes") if results[word]["peak_mb"] > LIMIT]
    sys.exit(f"more than {LIMIT} MB: {', '.join(over)}" if over else 0)


if __name__ == "__main__":
    main()
