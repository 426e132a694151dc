"""Silent releases answer beside the live one, or alone; what they say is kept, and shown to nobody who treats."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import msgspec

from bedside.answering import answer_patient
from bedside.errors import Refused
from bedside.ledger import User, refusal
from bedside.serving.documents import AnswerRequest, SilentReply
from bedside.serving.identities import patient_ref
from bedside.serving.logs import log
from bedside.serving.served import SILENT, Loaded, Served
from bedside.serving.service import Service
from bedside.sources import Schema


def alone(served: Served, name: str) -> Loaded | None:
    """The silent release of a name that has no live one."""
    return None if name in served.live else served.silent.get(name)


def store(service: Service, user: User, served: Served, loaded: Loaded, request: AnswerRequest) -> SilentReply:
    """Let a silent release without a live one answer, and store the answer: the reply holds its id and nothing of it.

    Raises ``Refused`` for a person, and where the release is suspended; ``ValueRefused`` as an ordinary question does.
    """
    service.require_ready()
    if user.role != "service":
        raise Refused(SILENT, where=loaded.name, remedy="Only a service may ask it, to be compared later")
    suspended = served.standings[loaded.digest].suspended
    if suspended is not None:
        raise refusal(suspended)
    answer = answer_patient(loaded.model, request.values, now=service.clock(), explain=False)
    ref = patient_ref(service, user, request.patient)
    kept = msgspec.to_builtins(msgspec.structs.replace(answer, patient=ref))
    service.ledger.record_silent(kept, actor=user.name, patient=ref)
    return SilentReply(id=answer.id)


def beside(
    service: Service, served: Served, live: Loaded, values: dict[str, Any], now: dt.datetime
) -> dict[str, Any] | None:
    """What the silent release beside ``live`` says of the values that it has answered; None where there is none.

    Of values that it does not declare it is told nothing. Whatever goes wrong in it is logged and counted, and the live
    answer is given all the same.
    """
    name = live.name
    loaded = served.silent.get(name)
    if loaded is None or served.standings[loaded.digest].suspended is not None:
        return None
    try:
        told = _told(values, live.model.manifest.schema, loaded.model.manifest.schema)
        guidance = loaded.model.guidance
        told |= {name: values[name] for name in (guidance.asked if guidance is not None else ()) if name in values}
        answer = answer_patient(loaded.model, told, now=now, explain=False)
        return dict(msgspec.to_builtins(answer))
    except Exception as error:  # nothing in a silent release may reach the answer that a patient waits for
        log("silent release failed", level=logging.ERROR, error=error, release=name, version=loaded.version)
        service.metrics.silent_failure(name)
        return None


def _told(values: dict[str, Any], live: Schema, silent: Schema) -> dict[str, Any]:
    """The values that the silent release declares; what was sent without a unit was meant in the live release's."""
    units = {variable.name: variable.unit for variable in live.variables}
    told = {}
    for variable in silent.variables:
        if variable.name in values:
            value, unit = values[variable.name], units.get(variable.name)
            if unit is not None and unit != variable.unit:
                given = value if isinstance(value, dict) else {"value": value}
                value = {**given, "unit": given.get("unit") or unit}
            told[variable.name] = value
    return told
