"""The form to enter a patient, drawn from the release's schema and from what its guidance looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from bedside.answering import read_with_record
from bedside.errors import BedsideError, ValueRefused
from bedside.release import Model
from bedside.review.accounts import refused
from bedside.review.answer_view import plausible
from bedside.review.figures import unit_text
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving import answers
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import AnswerRequest, PatientIdentity
from bedside.serving.service import Loaded, Service
from bedside.sources import Variable

PATIENT = ("id", "name", "birth_date")


@dataclass(frozen=True)
class Field:
    """One variable's place in the form. ``id`` keeps it apart from the patient's own fields."""

    id: str
    declared: Variable
    unit: str
    plausible: str
    typed: str
    problem: str
    typed_time: str


def form(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases/{name}/new``."""
    return _page(service, call, caller, service.served.find(call.parameters["name"]), {}, {}, "", 200)


def enter(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /releases/{name}/new``: an answer, or the form again with what was typed and what is wrong with it."""
    typed, reader = call.form(), reader_of(call)
    loaded = service.served.find(call.parameters["name"])
    patient, problems = _patient(typed, reader.t)
    values, unread = _values(loaded, typed, reader)
    problems |= unread
    try:
        answers.require_meant(loaded, typed.get("digest"))
        if problems:
            raise ValueRefused(problems | _refused_values(service, loaded, values))
        request = AnswerRequest(values=values, patient=patient, asked=True)
        answer = answers.ask(service, caller.user, loaded.name, request, meant=loaded.digest)
    except ValueRefused as error:
        problem = reader.t("Nothing was answered: see the marked fields.")
        problems = {name: reader.told(text) for name, text in error.problems.items()}
        return _page(service, call, caller, loaded, typed, problems, problem, 422)
    except BedsideError as error:
        if error.status not in {400, 409}:
            raise
        status, problem = refused(error, reader)
        return _page(service, call, caller, loaded, typed, {}, problem, status)
    return go(f"/answers/{answer.id}")


def _patient(typed: Mapping[str, str], t: Translate) -> tuple[PatientIdentity | None, dict[str, str]]:
    """The identity, None where nothing was typed; problems by the names of the form's fields."""
    given = {name: typed[f"patient.{name}"].strip() for name in PATIENT if typed.get(f"patient.{name}", "").strip()}
    if not given:
        return None, {}
    if "id" not in given:
        return None, {"patient.id": t("A patient is found again by this number: give it, or leave all three empty.")}
    try:
        return msgspec.convert(given, PatientIdentity), {}
    except msgspec.ValidationError as error:
        wrong = next((name for name in PATIENT if f"$.{name}" in str(error)), "id")
        return None, {f"patient.{wrong}": t("This cannot be read; a date is written 1950-12-31.")}


def _values(loaded: Loaded, typed: Mapping[str, str], reader: Reader) -> tuple[dict[str, Any], dict[str, str]]:
    """Values as the API takes them, times in the reader's zone; and problems with times that cannot be read."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for variable in _asked(loaded.model):
        text = typed.get(f"value.{variable.name}", "").strip()
        time = typed.get(f"time.{variable.name}", "").strip()
        if text:
            values[variable.name] = text
        if text and time:
            try:
                values[variable.name] = {"value": text, "time": reader.typed(time).isoformat()}
            except ValueError:
                problems[variable.name] = reader.t("The time cannot be read; it is written 2026-03-01T08:15.")
    guidance = loaded.model.guidance
    if guidance is not None and guidance.medications is not None:
        lines = [line.strip() for line in typed.get("medications", "").splitlines() if line.strip()]
        none = "no-medications" in typed
        if lines and none:
            problems[guidance.medications] = reader.t("List them, or say that the patient takes none: not both.")
        elif lines or none:  # else it is not known what the patient takes
            values[guidance.medications] = lines
    return values, problems


def _asked(model: Model) -> tuple[Variable, ...]:
    """The model's variables, then those that only its guidance looks at."""
    record = () if model.guidance is None else model.guidance.record
    return (*model.manifest.schema.variables, *record)


def _refused_values(service: Service, loaded: Loaded, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the values, so that a reader sees all at once what is to be mended."""
    try:
        read_with_record(loaded.model, values, service.clock())
    except ValueRefused as error:
        return error.problems
    return {}


def _page(
    service: Service,
    call: Call,
    caller: Caller,
    loaded: Loaded,
    typed: Mapping[str, str],
    problems: Mapping[str, str],
    problem: str,
    status: int,
) -> Response:
    t = reader_of(call).t
    fields = [
        Field(
            id=f"value.{variable.name}",
            declared=variable,
            unit=unit_text(variable.unit, t),
            plausible=plausible(variable, t),
            typed=typed.get(f"value.{variable.name}", ""),
            problem=problems.get(variable.name, ""),
            typed_time=typed.get(f"time.{variable.name}", ""),
        )
        for variable in _asked(loaded.model)
    ]
    guidance = loaded.model.guidance
    medications = guidance.medications if guidance is not None else None
    patient = {name: (typed.get(f"patient.{name}", ""), problems.get(f"patient.{name}", "")) for name in PATIENT}
    return render(
        service,
        "entry.html",
        call,
        caller,
        status,
        name=loaded.name,
        digest=loaded.digest,
        intended_use=loaded.model.manifest.intended_use,
        fields=fields,
        medications=medications is not None,
        taken=typed.get("medications", ""),
        takes_none="no-medications" in typed,
        medications_problem=problems.get(medications or "", ""),
        patient=patient,
        problem=problem,
    )
