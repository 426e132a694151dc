"""The JSON API about releases: which version answers, who approved, who suspended, and the acts that change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.errors import NotFound
from bedside.ledger import Approval, Deployment, Reinstatement, SilentReport, Suspension, User
from bedside.serving import deployments
from bedside.serving.access import Caller
from bedside.serving.api import reply
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
    """Which version to leave.

    Attributes
    ----------
    silent: end the silent release of this name; otherwise the live version goes back to the one before.
    expected: the version that the administrator saw there; where another is by now, nothing happens (409).
    """

    reason: Words = ""
    silent: bool = False
    expected: Annotated[str, Meta(max_length=100)] | None = None


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


def _show(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001  # every endpoint is called alike
    return reply(standing_of(service, call.parameters["name"]))


def _silent_report(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    return reply(service.ledger.silent_report(call.parameters["name"]))


def _deploy(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(DeploymentRequest)
    name = call.parameters["name"]
    return reply(deployments.deploy(service, caller.user, asked.place, asked.mode, asked.reason, name=name), 201)


def _rollback(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(RollbackRequest)
    return reply(
        deployments.rollback(service, caller.user, call.parameters["name"], **msgspec.structs.asdict(asked)), 201
    )


def _suspend(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return reply(suspend(service, caller.user, call.parameters["name"], asked.version, asked.reason), 201)


def _reinstate(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return reply(reinstate(service, caller.user, call.parameters["name"], asked.version, asked.reason), 201)


def _approve(service: Service, call: Call, caller: Caller) -> Response:
    asked = call.json(CareRequest)
    return reply(approve(service, caller.user, call.parameters["name"], asked.version, asked.reason), 201)


_ADMIN: frozenset[Role] = frozenset({"admin"})
_CLINICIANS: frozenset[Role] = frozenset({"clinician"})
_APPROVING: frozenset[Role] = frozenset({"clinician", "scientist", "admin"})
_OF = "/api/v1/releases/{name}"


def _act(
    path: str, roles: frozenset[Role], summary: str, endpoint: Callable[..., Response], request: Any, response: Any
) -> Route:
    """A route by which a person decides something about the releases of one name."""
    return Route(
        "POST",
        f"{_OF}/{path}",
        roles,
        summary,
        endpoint,
        request=request,
        response=response,
        success=201,
        statuses=(404, 409),
    )


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
    _act(
        "deployments",
        _ADMIN,
        "Put a version into service: verified and checked here, then swapped in",
        _deploy,
        DeploymentRequest,
        Deployment,
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
    _act("rollback", _ADMIN, "Go back to the version that was live before", _rollback, RollbackRequest, Deployment),
    _act("suspension", _CLINICIANS, "Suspend a release at once", _suspend, CareRequest, Suspension),
    _act(
        "reinstatement",
        _APPROVING,
        "Say that a suspended release may answer again; it takes two people, one of them a clinician",
        _reinstate,
        CareRequest,
        ReinstatementReply,
    ),
    _act(
        "approvals",
        _APPROVING,
        "Approve a release for care; it takes two people, one of them a clinician",
        _approve,
        CareRequest,
        Approval,
    ),
)
