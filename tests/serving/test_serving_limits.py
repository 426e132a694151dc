"""How often one may ask: token buckets on a clock that the test moves."""

from __future__ import annotations

import re
import resource
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import hospital as house
import httpx2
import pytest
from served import serving

from bedside.answering import answer_patient
from bedside.errors import AccessDenied, UsageError
from bedside.ledger import Ledger
from bedside.serving import Admission, admission
from bedside.serving.answers import ask
from bedside.serving.app import LOG_IN_THREADS, THREADS
from bedside.serving.capped import require_files
from bedside.serving.documents import AnswerRequest
from bedside.serving.limits import LOG_INS, STRANGERS, Limits, Rate, TooMany, network
from bedside.serving.service import PROCESSORS

ANSWERS = "/api/v1/releases/breast-fna/answers"


class Seconds:
    """A clock in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def stand_still(hospital: Any) -> None:
    """No bucket fills while the test runs, however slow the machine is."""
    object.__setattr__(hospital.app.state.service.limits, "clock", Seconds())


def taken(limits: Limits, rate: Rate, who: str) -> int:
    """How many are let through until one is refused."""
    for count in range(10_000):
        try:
            limits.take(rate, who)
        except TooMany:
            return count
    raise AssertionError("no limit")


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Seconds()
    limits, rate = Limits(clock), Rate(2, 10)
    assert taken(limits, rate, "ada") == 10
    with pytest.raises(TooMany) as caught:
        limits.take(rate, "ada")
    assert (caught.value.status_code, caught.value.headers) == (429, {"Retry-After": "1"})
    assert taken(limits, rate, "ben") == 10  # each has a bucket of their own
    clock.now += 3
    assert taken(limits, rate, "ada") == 6
    clock.now += 1000
    assert taken(limits, rate, "ada") == 10  # never more than the burst


def test_retry_after_is_how_long_one_must_wait() -> None:
    clock = Seconds()
    limits, rate = Limits(clock), Rate(1, 1)
    limits.take(rate, "ada")
    clock.now += 0.25
    with pytest.raises(TooMany):
        limits.take(rate, "ada")
    clock.now += 0.75
    limits.take(rate, "ada")


def test_memory_is_bounded_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.serving.limits._MOST", 50)
    limits, rate = Limits(Seconds()), Rate(1, 2)
    limits.take(rate, "ada")
    for number in range(500):
        limits.take(rate, f"stranger {number}")
        if number % 10 == 0 and number < 10:
            limits.take(rate, "ada")
    assert len(limits._filled) == 50


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_one_ipv6_network_is_one_caller(address: str, caller: str) -> None:
    assert network(address) == caller


def test_log_ins_are_few(hospital: Any) -> None:
    stand_still(hospital)
    browser = hospital.anonymous()
    sent = {"name": "nobody", "password": "wrong"}
    statuses = [browser.post("/login", data=sent).status_code for _ in range(LOG_INS.burst + 20)]
    assert statuses[: LOG_INS.burst] == [401] * LOG_INS.burst
    assert statuses[-1] == 429
    refused = browser.post("/login", data=sent)
    assert (refused.headers["Retry-After"], refused.headers["Content-Type"]) == ("1", "text/html; charset=utf-8")
    assert browser.get("/login").status_code == 200  # looking is not trying
    count = len(list(hospital.ledger.entries(kind="log-in-failed")))
    assert count == LOG_INS.burst  # what is refused is not entered either
    assert 'bedside_rate_limited_total{who="stranger"}' in hospital.client("monitor").get("/metrics").text


def test_guessing_keys_ends_soon_and_known_callers_go_on(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Rate(1, 5)
    monkeypatch.setattr("bedside.serving.access.STRANGERS", few)
    stand_still(hospital)
    guesser = hospital.anonymous()
    statuses = [
        guesser.get("/api/v1/releases", headers={"Authorization": f"Bearer bk_{number}"}).status_code
        for number in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    assert guesser.get("/livez").status_code == 429
    reply = guesser.get("/api/v1/answers/x")
    assert (reply.status_code, set(reply.json()["error"])) == (429, {"what", "where", "remedy"})
    assert hospital.client("service").get("/api/v1/releases").status_code == 200  # from the same address
    assert STRANGERS.burst > few.burst


def test_as_many_answers_are_computed_at_once_as_there_are_processors(
    hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, inside, most = threading.Lock(), 0, 0

    def noted(*given: Any, **more: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside, most = inside + 1, max(most, inside + 1)
        threading.Event().wait(0.1)  # long enough for all to meet here, if nothing kept them apart
        try:
            return answer_patient(*given, **more)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr("bedside.serving.answers.answer_patient", noted)
    service, user = hospital.app.state.service, hospital.users["service"]
    with ThreadPoolExecutor(PROCESSORS + 4) as threads:
        asked = [
            threads.submit(ask, service, user, "breast-fna", AnswerRequest(values=house.HIGH))
            for _ in range(PROCESSORS + 4)
        ]
        assert {one.result().status for one in asked} == {"preliminary"}
    assert most == PROCESSORS


def test_unknown_paths_count_too(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.serving.access.STRANGERS", Rate(1, 5))
    stand_still(hospital)
    browser, page = hospital.anonymous(), {"Accept": "text/html"}
    replies = [browser.get(f"/nothing/{number}", headers=page) for number in range(8)]
    assert [reply.status_code for reply in replies] == [404] * 5 + [429] * 3
    assert replies[-1].headers["Retry-After"] == "1"


def test_a_key_has_the_limit_that_serve_was_told(tmp_path: Any, signed: Any) -> None:
    opened = house.open_hospital(tmp_path, [signed], admission=admission(rate_limit=7))
    try:
        stand_still(opened)
        client = opened.client("service")
        statuses = [client.post(ANSWERS, json={"values": {}}).status_code for _ in range(9)]
        assert statuses == [201] * 7 + [429] * 2
        assert opened.client("monitor").post(ANSWERS, json={"values": {}}).status_code == 201
        assert opened.ledger.count() == 8  # what was refused was not answered
    finally:
        opened.ledger.close()


def test_inferences_count_like_any_other_request(tmp_path: Any, signed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.serving.access.STRANGERS", Rate(1, 2))
    opened = house.open_hospital(tmp_path, [signed], admission=admission(rate_limit=3), oip=True)
    try:
        stand_still(opened)
        infer = "/v2/models/breast-fna/infer"
        client, stranger = opened.client("service"), opened.anonymous()
        assert [client.post(infer, json={}).status_code for _ in range(5)] == [400] * 3 + [429] * 2
        refused = client.post(infer, json={})
        assert (refused.headers["Retry-After"], type(refused.json()["error"])) == ("1", str)
        stranger.headers["Authorization"] = "Bearer bk_wrong"
        assert [stranger.post(infer, json={}).status_code for _ in range(4)] == [401] * 2 + [429] * 2
        encrypted = opened.anonymous(base_url="https://ward.example.org").post(infer, json={})
        assert encrypted.headers["Strict-Transport-Security"] == "max-age=31536000"
    finally:
        opened.ledger.close()


def test_a_session_lasts_as_long_unused_as_serve_was_told(tmp_path: Any, signed: Any) -> None:
    opened = house.open_hospital(tmp_path, [signed], admission=admission(idle_minutes=60))
    try:
        client = opened.client("clinician")
        for _ in range(2):
            opened.clock.forward(minutes=59)
            assert client.get("/api/v1/answers").status_code == 200
        opened.clock.forward(minutes=61)
        assert client.get("/api/v1/answers").status_code == 401
    finally:
        opened.ledger.close()


def test_options_that_make_no_sense_are_refused() -> None:
    assert admission() == Admission()
    assert admission(30, 5) == Admission(timedelta(minutes=30), Rate(5, 5))
    for words in ({"idle_minutes": 0}, {"idle_minutes": 721}, {"rate_limit": 0}, {"connections": 0}):
        with pytest.raises(UsageError, match=next(iter(words)).replace("_", "-")):
            admission(**words)


def test_many_who_log_in_leave_room_for_the_others(hospital: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing, done, begun = threading.Event(), threading.Event(), []

    def slowly(*_: str) -> None:
        begun.append(1)
        if len(begun) == THREADS:
            hashing.set()
        done.wait(30)
        raise AccessDenied("no", logged_in=False)

    monkeypatch.setattr(hospital.ledger, "authenticate", slowly)
    with hospital.anonymous() as running, ThreadPoolExecutor(THREADS + 1) as browsers:
        try:
            for _ in range(THREADS):
                browsers.submit(running.post, "/login", data={"name": "ada", "password": "x"})
            hashing.wait(0.5)  # they never come that far
            assert browsers.submit(running.get, "/readyz").result(20).status_code == 200
            assert len(begun) == LOG_IN_THREADS
        finally:
            done.set()


def test_more_connections_than_open_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    require_files(924)
    with pytest.raises(UsageError, match="--connections"):
        require_files(925)


def test_one_connection_too_many_is_told_so_and_takes_no_place(signed: Any, tmp_path: Any) -> None:
    """On a real server: two that stay are served on, a third is refused until one of them goes."""
    with Ledger.open(tmp_path / "ledger.db", hasher=house.CHEAP) as ledger:
        _, key = ledger.add_user("monitor", "service", actor="test")
    with serving(tmp_path, signed, "--connections", "2") as server, ExitStack() as stack:
        first, second, third = (stack.enter_context(httpx2.Client(base_url=server.url)) for _ in range(3))
        assert [client.get("/livez").status_code for client in (first, second)] == [200, 200]
        for _ in range(3):
            refused = third.get("/livez")
            assert (refused.status_code, refused.headers["X-Content-Type-Options"]) == (503, "nosniff")
            assert refused.json()["error"]["what"].startswith("there are too many connections")
        assert first.get("/livez").status_code == 200
        second.close()
        while third.get("/livez").status_code == 503:
            pass
        counted = first.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text
        found = re.search(r'bedside_connections_refused_total{why="too-many"} (\d+)', counted)
        assert found is not None
        assert int(found[1]) >= 3
        silent = [stack.enter_context(socket.create_connection(first_address(server.url), 20)) for _ in range(2)]
        assert [one.recv(100) for one in silent] == [b"", b""]  # refused, and let go though they asked nothing


def first_address(url: str) -> tuple[str, int]:
    place = urlsplit(url)
    return str(place.hostname), int(place.port or 0)


def test_every_route_says_that_it_may_refuse_for_now(hospital: Any) -> None:
    document = hospital.client("service").get("/openapi.json").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "429" in operation["responses"]
