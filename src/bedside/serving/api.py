"""The JSON API: each route's endpoint, and the table that declares them."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from bedside.errors import NotFound, PatientErased
from bedside.ledger import OwnEstimate, Review
from bedside.serving import answers, silently
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import (
    AnswerFilter,
    AnswerList,
    AnswerReply,
    AnswerRequest,
    OwnEstimateRequest,
    PatientAnswers,
    PatientSearch,
    ReleaseList,
    ReleaseSummary,
    Replay,
    ReviewRequest,
    SilentReply,
    WithdrawalRequest,
)
from bedside.serving.finding import by_number
from bedside.serving.replay import replay
from bedside.serving.route import EVERYONE, Route
from bedside.serving.served import Loaded, Served
from bedside.serving.service import Service
from bedside.serving.withholding import lines


def reply(document: msgspec.Struct, status: int = 200) -> Response:
    """A struct as a JSON reply."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def ask(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /api/v1/releases/{name}/answers``."""
    name, request = call.parameters["name"], call.json(AnswerRequest)
    served = service.served
    silent = silently.alone(served, name)
    if silent is not None:
        return reply(silently.store(service, caller.user, served, silent, request), 202)
    answer = answers.ask(service, caller.user, name, request)
    response = reply(answer, 201)
    response.headers["Location"] = f"/api/v1/answers/{answer.id}"
    return response


def show(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /api/v1/answers/{id}``."""
    return reply(answers.read(service, caller.user, call.parameters["id"]))


def listing(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /api/v1/answers``: longest waiting first, without identities."""
    wanted = call.filters(AnswerFilter)
    chosen = msgspec.structs.asdict(wanted) | {"reader": caller.user.name}
    limit, offset = chosen.pop("limit"), chosen.pop("offset")
    chosen["mine"] = caller.user.name if chosen["mine"] else None
    chosen["second"] = chosen.pop("second_reading")
    rows = lines(service, caller.user, service.ledger.worklist(**chosen, limit=limit, offset=offset))
    return reply(AnswerList(answers=rows, total=service.ledger.count(**chosen), limit=limit, offset=offset))


def search(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /api/v1/answers/search``."""
    found = by_number(service, caller.user, call.json(PatientSearch).id)
    if found is None:
        raise NotFound("no patient has this number")
    return reply(found)


def review(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /api/v1/answers/{id}/reviews``."""
    return reply(answers.review(service, caller.user, call.parameters["id"], call.json(ReviewRequest)), 201)


def withdraw(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /api/v1/answers/{id}/withdrawal``."""
    return reply(answers.withdraw(service, caller.user, call.parameters["id"], call.json(WithdrawalRequest)), 201)


def own_estimate(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /api/v1/answers/{id}/own-estimate``."""
    return reply(answers.own_estimate(service, caller.user, call.parameters["id"], call.json(OwnEstimateRequest)), 201)


def replayed(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /api/v1/answers/{id}/replay``."""
    try:
        stored = answers.find(service, caller.user, call.parameters["id"])
    except PatientErased as error:
        raise PatientErased("not replayable: the patient was erased", where=error.where) from error
    return reply(replay(service, stored))


def releases(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /api/v1/releases``."""
    served = service.served
    return reply(ReleaseList(releases=tuple(summary(served, loaded) for loaded in served.live.values())))


def summary(served: Served, loaded: Loaded) -> ReleaseSummary:
    """A loaded release as the API describes it."""
    manifest, guidance = loaded.model.manifest, loaded.model.guidance
    return ReleaseSummary(
        name=manifest.name,
        version=manifest.version,
        digest=loaded.model.digest,
        task=manifest.task,
        intended_use=manifest.intended_use,
        population=manifest.population,
        classes=manifest.outputs.classes,
        threshold=manifest.threshold,
        variables=manifest.schema.variables,
        target=loaded.model.target,
        processor=loaded.model.processor,
        valid_until=manifest.valid_until,
        approved_for_care=served.standings[loaded.digest].approved,
        course=manifest.outputs.course,
        arms=manifest.outputs.arms,
        dose=manifest.outputs.dose,
        record=() if guidance is None else guidance.record,
        medications=None if guidance is None else guidance.medications,
    )


API = (
    Route(
        "POST",
        "/api/v1/releases/{name}/answers",
        frozenset({"clinician", "service"}),
        "Ask a release about one patient",
        ask,
        request=AnswerRequest,
        response=AnswerReply,
        success=201,
        accepted=SilentReply,
        statuses=(404, 409, 503),
    ),
    Route(
        "GET",
        "/api/v1/releases",
        EVERYONE,
        "The releases that answer here, and what to send them",
        releases,
        response=ReleaseList,
    ),
    Route(
        "GET",
        "/api/v1/answers",
        frozenset({"clinician"}),
        "The answers, longest waiting first, without identities",
        listing,
        query=AnswerFilter,
        response=AnswerList,
        statuses=(422,),
    ),
    Route(
        "GET",
        "/api/v1/answers/{id}",
        frozenset({"clinician", "service"}),
        "One answer with its reviews; a service reads those it asked for",
        show,
        response=AnswerReply,
        statuses=(404, 410),
    ),
    Route(
        "POST",
        "/api/v1/answers/{id}/reviews",
        frozenset({"clinician"}),
        "Sign a verdict on an answer",
        review,
        request=ReviewRequest,
        response=Review,
        success=201,
        statuses=(404, 409, 410),
    ),
    Route(
        "POST",
        "/api/v1/answers/{id}/withdrawal",
        frozenset({"clinician"}),
        "Mark an answer as entered in error",
        withdraw,
        request=WithdrawalRequest,
        response=Review,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "POST",
        "/api/v1/answers/{id}/own-estimate",
        frozenset({"clinician"}),
        "Say what one expects, where the release asks for it before it shows its estimate",
        own_estimate,
        request=OwnEstimateRequest,
        response=OwnEstimate,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "POST",
        "/api/v1/answers/search",
        frozenset({"clinician"}),
        "The answers about the patient with this number",
        search,
        request=PatientSearch,
        response=PatientAnswers,
        statuses=(404,),
    ),
    Route(
        "GET",
        "/api/v1/answers/{id}/replay",
        frozenset({"clinician", "scientist", "auditor"}),
        "Compute the answer again from what is stored; tells nothing about the patient",
        replayed,
        response=Replay,
        statuses=(404, 409, 410),
    ),
)
