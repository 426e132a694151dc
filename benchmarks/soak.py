"""Minutes of mixed load against one server: no error, and no growth of memory.

    python benchmarks/soak.py [--minutes 10] [--concurrency 16] [--json FILE]

Each client chooses at random, again and again: an answer with explanation, an answer read by the program or by a
clinician, a review, the worklist by the API or as a page, an inference by the Open Inference Protocol, the metrics.
Growth is the median of the server's resident memory in the last fifth of the time less that in the second fifth: what
was needed once (caches, pools of connections and threads) is there by then. That the limit would be broken by a leak is
shown each time: a second server, which keeps a small object of each request, is under the same load for three tenths of
the time, and must break it. The exit status is 1 for any error, any growth beyond the limit, a chain that does not
hold, or a planted leak that stays below the limit.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import httpx2
from hospital import CATEGORIES, CHEAP, HIGH, NUMBERS, PLAUSIBLE, make_release
from killing import Staff, staff
from served import serving

from bedside.ledger import Ledger

LIMIT_MEGABYTES = 2.5
PLANTED_BYTES = 64
ASK = "/api/v1/releases/breast-fna/answers"
INFER = {
    "inputs": [
        {"name": name, "datatype": "FP64" if name in NUMBERS else "BYTES", "shape": [1], "data": [PLAUSIBLE[name]]}
        for name in (*NUMBERS, *CATEGORIES)
    ]
}
WEIGHTS = {"answer": 4, "infer": 4, "read": 3, "read_as_clinician": 1, "review": 2, "list": 2, "page": 1, "metrics": 1}


@dataclass
class Load:
    """What the clients share: where to ask, what was answered so far, what was counted, what went wrong."""

    url: str
    people: Staff
    over: threading.Event = field(default_factory=threading.Event)
    recent: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=500))
    unsigned: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=500))
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: list[str] = field(default_factory=list)

    def work(self, seed: int) -> None:
        """One client, until it is over."""
        chance = random.Random(seed)
        cookies, headers = {"bedside_session": self.people.session}, {"X-CSRF-Token": self.people.csrf}
        program = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.people.key}"}, timeout=60, verify=False
        )
        clinician = httpx2.Client(base_url=self.url, cookies=cookies, headers=headers, timeout=60, verify=False)
        with program, clinician:
            while not self.over.is_set():
                (what,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
                try:
                    self.one(what, chance, program, clinician)
                except Exception as error:  # whatever it is, it is counted
                    self.errors.append(f"{what}: {error!r}")

    def one(self, what: str, chance: random.Random, program: httpx2.Client, clinician: httpx2.Client) -> None:
        """One request."""
        if what == "review":
            if not self.unsigned:
                return
            body = {"verdict": "disagree", "conclusion": "Repeat the aspirate", "reason": "Cells unlike it"}
            try:
                answer = self.unsigned.popleft()
            except IndexError:
                return
            reply = clinician.post(f"/api/v1/answers/{answer}/reviews", json=body)
        elif what == "answer":
            body = {"patient": {"id": f"P-{chance.randrange(2000)}", "name": "Ada Example"}}
            reply = program.post(ASK, json=body | {"values": HIGH if chance.random() < 0.5 else PLAUSIBLE})
            if reply.status_code == 201:
                self.recent.append(reply.json()["id"])
                self.unsigned.append(reply.json()["id"])
        else:
            reply = self.read(what, chance, program, clinician)
        self.done[what] += 1
        if reply.status_code not in (200, 201):
            self.errors.append(f"{what}: {reply.status_code} {reply.text[:200]}")

    def read(self, what: str, chance: random.Random, program: httpx2.Client, clinician: httpx2.Client) -> Any:
        """One request that changes nothing but the journal."""
        if what == "infer":
            return program.post("/v2/models/breast-fna/infer", json=INFER)
        if what in ("read", "read_as_clinician") and self.recent:
            reader = program if what == "read" else clinician
            return reader.get(f"/api/v1/answers/{chance.choice(tuple(self.recent))}")
        if what == "page":
            return clinician.get("/")
        if what == "metrics":
            return program.get("/metrics")
        return clinician.get("/api/v1/answers?status=preliminary&limit=20")


def resident(process: int) -> float:
    """Megabytes of resident memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def leaking(size: int, words: list[str]) -> None:
    """``bedside`` with these words, and with a leak: of each request that is logged, ``size`` bytes are kept."""
    from bedside.__main__ import main as bedside
    from bedside.serving.request_log import RequestLog

    kept, add = [], RequestLog.add

    def keep(*request: Any) -> None:
        kept.append(bytes(size))
        add(*request)

    RequestLog.add = keep  # type: ignore[method-assign]
    sys.argv = ["bedside", *words]
    bedside()


def soak(folder: Path, seconds: float, concurrency: int, plant: int) -> dict[str, Any]:
    within = (sys.executable, "-W", "error", __file__, "--leaking", str(plant)) if plant else ()
    with Ledger.open(folder / "ledger.db", hasher=CHEAP) as ledger:
        people = staff(ledger)
    release, options = make_release(folder / "made"), ("--oip", "--rate-limit", "100000000")
    with serving(folder, release, *options, within=within) as server:
        load, samples = Load(server.url, people), [resident(server.process.pid)]
        clients = [threading.Thread(target=load.work, args=(seed,)) for seed in range(concurrency)]
        for client in clients:
            client.start()
        began = time.monotonic()
        while time.monotonic() - began < seconds and server.process.poll() is None:
            time.sleep(min(2, seconds / 50))
            samples.append(resident(server.process.pid))
        load.over.set()
        for client in clients:
            client.join()
        ended = server.process.poll()
    with Ledger.open(folder / "ledger.db", hasher=CHEAP) as ledger:
        holds = ledger.verify().holds
    fifth = len(samples) // 5
    medians = [statistics.median(samples[part * fifth : (part + 1) * fifth]) for part in range(5)]
    growth, requests = medians[4] - medians[1], sum(load.done.values())
    return {
        "seconds": round(seconds),
        "concurrency": concurrency,
        "planted_bytes_a_request": plant,
        "requests": dict(sorted(load.done.items())),
        "errors": len(load.errors) + (ended is not None),
        "first_errors": load.errors[:10],
        "resident_megabytes": {
            "at_start": round(samples[0], 1),
            "fifths": [round(median, 1) for median in medians],
            "most": round(max(samples), 1),
        },
        "growth_megabytes": round(growth, 2),
        "growth_bytes_a_request": round(growth * 2**20 / (0.6 * requests), 1),
        "growth_limit_megabytes": LIMIT_MEGABYTES,
        "ledger_holds": holds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    runs = []
    for seconds, plant in ((arguments.minutes * 60, 0), (arguments.minutes * 18, PLANTED_BYTES)):
        with tempfile.TemporaryDirectory() as name:
            runs.append(soak(Path(name), seconds, arguments.concurrency, plant))
    found, with_leak = runs
    print(json.dumps(found | {"with_a_planted_leak": with_leak}, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(found | {"with_a_planted_leak": with_leak}, indent=1) + "\n")
    failed = any(run["errors"] or not run["ledger_holds"] for run in runs)
    sys.exit(failed or found["growth_megabytes"] > LIMIT_MEGABYTES or with_leak["growth_megabytes"] <= LIMIT_MEGABYTES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--leaking"]:  # as `soak` starts the server: size, python -W error -m bedside, words
        leaking(int(sys.argv[2]), sys.argv[8:])
    else:
        main()
