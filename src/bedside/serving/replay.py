"""Does the stored patient still get the stored answer? The same bytes run on the same values again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from bedside.answering import Answer, ValueGiven, answer_patient
from bedside.errors import Conflict
from bedside.ledger import StoredAnswer
from bedside.serving.documents import Replay
from bedside.serving.service import Loaded, Service


def replay(service: Service, stored: StoredAnswer) -> Replay:
    """Answer the stored values again, as of then, with the release of the stored digest.

    The explanation is not repeated: it explains the estimate, and that is what is compared. Values are stored in the
    declared unit, after conversion, so no unit is converted twice. Raises ``Conflict`` where that release is
    not loaded.
    """
    then = msgspec.convert(stored.answer, Answer)
    loaded = _same_bytes(service, then)
    now = again(loaded, then, explain=False)
    tolerance = loaded.model.manifest.targets[loaded.model.target].tolerance
    difference = _difference(then, now, loaded.model.manifest.outputs.scale)
    return Replay(
        answer=then.id,
        digest=then.release.digest,
        target=loaded.model.target,
        result=_result(then, now, difference, tolerance),
        largest_difference=difference,
        tolerance=tolerance,
        processor_then=then.release.processor,
        processor_now=loaded.model.processor,
    )


def again(
    loaded: Loaded, then: Answer, *, explain: bool, horizon: float | None = None, arm: str | None = None
) -> Answer:
    """The stored values answered once more, as of then; `explain`, `horizon`, `arm` as for ``answer_patient``."""
    given = {name: _given(value) for name, value in (then.values | then.record).items()}
    return answer_patient(loaded.model, given, now=then.created, explain=explain, horizon=horizon, arm=arm)


def _same_bytes(service: Service, then: Answer) -> Loaded:
    for loaded in service.served.versions.get(then.release.name, {}).values():
        if (loaded.digest, loaded.model.target) == (then.release.digest, then.release.target):
            return loaded
    raise Conflict(
        "not replayable: the release that answered is not loaded here",
        where=f"{then.release.name} {then.release.version}, {then.release.target}",
        remedy=f"Serve that very version with --target {then.release.target}, then ask again",
    )


def _given(value: ValueGiven) -> dict[str, Any]:
    time: dt.datetime | dt.date | None = value.time
    if value.time is not None and value.time.timetz() == dt.time(0, tzinfo=dt.UTC):
        # Sent as a date, most likely; then it may be tomorrow's in UTC, as it was taken for today's somewhere.
        time = value.time.date()
    # Of a genotype, what was sent; of a value that was converted, what it was converted to.
    genotype = value.unit is None and value.given is not None
    return {"value": value.given if genotype else value.value, "unit": value.unit, "time": time}


def _difference(then: Answer, now: Answer, scale: float) -> float | None:
    """The largest one between their numbers; None where they have not the same ones."""
    before, after = _told(then), _told(now)
    if not before or before.keys() != after.keys():
        return None
    return max(abs(before[name] - after[name]) for name in before) / scale


def _told(answer: Answer) -> dict[str, float]:
    """The numbers that an answer tells, each by a name."""
    found = dict(answer.estimate or {})
    if answer.dose is not None:
        ends = {"low": answer.dose.low, "high": answer.dose.high}
        found |= {name: end for name, end in ends.items() if end is not None}
    if answer.arms is not None:
        found |= {f"expected {arm}": value for arm, value in answer.arms.expected.items() if value is not None}
        for arm, one in answer.arms.differences.items():
            found |= {f"low {arm}": one.low, f"high {arm}": one.high}
    return found


def _result(then: Answer, now: Answer, difference: float | None, tolerance: float) -> Any:
    same = ("estimate", "prediction_set", "spread", "alert", "abstained", "reasons", "arms", "dose")
    if then.guidance != now.guidance:
        return "different"
    if all(getattr(then, name) == getattr(now, name) for name in same):
        return "bit-for-bit"
    return "within-tolerance" if difference is not None and difference <= tolerance else "different"
