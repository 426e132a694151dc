"""What stands behind inferences: a key is not looked up each time, and use is entered in sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import hospital as house
import pytest

from bedside.errors import AccessDenied, LedgerError
from bedside.serving.oip.keys import HOLDS_SECONDS, Keys, digest
from bedside.serving.oip.use import Use

INFER = "/v2/models/breast-fna/infer"
GIVEN = {
    "inputs": [
        {"name": name, "datatype": "FP64", "shape": [2], "data": [house.HIGH[name], house.STRANGE[name]]}
        for name in house.NUMBERS
    ]
}


@pytest.fixture
def ward(tmp_path: Path, signed: tuple[Path, Path]) -> Any:
    return house.open_hospital(tmp_path, [signed], oip=True)


def entered(ward: Any) -> list[tuple[str, str | None, dict[str, Any]]]:
    entries = ward.ledger.entries(kind="oip-use")
    return [(entry.actor, entry.subject, ward.ledger.decoded(entry)) for entry in entries]


def test_a_key_that_was_withdrawn_works_no_longer_than_half_a_second(ward: Any) -> None:
    now = [100.0]
    keys = Keys(ward.ledger, clock=lambda: now[0])
    key = ward.secrets["service"]
    assert keys.known(digest(key)) is None
    assert keys.prove(key).name == "service"
    ward.ledger.set_active("service", False, actor="test")
    now[0] += HOLDS_SECONDS - 0.001
    assert keys.known(digest(key)).name == "service"
    now[0] += 0.001
    assert HOLDS_SECONDS <= 0.5
    assert keys.known(digest(key)) is None
    with pytest.raises(AccessDenied):
        keys.prove(key)
    assert keys.known(digest(key)) is None


def test_a_withdrawn_key_is_refused_by_the_server(ward: Any) -> None:
    now = [100.0]
    ward.app.inference = replace(ward.app.inference, keys=Keys(ward.ledger, clock=lambda: now[0]))
    client = ward.client("service")
    assert client.post(INFER, json=GIVEN).status_code == 200
    ward.ledger.revoke_key("service", 1, actor="test")
    now[0] += HOLDS_SECONDS
    assert client.post(INFER, json=GIVEN).status_code == 401


def test_a_key_that_has_expired_works_no_longer_than_half_a_second(ward: Any) -> None:
    now = [100.0]
    keys = Keys(ward.ledger, clock=lambda: now[0])
    _, key = ward.ledger.add_key("service", days=1, actor="test")
    ward.clock.forward(hours=23, minutes=59)
    assert keys.prove(key).name == "service"
    ward.clock.forward(minutes=1)
    now[0] += HOLDS_SECONDS
    with pytest.raises(AccessDenied, match="expired"):
        keys.prove(key)


def test_a_key_that_is_not_known_is_asked_for_each_time(ward: Any) -> None:
    keys = Keys(ward.ledger)
    for _ in range(2):
        with pytest.raises(AccessDenied):
            keys.prove("bk_wrong")
    assert not keys.proven


def test_use_is_entered_in_sums_and_at_the_end(ward: Any) -> None:
    model = ward.app.state.service.served.find("breast-fna").model
    with ward.anonymous() as running:
        for who, times in (("service", 3), ("monitor", 1)):
            headers = {"Authorization": f"Bearer {ward.secrets[who]}"}
            for _ in range(times):
                assert running.post(INFER, json=GIVEN, headers=headers).status_code == 200
        assert running.post(INFER, json={"inputs": []}, headers=headers).status_code == 400
        assert entered(ward) == []
        ward.clock.forward(seconds=4)
    found = {actor: (subject, body) for actor, subject, body in entered(ward)}
    assert {actor: (body["requests"], body["rows"], body["abstained"]) for actor, (_, body) in found.items()} == {
        "service": (3, 6, 3),
        "monitor": (1, 2, 1),
    }
    subject, body = found["service"]
    assert subject == body["digest"] == model.digest
    assert (body["name"], body["version"], body["target"]) == ("breast-fna", "1.0.0", "server-cpu")
    assert (body["since"], body["until"]) == ("2026-03-02T08:00:00.000000Z", "2026-03-02T08:00:04.000000Z")
    assert ward.ledger.verify().holds


def test_nothing_is_inferred_while_use_cannot_be_entered(ward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use: Use = ward.app.inference.use
    client = ward.client("service")
    assert client.post(INFER, json=GIVEN).status_code == 200

    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(ward.ledger, "append", full)
        use.enter()
        reply = client.post(INFER, json=GIVEN)
        assert (reply.status_code, list(reply.json())) == (503, ["error"])
        use.enter()
    use.enter()
    assert client.post(INFER, json=GIVEN).status_code == 200
    use.enter()
    assert [body["requests"] for _, _, body in entered(ward)] == [1, 1]


def test_sums_that_could_not_be_entered_are_added_to_the_next(ward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use = Use(ward.ledger)
    model = ward.app.state.service.served.find("breast-fna").model
    user = ward.users["service"]
    use.note(model, user, 5, 1)
    append = ward.ledger.append

    def noted_meanwhile(*_: object, **__: object) -> None:
        use.note(model, user, 7, 2)
        raise LedgerError("the database is gone")

    monkeypatch.setattr(ward.ledger, "append", noted_meanwhile)
    use.enter()
    monkeypatch.setattr(ward.ledger, "append", append)
    use.enter()
    ((_, _, body),) = entered(ward)
    assert (body["requests"], body["rows"], body["abstained"]) == (2, 12, 3)
