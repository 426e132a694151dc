"""One patient's values in, one answer out."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.answering.answer import Answer, ReleaseReference, ValueGiven
from bedside.answering.arms import patient_arms, patient_dose
from bedside.answering.course import patient_course
from bedside.answering.guidance import guided
from bedside.answering.identifier import answer_id
from bedside.answering.judgement import Judgement, judge
from bedside.answering.reasons import NOTED, reason_texts
from bedside.answering.record import read_with_record
from bedside.errors import ValueRefused
from bedside.explanation import Explanation, explainer
from bedside.release import Model, Outputs, ReviewRule
from bedside.sources import Reading, Variable, moment


def answer_patient(
    model: Model,
    values: Mapping[str, object],
    *,
    now: dt.datetime,
    explain: bool = True,
    horizon: float | None = None,
    arm: str | None = None,
    asked: bool = False,
    patient: str | None = None,
    warnings: Sequence[str] = (),
) -> Answer:
    """Answer for one patient.

    Parameters
    ----------
    values: per variable a number, a category text, None, or ``{"value", "unit", "time"}``; see `read_patient`.
    now: ages of values and the release's validity are judged by it; without a time zone it is UTC.
    explain: whether to explain the estimate. horizon: explain the risk at this one, not at that of the decision.
    arm: of several treatments, explain what this one changes against the control.
    asked: whether a person asked for a review of this answer.
    patient: reference of the patient in the ledger. warnings: sentences that a reader must see.

    Raises
    ------
    ValueRefused: a value cannot be used; every such variable is named. Or the release gives no risk at this horizon, or
        does not compare this arm, or not for this patient.
    """
    about = asked_about(model, horizon, arm)  # before anything is computed
    now = now if now.tzinfo else now.replace(tzinfo=dt.UTC)
    # The day in UTC, in which the answer is stored: asked again, it must meet the same day.
    today = now.astimezone(dt.UTC).date()
    reading, record = read_with_record(model, values, now)
    answer = answer_row(
        model, reading, 0, judge(model, reading, today=today),
        now=now, explain=explain, about=about, asked=asked, patient=patient, warnings=warnings, given=values,
    )  # fmt: skip
    return answer if record is None else guided(model, answer, record)


def answer_row(
    model: Model,
    reading: Reading,
    row: int,
    judged: Judgement,
    *,
    now: dt.datetime,
    explain: bool = True,
    about: int | None = None,
    asked: bool = False,
    patient: str | None = None,
    warnings: Sequence[str] = (),
    given: Mapping[str, object] | None = None,
) -> Answer:
    """The answer for one row of a reading that was judged as a whole.

    Parameters are those of `answer_patient`; `given` holds the values as they were sent, where they were sent, and
    `about` is the position of the estimate to explain.
    """
    manifest, silent = model.manifest, bool(judged.abstained[row])
    outputs, created = manifest.outputs, now.astimezone(dt.UTC)
    explained = explained_estimate(model, judged, row, about)
    reasons = reason_texts(model, reading, judged, row) if judged.reasons[row] else ()
    alert = None if silent or judged.alert is None else bool(judged.alert[row])
    return Answer(
        id=answer_id(created),
        created=created,
        expires=created + dt.timedelta(days=manifest.review.expires_after_days),
        release=ReleaseReference(
            name=manifest.name,
            version=manifest.version,
            digest=model.digest,
            target=model.target,
            processor=model.processor,
        ),
        patient=patient,
        estimate=None if silent else _estimate(outputs, judged, row),
        positive=outputs.decisive,
        prediction_set=()
        if silent or judged.sets is None
        else tuple(c for c, inside in zip(outputs.classes, judged.sets[row], strict=True) if inside),
        alpha=None if manifest.conformal is None else manifest.conformal.alpha,
        spread=None if silent or judged.spread is None else float(judged.spread[row, explained]),
        threshold=manifest.threshold,
        alert=alert,
        abstained=silent,
        reasons=tuple(reason for reason in reasons if reason.code not in NOTED),
        values=_values(manifest.schema.variables, reading, row, given or {}, now),
        explanation=explain_row(model, reading.values[row], explained) if explain and not silent else None,
        course=None if silent or outputs.course is None else patient_course(outputs.course, judged.columns[row]),
        arms=None if silent or outputs.arms is None else patient_arms(outputs.arms, judged.columns[row]),
        dose=None if silent or outputs.dose is None else patient_dose(outputs.dose, judged.columns[row]),
        warnings=(*warnings, *(reason.text for reason in reasons if reason.code in NOTED)),
        queued=_queued(manifest.review, alert=bool(alert), abstained=silent, asked=asked),
        distance=_finite(float(judged.distance[row])),
        own_estimate_first=manifest.review.own_estimate_first and not silent,
    )


def _queued(rule: ReviewRule, *, alert: bool, abstained: bool, asked: bool) -> bool:
    # Where the physician's own estimate comes first, waiting must not tell that it is an alert.
    alert = alert or (rule.own_estimate_first and not abstained)
    holds = {"alert": alert, "abstained": abstained, "asked": asked, "all": True}
    return any(holds.get(name, False) for name in rule.queue)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _estimate(outputs: Outputs, judged: Judgement, row: int) -> dict[str, float]:
    """By name; without the effects of arms that are not judged."""
    found = dict(zip(outputs.estimates, judged.estimates[row].tolist(), strict=True))
    if outputs.arms is None:
        return found
    known = outputs.arms.judged(judged.columns[row][None])[0, 1:]
    return {name: value for (name, value), told in zip(found.items(), known, strict=True) if told}


def explained_estimate(model: Model, judged: Judgement, row: int, about: int | None = None) -> int:
    """Position of the estimate that is explained: the one asked `about`, or that a decision is about, or that leads.

    Raises ``ValueRefused`` where it is what an arm changes that is not judged for this patient.
    """
    outputs = model.manifest.outputs
    if about is not None:
        arms = outputs.arms
        if arms is not None and not judged.abstained[row] and not arms.judged(judged.columns[row][None])[0, about + 1]:
            raise ValueRefused(
                {"arm": f"too few patients like this one got {arms.arms[about + 1]}: nothing is told of it"}
            )
        return about
    if outputs.decisive is not None:
        return outputs.estimates.index(outputs.decisive)
    return outputs.leading(judged.columns[row])


def asked_about(model: Model, horizon: float | None, arm: str | None) -> int | None:
    """Position of the estimate that somebody asks to have explained; None: nobody said which.

    Raises ``ValueRefused`` where the release has no such estimate.
    """
    if horizon is not None:
        return estimate_at(model, horizon)
    return None if arm is None else effect_of(model, arm)


def effect_of(model: Model, arm: str) -> int:
    """Position of what an arm changes against the control; raises ``ValueRefused`` where the release has none."""
    arms = model.manifest.outputs.arms
    if arms is None:
        raise ValueRefused({"arm": "this release compares no treatments; leave it out"})
    if arm not in arms.arms[1:]:
        what = f"this release compares no {arm!r} with {arms.arms[0]}; use one of: {', '.join(arms.arms[1:])}"
        raise ValueRefused({"arm": what})
    return arms.arms.index(arm) - 1


def estimate_at(model: Model, horizon: float) -> int:
    """Position of the risk at a horizon, as it reads: 0.0833333 is 1/12; no two horizons of a release read alike.

    Raises ``ValueRefused`` where the release gives no risk there.
    """
    course = model.manifest.outputs.course
    if course is None:
        raise ValueRefused({"horizon": "this release gives no risk at a horizon; leave it out"})
    known, asked = [f"{one:g}" for one in course.horizons], f"{horizon:g}"
    if asked not in known:
        what = f"this release gives no risk at {asked} {course.unit}; use one of: {', '.join(known)}"
        raise ValueRefused({"horizon": what})
    return known.index(asked)


def explain_row(
    model: Model, values: Float[np.ndarray, " variable"], position: int, method: str = "shap"
) -> Explanation:
    """What moved one patient's estimate at `position`, by the method of this name, over the graph that serves.

    A quantity is explained in its standard deviations, so that its sampling is as fine as that of a probability, and
    told in its unit.

    Raises
    ------
    UsageError: there is no such method.
    """
    outputs = model.manifest.outputs

    def predict(cases: Float[np.ndarray, "case variable"]) -> Float[np.ndarray, " case"]:
        return outputs.one_estimated(model.predict(cases).columns, position) / outputs.scale

    told = explainer(method)(
        predict,
        # The graph takes float32: rounding here spares a copy of every batch.
        values.astype(np.float32),
        model.background.values.astype(np.float32),
        model.background.weights,
        model.manifest.schema.names,
        output=outputs.estimates[position],
        compared_with=model.compared_with,
    )
    return told if outputs.tensor == "probability" else _in_unit(told, outputs.scale)


def _in_unit(told: Explanation, scale: float) -> Explanation:
    return msgspec.structs.replace(
        told,
        base_value=told.base_value * scale,
        values={name: push * scale for name, push in told.values.items()},
        error=told.error * scale,
    )


def _values(
    variables: Sequence[Variable], reading: Reading, row: int, given: Mapping[str, object], now: dt.datetime
) -> dict[str, ValueGiven]:
    return {
        variable.name: _value(variable, value, given.get(variable.name), now)
        for variable, value in zip(variables, reading.values[row].tolist(), strict=True)
    }


def _value(variable: Variable, value: float, sent: object, now: dt.datetime) -> ValueGiven:
    used: float | str | None = None
    if value == value:  # known: nan is not equal to itself
        used = variable.categories[int(value)] if variable.categories else value
    if variable.gene is not None:
        return _genotype(used, sent, now)
    # Nearly every value is a plain one; asking for its type first is what keeps an answer cheap.
    if type(sent) in _PLAIN or not isinstance(sent, Mapping):
        return ValueGiven(value=used, unit=variable.unit)
    unit = sent.get("unit")
    converted = used is not None and isinstance(unit, str) and unit != variable.unit
    return ValueGiven(
        value=used,
        unit=variable.unit,
        given=f"{sent.get('value')} {unit}" if converted else None,
        time=None if sent.get("time") is None else moment(sent["time"], now),
    )


def _genotype(used: float | str | None, sent: object, now: dt.datetime) -> ValueGiven:
    """With the text as it was sent: guidance reads more of it than the category that the model knows."""
    text, time = (sent.get("value"), sent.get("time")) if isinstance(sent, Mapping) else (sent, None)
    return ValueGiven(
        value=used,
        given=text if isinstance(text, str) and text != used else None,
        time=None if time is None else moment(time, now),
    )


_PLAIN = (float, int, str, type(None))
