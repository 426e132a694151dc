"""The JSON API about releases: which version answers, who approved, who suspended, and the acts that change it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.errors import NotFound
from bedside.ledger import Approval, Deployment, Reinstatement, SilentReport, Suspension, User
from bedside.serving import deployments
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import Words
from bedside.serving.route import PEOPLE, Role, Route
from bedside.serving.served import Loaded, Mode
from bedside.serving.service import Service


class DeploymentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``place``: folder or zip of the signed release, on the server's machine."""

    place: Annotated[str, Meta(min_length=1, max_length=1000)]
    mode: Literal["live", "silent", "withdrawn"] = "live"
    reason: Words = ""


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``silent``: end the silent release of this name; otherwise the live version goes back to the one before."""

    reason: Words = ""
    silent: bool = False


class CareRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About one loaded version; by default the one that answers, or the silent one where none does."""

    reason: Words
    version: Annotated[str, Meta(max_length=100)] | None = None


class ReinstatementReply(Reinstatement, frozen=True, kw_only=True):
    """What was said, and whether the release may answer from now on."""

    lifted: bool


class VersionStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One loaded version and what it may do."""

    version: str
    digest: str
    mode: Mode
    approved: bool
    approvals: tuple[Approval, ...]
    suspended: Suspension | None


class ReleaseStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that stands of one name.

    Attributes
    ----------
    live, silent: versions. versions: what is loaded, the highest first. acts: newest first.
    refused: what this name's present decisions met on servers that could not follow them.
    """

    name: str
    live: str | None
    silent: str | None
    versions: tuple[VersionStanding, ...]
    acts: tuple[Deployment, ...]
    refused: tuple[Deployment, ...]


def standing_of(service: Service, name: str) -> ReleaseStanding:
    """What stands of the releases of one name, for the API and for the pages. Raises ``NotFound``."""
    served = service.served
    if name not in served.versions:
        raise NotFound("no release of this name is served here", where=name[:100])
    versions = tuple(
        VersionStanding(
            version=loaded.version,
            digest=loaded.digest,
            mode=served.standings[loaded.digest].mode,
            approved=served.standings[loaded.digest].approved,
            approvals=served.said.approvals.get(loaded.digest, ()),
            suspended=served.standings[loaded.digest].suspended,
        )
        for loaded in served.versions[name].values()
    )
    acts = tuple(act for act in reversed(served.said.acts) if act.name == name)
    decided = served.decided.get(name)
    present = {act.seq for act in (decided.present, decided.silent) if act is not None} if decided else set()
    return ReleaseStanding(
        name=name,
        live=_version(served.live.get(name)),
        silent=_version(served.silent.get(name)),
        versions=versions,
        acts=acts,
        refused=tuple(act for act in acts if act.kind == "deployment-refused" and act.of in present),
    )


def _version(loaded: Loaded | None) -> str | None:
    return None if loaded is None else loaded.version


def named(service: Service, name: str, version: str | None = None) -> Loaded:
    """The release that an act is about, whatever it may do. Raises ``NotFound``."""
    served = service.served
    if version is None:
        found = served.live.get(name) or served.silent.get(name)
    else:
        found = served.versions.get(name, {}).get(version)
    if found is None:
        raise NotFound("no such release is loaded here", where=f"{name} {version or ''}".strip()[:100])
    return found


def approve(service: Service, user: User, name: str, version: str | None, reason: str) -> Approval:
    """Approve a loaded release for care; raises as ``Ledger.approve``."""
    loaded = named(service, name, version)
    return service.ledger.approve(loaded.digest, loaded.name, loaded.version, user, reason)


def suspend(service: Service, user: User, name: str, version: str | None, reason: str) -> Suspension:
    """Stop a loaded release at once; raises as ``Ledger.suspend``."""
    loaded = named(service, name, version)
    return service.ledger.suspend(loaded.digest, loaded.name, loaded.version, user, reason)


def reinstate(service: Service, user: User, name: str, version: str | None, reason: str) -> ReinstatementReply:
    """Say that a suspended release may answer again; raises as ``Ledger.reinstate``."""
    said, lifted = service.ledger.reinstate(named(service, name, version).digest, user, reason)
    return ReinstatementReply(**msgspec.structs.asdict(said), lifted=lifted)


def _made(document: msgspec.Struct, status: int = 201) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def _show(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001  # every endpoint is called alike
    return _made(standing_of(service, call.parameters["name"]), 200)


def _silent_report(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    return _made(service.ledger.silent_report(call.parameters["name"]), 200)


def _deploy(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(DeploymentRequest)
    name = call.parameters["name"]
    return _made(deployments.deploy(service, caller.user, asked.place, asked.mode, asked.reason, name=name))


def _rollback(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(RollbackRequest)
    name = call.parameters["name"]
    return _made(deployments.rollback(service, caller.user, name, asked.reason, silent=asked.silent))


def _suspend(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return _made(suspend(service, caller.user, call.parameters["name"], asked.version, asked.reason))


def _reinstate(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return _made(reinstate(service, caller.user, call.parameters["name"], asked.version, asked.reason))


def _approve(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return _made(approve(service, caller.user, call.parameters["name"], asked.version, asked.reason))


_ADMIN: frozenset[Role] = frozenset({"admin"})
_APPROVING: frozenset[Role] = frozenset({"clinician", "scientist", "admin"})
_OF = "/api/v1/releases/{name}"

STANDING = (
    Route(
        "GET",
        f"{_OF}/deployments",
        PEOPLE,
        "Which versions are loaded, which answers, who approved or suspended, and every act so far",
        _show,
        response=ReleaseStanding,
        statuses=(404,),
    ),
    Route(
        "POST",
        f"{_OF}/deployments",
        _ADMIN,
        "Put a version into service: verified and checked here, then swapped in",
        _deploy,
        request=DeploymentRequest,
        response=Deployment,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "GET",
        f"{_OF}/silent-report",
        PEOPLE,
        "The last silent report: figures of groups, no patient's answer",
        _silent_report,
        response=SilentReport,
        statuses=(404,),
    ),
    Route(
        "POST",
        f"{_OF}/rollback",
        _ADMIN,
        "Go back to the version that was live before",
        _rollback,
        request=RollbackRequest,
        response=Deployment,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "POST",
        f"{_OF}/suspension",
        frozenset({"clinician"}),
        "Suspend a release at once",
        _suspend,
        request=CareRequest,
        response=Suspension,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "POST",
        f"{_OF}/reinstatement",
        _APPROVING,
        "Say that a suspended release may answer again; it takes two people, one of them a clinician",
        _reinstate,
        request=CareRequest,
        response=ReinstatementReply,
        success=201,
        statuses=(404, 409),
    ),
    Route(
        "POST",
        f"{_OF}/approvals",
        _APPROVING,
        "Approve a release for care; it takes two people, one of them a clinician",
        _approve,
        request=CareRequest,
        response=Approval,
        success=201,
        statuses=(404, 409),
    ),
)
