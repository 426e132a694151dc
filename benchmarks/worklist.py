"""How long the worklist takes with a million answers in the ledger, page by page, on SQLite and on PostgreSQL.

    python benchmarks/worklist.py [--json FILE] [--answers N] [--repeats N] [--only sqlite|postgresql]

The pages are asked of the real application in this process: log-in, rights, queries, template. What is synthetic: the
rows of the table ``answers`` are written in bulk and consistent with each other, without the entries that they would
come from; the answers about the patient who is searched for are real ones. Over two years, 40 clinicians and two
services asked four releases, one of which asks for the clinician's own estimate first; most answers were never signed
and have expired, and more than 10,000 wait.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import hospital as house

from bedside.ledger import Ledger, tables
from bedside.ledger.clock import stamp
from bedside.release import open_release
from bedside.review import PAGES
from bedside.serving import create_app

LIMIT = 0.2
"""Seconds that a page may take."""
DAYS = 730
COLUMNS = [column.name for column in tables.answers.columns]
RELEASES = (("breast-fna", 30, False), ("heart", 30, False), ("sepsis", 1, False), ("stroke", 30, True))
NUMBER = "BENCH-1"


def rows(count: int, now: dt.datetime, seed: int = 1) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of ``COLUMNS``, oldest first; ids and references as long as real ones."""
    rng = np.random.default_rng(seed)
    step = dt.timedelta(days=DAYS) / count
    draws = rng.random((count, 7))
    for number in range(count):
        release, alerts, silent, queues, fate, who, whom = draws[number]
        name, days, own_first = RELEASES[min(int(release * 4), 3)]
        created = now - dt.timedelta(days=DAYS) + number * step
        clinician = f"clinician-{int(who * 40)}"
        status, reviewer = "preliminary", None
        if fate < 0.30:
            status = "final" if fate < 0.27 else "amended" if fate < 0.29 else "entered-in-error"
            reviewer = f"clinician-{int(fate * 1e6) % 40}"
        elif fate > 0.97:
            reviewer = f"clinician-{int(fate * 1e6) % 40}"
        abstained = bool(silent < 0.02)
        row = {
            "id": f"{number:08x}-0000-7000-8000-{int(whom * 2**48):012x}",
            "seq": 1_000_000 + number,
            "release": name,
            "version": "1.0.0",
            "digest": name.ljust(64, "0"),
            "patient": f"{int(whom * 200_000):032x}",
            "created": stamp(created),
            "expires": stamp(created + dt.timedelta(days=days)),
            "alert": None if abstained else bool(alerts < 0.35),
            "abstained": abstained,
            "queued": bool(queues < 0.6),
            "status": status,
            "reviewer": reviewer,
            "asker": clinician if who < 0.6 else f"service-{int(who * 10) % 2}",
            "own_first": own_first and not abstained,
            "waits": dt.timedelta(days=days) // dt.timedelta(microseconds=1),
        }
        yield tuple(row[column] for column in COLUMNS)


def fill(ledger: Ledger, count: int, now: dt.datetime) -> float:
    """Write the rows, in bulk as each database likes it best; seconds."""
    started = time.monotonic()
    with ledger._writing() as connection:
        if connection.dialect.name == "sqlite":
            batch: list[dict[str, Any]] = []
            for row in rows(count, now):
                batch.append(dict(zip(COLUMNS, row, strict=True)))
                if len(batch) == 20_000:
                    connection.execute(insert(tables.answers), batch)
                    batch = []
            if batch:
                connection.execute(insert(tables.answers), batch)
        else:
            text = io.StringIO()
            csv.writer(text).writerows(rows(count, now))
            text.seek(0)
            cursor = connection.connection.cursor()
            cursor.execute(f"COPY answers ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv)", stream=text)
    return time.monotonic() - started


def views(middle: str) -> dict[str, str]:
    """Name → path; ``middle`` is a place in the middle of the list of expired answers."""
    return {
        "waiting": "/",
        "waiting, alerts": "/?only=alert",
        "waiting, no estimate": "/?only=abstained",
        "waiting, second reading": "/?only=second",
        "waiting, mine": "/?only=mine",
        "waiting, one release": "/?release=heart",
        "waiting, one day's release": "/?release=sepsis&only=abstained",
        "final": "/?show=final",
        "final, no estimate, one release": "/?show=final&only=abstained&release=stroke",
        "expired, from the middle": f"/?show=expired&after={middle}",
        "entered in error, alerts": "/?show=entered-in-error&only=alert",
        "superseded (none)": "/?show=superseded",
        "all": "/?show=all",
        "all, mine": "/?show=all&only=mine",
        "API: preliminary, queued": "/api/v1/answers?status=preliminary&queued=true",
    }


def others_cpu() -> float:
    """CPU seconds of the processes that this one has started and theirs: the database's, where it is a server."""
    ours, used = {os.getpid()}, 0.0
    parents = {}
    for pid in [int(file.name) for file in Path("/proc").glob("[0-9]*")]:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        parents[pid] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    for _ in range(3):
        ours |= {pid for pid, (parent, _) in parents.items() if parent in ours}
    for pid in ours - {os.getpid()}:
        used += parents.get(pid, (0, 0.0))[1]
    return used


def timed(ask: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Seconds of one request: CPU of this process and of the database's server, and wall; the first is not counted."""
    assert ask().status_code == 200
    cpu, wall, others = [], [], others_cpu()
    for _ in range(repeats):
        before = time.process_time(), time.perf_counter()
        reply = ask()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
        assert reply.status_code == 200
    return {
        "cpu_p50": statistics.median(cpu),
        "database_cpu_mean": (others_cpu() - others) / repeats,
        "wall_p50": statistics.median(wall),
        "wall_p95": float(np.quantile(wall, 0.95)),
    }


def measured(hospital: house.Hospital, count: int, repeats: int) -> dict[str, Any]:
    """Everything, on one ledger."""
    client = hospital.client("clinician-7")
    patient = {"id": NUMBER, "name": "Invented Patient", "birth_date": "1950-01-01"}
    for _ in range(20):
        hospital.ask("clinician-7", patient=patient, explain=False)
    place = f"{stamp(hospital.clock() - dt.timedelta(days=DAYS / 2))}_1"
    found = {name: timed(lambda path=path: client.get(path), repeats) for name, path in views(place).items()}
    found["search by patient number"] = timed(lambda: hospital.form(client, "/patients", id=NUMBER), repeats)
    text = client.get("/").text
    assert "more than 10000" in text.replace("\n", " ") or count < 900_000, "more than 10,000 should wait"
    return found


def opened(url: str | Path, release: tuple[Path, Path]) -> house.Hospital:
    """The application on an empty ledger, with one clinician."""
    clock = house.Clock()
    ledger = Ledger.open(url, clock=clock, hasher=house.CHEAP)
    user, secret = ledger.add_user("clinician-7", "clinician", actor="benchmark")
    ledger.change_password(user.name, secret, house.PASSWORD)
    app = create_app([open_release(*release)], ledger, solo=True, clock=clock, pages=PAGES, key=release[1])
    app.state.service.check()
    return house.Hospital(app, ledger, clock, {user.name: house.PASSWORD}, {user.name: user})


def ledgers(only: str | None, folder: Path) -> Iterator[tuple[str, str | Path, Callable[[], object]]]:
    """Name, URL, and the upkeep that the database's own daemon would have done by then."""
    if only != "postgresql":
        yield "sqlite", folder / "ledger.db", lambda: None
    if only != "sqlite":
        import postgres

        server = postgres.Postgres()
        server.start()
        try:
            name = server.fresh()
            yield "postgresql", server.url(name), lambda: server.sql("VACUUM ANALYZE", database=name)
        finally:
            server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"OMP_NUM_THREADS": "1", "BEDSIDE_LEDGER_KEY": f"{folder}/ledger.key"}
        release = house.make_release(Path(folder))
        for name, url, upkeep in ledgers(arguments.only, Path(folder)):
            hospital = opened(url, release)
            seconds = fill(hospital.ledger, arguments.answers, hospital.clock())
            upkeep()
            results[name] = measured(hospital, arguments.answers, arguments.repeats)
            hospital.ledger.close()
            print(f"\n{name}: {arguments.answers} answers, written in {seconds:.0f} s")
            print(f"milliseconds, limit {LIMIT * 1000:.0f}" + "CPU p50".rjust(21), "database", "wall p50", "wall p95")
            for page, one in results[name].items():
                cpu, database, wall, slow = (1000 * seconds for seconds in one.values())
                print(f"{page:<36}{cpu:>9.1f}{database:>9.1f}{wall:>9.1f}{slow:>9.1f}")
    if arguments.json:
        found = {"answers": arguments.answers, "repeats": arguments.repeats, "limit": LIMIT, "seconds": results}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
