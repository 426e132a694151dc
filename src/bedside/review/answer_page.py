"""The answer's page, and what a clinician does there: an own estimate, a review, a withdrawal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.errors import BedsideError
from bedside.ledger import REASONS, Wanted, suspended_words
from bedside.review import answer_view as view
from bedside.review import course_view, course_words, history, own_words, patient_view, site_words, terms
from bedside.review.accounts import refused
from bedside.review.arms_view import arms_view
from bedside.review.dose_view import dose_view
from bedside.review.figures import share
from bedside.review.guidance_words import counted_words, unvetoed_words
from bedside.review.pushes_view import pushes
from bedside.review.quantities import rate_text
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.review.risk_history import risk_history
from bedside.review.rule_words import effect_words, rule_words
from bedside.review.words import Translate
from bedside.serving import answers
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import AnswerReply, ReviewRequest, WithdrawalRequest
from bedside.serving.explaining import explained_about
from bedside.serving.finding import earlier
from bedside.serving.served import NOT_FOR_CARE, Loaded
from bedside.serving.service import Service

GIVEN = ("given.arm", "given.dose", "given.unit")
FIELDS = ("verdict", "conclusion", "action", "reason", *GIVEN, *(f"because.{code}" for code in REASONS))
WITHDRAWAL = ("reason", "because.wrong-patient", "because.duplicate", "because.values-wrong")
OWN = ("unable", "own", "choice")
FOR_REVIEW = REASONS[:6]
FOR_WITHDRAWAL = ("wrong-patient", "duplicate", "values-wrong")


class AnswerQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be explained: of a course the risk at a horizon, of several treatments what one of them changes."""

    horizon: float | None = None
    arm: Annotated[str, Meta(max_length=200)] | None = None


def answer(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /answers/{id}``."""
    return _page(service, call, caller, 200, {}, {}, call.filters(AnswerQuery))


def review(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /answers/{id}``: sign; what is refused is said on the same page, with the words typed so far."""
    form = call.form()
    texts = {name: form.get(name, "") for name in ("verdict", "action", "reason")} | {"conclusion": _conclusion(form)}
    sent = texts | {"reason_codes": _codes(form), "expected": form.get("seen") or None}
    if not _is_dose(form.get("given.dose", "")):
        problem = reader_of(call).t("A dose is a number that is not below 0.")
        return _page(service, call, caller, 422, {"review": problem}, form)
    try:
        request = msgspec.convert(sent, ReviewRequest)
    except msgspec.ValidationError:
        problem = reader_of(call).t("Choose a verdict; a text may have 4000 characters.")
        return _page(service, call, caller, 422, {"review": problem}, form)
    try:
        answers.review(service, caller.user, call.parameters["id"], request)
    except BedsideError as error:
        return _again(service, call, caller, error, "review", form)
    return go(f"/answers/{call.parameters['id']}")


def withdraw(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /answers/{id}/withdrawal``: entered in error."""
    form = call.form()
    sent = {"reason": form.get("reason", ""), "reason_codes": _codes(form), "expected": form.get("seen") or None}
    try:
        answers.withdraw(service, caller.user, call.parameters["id"], msgspec.convert(sent, WithdrawalRequest))
    except msgspec.ValidationError:
        problem = reader_of(call).t("A text may have 4000 characters.")
        return _page(service, call, caller, 422, {"withdrawal": problem}, {})
    except BedsideError as error:
        return _again(service, call, caller, error, "withdrawal", {})
    return go(f"/answers/{call.parameters['id']}")


def own_estimate(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /answers/{id}/own-estimate``: percentages, a treatment, a dose, or "cannot say"; then the model's."""
    form, answer_id = call.form(), call.parameters["id"]
    stored = answers.find(service, caller.user, answer_id).answer
    request, problem = own_words.requested(form, stored, reader_of(call).t)
    if request is None:
        return _page(service, call, caller, 422, {"own": problem}, form)
    try:
        answers.own_estimate(service, caller.user, answer_id, request)
    except BedsideError as error:
        return _again(service, call, caller, error, "own", form)
    return go(f"/answers/{answer_id}")


def _is_dose(typed: str) -> bool:
    """Whether it is a dose, or nothing."""
    try:
        return not typed.strip() or 0.0 <= float(typed.replace(",", ".")) < math.inf
    except ValueError:
        return False


def _conclusion(form: Mapping[str, str]) -> str:
    """The treatment that was chosen, or the dose that was given, above the words that were typed."""
    dose = form.get("given.dose", "").strip()
    given = [form.get("given.arm", ""), f"{dose} {form.get('given.unit', '')}".strip() if dose else ""]
    return "\n".join(part for part in (*given, form.get("conclusion", "").strip()) if part)


def _codes(form: Mapping[str, str]) -> list[str]:
    return [code for code in REASONS if form.get(f"because.{code}")]


def _again(
    service: Service, call: Call, caller: Caller, error: BedsideError, place: str, form: Mapping[str, str]
) -> Response:
    if error.status not in {400, 409, 422}:
        raise error
    status, problem = refused(error, reader_of(call))
    return _page(service, call, caller, status, {place: problem}, form)


def _page(
    service: Service,
    call: Call,
    caller: Caller,
    status: int,
    problems: Mapping[str, str],
    form: Mapping[str, str],
    asked: AnswerQuery = AnswerQuery(),  # noqa: B008  # frozen
) -> Response:
    """``problems``: what was refused, by the form that it was refused in; ``form``: what was typed there.

    ``asked``: what is to be explained, where it is not what was stored.
    """
    reader = reader_of(call)
    shown = answers.read(service, caller.user, call.parameters["id"])
    loaded, found = _loaded(service, shown), earlier(service, caller.user, shown)
    if loaded is not None and (asked.horizon is not None or asked.arm is not None):
        explanation = explained_about(service, shown, loaded, asked.horizon, asked.arm) or shown.explanation
        shown = msgspec.structs.replace(shown, explanation=explanation)
    return render(
        service,
        "answer.html",
        call,
        caller,
        status,
        answer=shown,
        banner=view.banner(shown, reader),
        identifiers=_identifiers(shown, reader),
        suspended=_suspended(service, shown),
        others=[warning for warning in shown.warnings if not (service.solo and warning == NOT_FOR_CARE)],
        steps=history.steps(shown, reader),
        earlier=history.earlier_rows(found, reader.t),
        so_far=risk_history(shown, found, reader),
        own=[(own.clinician_name, history.own_words(own, shown, reader.t)) for own in shown.own_estimates],
        next=_next(service, caller, shown),
        open=shown.status in {"preliminary", "final", "amended"},
        reasons=[(code, terms.reason(code, reader.t)) for code in FOR_REVIEW],
        grounds=[(code, terms.reason(code, reader.t)) for code in FOR_WITHDRAWAL],
        problems={"review": "", "withdrawal": "", "own": ""} | dict(problems),
        typed=dict.fromkeys(FIELDS, "") | dict(form),
        **_model_says(shown, loaded, reader),
        **_patient(shown, loaded, reader),
    )


def _model_says(shown: AnswerReply, loaded: Loaded | None, reader: Reader) -> dict[str, Any]:
    """What the page says of the estimate; empty while it is withheld or where the model abstains."""
    t = reader.t
    evidence = loaded.evidence if loaded is not None else {}
    outputs = loaded.model.manifest.outputs if loaded is not None else None
    declared = outputs.dose if outputs is not None else None
    risks = _risks(shown, t)
    return {
        "risks": [(risk, site_words.frequency(evidence, risk, t) if loaded else None) for risk in risks],
        "alert": "" if shown.withheld else view.alert_words(shown, risks, t),
        "possible": view.set_words(shown, t) if risks else "",
        "thresholds": site_words.at_threshold(evidence, t),
        "asked_for": own_words.fields(shown, outputs, t),
        "pushes": pushes(shown, loaded, reader),
        "course": _course(shown, loaded, evidence, t),
        "arms": None if shown.arms is None else arms_view(shown.arms, t),
        "rule": []
        if shown.arms is None
        else [*effect_words(shown.arms, evidence, t), *rule_words(shown.arms, evidence, t)],
        "dose": None if shown.dose is None else dose_view(shown.dose, declared, evidence, t),
        "unvetoed": unvetoed_words(loaded.model.guidance if loaded is not None else None, t),
        "choices": outputs.arms.arms if outputs is not None and outputs.arms is not None else (),
        "dose_unit": declared.unit if declared is not None else "",
        "dose_words": rate_text(declared.unit, t) if declared is not None else "",
        "agree": view.agree_words(shown, t),
    }


def _risks(shown: AnswerReply, t: Translate) -> list[view.ClassRisk]:
    """What is a probability that is asked about; effects and doses are none."""
    if shown.arms is not None or shown.dose is not None:
        return []
    return view.risks(shown) if shown.course is None else course_words.horizon_risks(shown, t)


def _course(
    shown: AnswerReply, loaded: Loaded | None, evidence: Mapping[str, Any], t: Translate
) -> course_view.CourseView | None:
    if shown.course is None:
        return None
    declared = loaded.model.manifest.outputs.course if loaded is not None else None
    threshold = shown.threshold if isinstance(shown.threshold, float) else None
    return course_view.course_view(shown.course, threshold, evidence, declared, t)


def _patient(shown: AnswerReply, loaded: Loaded | None, reader: Reader) -> dict[str, Any]:
    manifest = loaded.model.manifest if loaded is not None else None
    values = patient_view.used_values(shown, manifest.schema if manifest else None, reader)
    return {
        "values": values,
        "value_of": {value.name: value for value in values},
        "strange": patient_view.strangeness(
            shown,
            loaded.evidence if loaded is not None else {},
            manifest.schema if manifest else None,
            manifest.distance_limit if manifest else None,
            reader.t,
        ),
        "advised": [
            (one, counted_words(one, shown, manifest.schema if manifest else None, reader.t)) for one in shown.guidance
        ],
        "record": patient_view.record_words(shown, loaded.model.guidance if loaded is not None else None, reader.t),
        "manifest": manifest,
        "missing_limit": share(manifest.missing_limit, reader.t) if manifest else "",
    }


def _next(service: Service, caller: Caller, shown: AnswerReply) -> str | None:
    """After a review: the answer that waits longest for this reader, who was not the last to review it."""
    if shown.status == "preliminary" and not shown.reviews:
        return None
    waiting = Wanted(status="preliminary", queued=True, reader=caller.user.name)
    found = service.ledger.listed(waiting, limit=20)
    return next((row.id for row in found if row.id != shown.id and row.reviewer != caller.user.name), "")


def _suspended(service: Service, shown: AnswerReply) -> str:
    """Who suspended the release that answered, and why; empty where nobody did, or a warning of the answer says so."""
    suspension = service.served.said.suspensions.get(shown.release.digest)
    return "" if suspension is None or shown.status == "preliminary" else suspended_words(suspension)


def _identifiers(shown: AnswerReply, reader: Reader) -> list[tuple[str, str]]:
    if shown.identity is None:
        return []
    born = shown.identity.birth_date.isoformat() if shown.identity.birth_date else None
    t = reader.t
    pairs = ((t("Name"), shown.identity.name), (t("Born"), born), (t("Patient no."), shown.identity.id))
    return [(name, value) for name, value in pairs if value]


def _loaded(service: Service, shown: AnswerReply) -> Loaded | None:
    """The very release that answered; another version may declare other units, and has other evidence."""
    loaded = service.served.versions.get(shown.release.name, {}).get(shown.release.version)
    return loaded if loaded is not None and loaded.digest == shown.release.digest else None
