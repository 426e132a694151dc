"""A server that is killed again and again while it works, and whether what it had promised is there afterwards."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from hospital import CHEAP, HIGH, PASSWORD, PLAUSIBLE
from served import serving

from bedside.ledger import Ledger

CLIENTS = 4
_GONE = (httpx2.TransportError,)


@dataclass
class Promised:
    """What a server said before it died: answers it returned, reviews it acknowledged, by the answer's id.

    ``wrong`` holds every reply that is neither, although the server was there.
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Round:
    """One life of a server: what it promised, whether the database crashed too, and what was wrong afterwards."""

    number: int
    crashed: bool
    promised: Promised
    problems: list[str]


@dataclass
class Staff:
    """A service's key, and a clinician's session with its CSRF token."""

    key: str
    session: str
    csrf: str


def staff(ledger: Ledger) -> Staff:
    """Who asks and who signs."""
    _, key = ledger.add_user("emr", "service", actor="test")
    user, once = ledger.add_user("clinician", "clinician", full_name="Dr. Ida Rolf", actor="test")
    ledger.change_password("clinician", once, PASSWORD)
    token = ledger.open_session(user)
    return Staff(key, token, ledger.csrf_token(token))


def rounds(
    ledger: str | Path,
    release: tuple[Path, Path],
    folder: Path,
    *,
    count: int,
    seed: int,
    crash: Callable[[], None] | None = None,
) -> Iterator[Round]:
    """Serve ``ledger`` so often, each time with load, until the server is killed at a random moment.

    The moment: some promises, 1 to 59, and then up to 20 ms, so that it does not depend on how fast the machine is.

    After each kill the ledger is opened and compared with all that was promised in that life, and verified; at the end
    with all that was ever promised. ``crash`` ends the database itself, and starts it again: in every fourth round it
    is what happens first.
    """
    moments = random.Random(seed)
    with Ledger.open(ledger, hasher=CHEAP) as book:
        people = staff(book)
    ever: list[Promised] = []
    for number in range(count):
        crashed = crash is not None and number % 4 == 3
        promised = _life(ledger, release, folder, people, moments, crash if crashed else None)
        ever.append(promised)
        yield Round(number, crashed, promised, promised.wrong + kept(ledger, [promised]))
    lost = kept(ledger, ever)
    if lost:
        yield Round(count, False, Promised(), lost)


def _life(
    ledger: str | Path,
    release: tuple[Path, Path],
    folder: Path,
    people: Staff,
    moments: random.Random,
    crash: Callable[[], None] | None,
) -> Promised:
    promised, over = Promised(), threading.Event()
    enough, pause = moments.randrange(1, 60), moments.uniform(0, 0.02)
    with serving(folder, release, "--rate-limit", "1000000", ledger=ledger) as server:
        load = [
            threading.Thread(target=_work, args=(server.url, people, promised, over, random.Random(moments.random())))
            for _ in range(CLIENTS)
        ]
        for client in load:
            client.start()
        while len(promised.answers) + len(promised.reviews) < enough:
            assert server.process.poll() is None, f"it ended by itself: {server.process.returncode} {server.logged()}"
            assert not promised.wrong, promised.wrong
            assert any(client.is_alive() for client in load), "the server lives, and nobody hears from it"
            time.sleep(0.001)
        time.sleep(pause)
        if crash is not None:
            crash()
        server.process.send_signal(signal.SIGKILL)
        assert server.process.wait(timeout=20) == -signal.SIGKILL, server.logged()
        over.set()
        for client in load:
            client.join(timeout=30)
            assert not client.is_alive()
    return promised


def _work(url: str, people: Staff, promised: Promised, over: threading.Event, chance: random.Random) -> None:
    """Ask, and sign what was answered, until the server is gone; a reply counts once all of it has arrived."""
    cookies, headers = {"bedside_session": people.session}, {"X-CSRF-Token": people.csrf}
    # Plain HTTP: a client that need not read certificates is there at once.
    service = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {people.key}"}, timeout=20, verify=False)
    clinician = httpx2.Client(base_url=url, cookies=cookies, headers=headers, timeout=20, verify=False)
    with service, clinician, contextlib.suppress(*_GONE):
        for turn in itertools.count():
            body = {
                "patient": {"id": f"P-{chance.randrange(200)}", "name": "Ada Example"},
                "values": HIGH if chance.random() < 0.5 else PLAUSIBLE,
                "explain": turn % 8 == 0,
            }
            answer = _sent(service, "/api/v1/releases/breast-fna/answers", body, promised)
            if answer is None:
                continue
            promised.answers[answer["id"]] = answer
            if chance.random() < 0.6:
                verdict = {
                    "verdict": "disagree",
                    "conclusion": f"Repeat {chance.random()}",
                    "reason": "Cells unlike it",
                }
                review = _sent(clinician, f"/api/v1/answers/{answer['id']}/reviews", verdict, promised)
                if review is not None:
                    promised.reviews[answer["id"]] = review
            if over.is_set():
                return


def _sent(client: httpx2.Client, path: str, body: dict[str, Any], promised: Promised) -> dict[str, Any] | None:
    reply = client.post(path, json=body)
    if reply.status_code == 201:
        return dict(reply.json())
    if reply.status_code != 503:  # 503: the database is gone, and nothing was promised
        promised.wrong.append(f"{path}: {reply.status_code} {reply.text[:200]}")
    return None


def kept(ledger: str | Path, promises: list[Promised]) -> list[str]:
    """What of the promises is not in the ledger as it was said, and what does not hold there."""
    problems = []
    with Ledger.open(ledger, hasher=CHEAP) as book:
        for promised in promises:
            for answer_id, answer in promised.answers.items():
                problems += _compared(book, answer_id, answer, promised.reviews.get(answer_id))
        found = book.verify()
    return problems if found.holds else [*problems, *found.problems]


def _compared(book: Ledger, answer_id: str, answer: dict[str, Any], review: dict[str, Any] | None) -> list[str]:
    try:
        stored = book.answer(answer_id)
    except LookupError:
        return [f"answer {answer_id} was returned and is not there"]
    there = json.loads(msgspec.json.encode(stored.answer))
    differs = [key for key in there if key != "status" and there[key] != answer.get(key)]
    problems = [f"answer {answer_id}: {key} is not what was returned" for key in differs]
    reviews = [json.loads(msgspec.json.encode(one)) for one in stored.reviews]
    if review is not None and review not in reviews:
        problems.append(f"the review of {answer_id} was acknowledged and is not there")
    if review is not None and there["status"] != "final":
        problems.append(f"answer {answer_id} was signed and is {there['status']}")
    return problems
