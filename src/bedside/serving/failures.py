"""One shape for every refusal: ``{"error": {"what", "where", "remedy"}}``, with the status that the error carries."""

from __future__ import annotations

import logging
import secrets

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bedside.errors import BedsideError, LedgerError, ValueRefused
from bedside.serving.logs import log
from bedside.serving.oip.documents import InferenceFailure

_REMEDIES = {
    400: "Send what the route declares in /openapi.json",
    404: "The routes are listed in /openapi.json",
    405: "The methods of each route are listed in /openapi.json",
    413: "Send less: 1 MiB is the limit",
    429: "Wait for as many seconds as Retry-After says",
    415: "Send JSON with Content-Type: application/json",
    503: "Ask again when /readyz says ok",
    422: "The fields of each route are listed in /openapi.json",
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes
    ----------
    what: one sentence. where: the file, key or variable, where the sentence does not say it. remedy: what to do.
    problems: per variable, what is wrong with its value.
    reference: of the line in the server's log, where the fault is ours.
    """

    what: str
    where: str = ""
    remedy: str = ""
    problems: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    reference: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def text(self) -> str:
        """All of it as one text, for protocols whose errors are that."""
        place = f"{self.where}: " if self.where and self.problems is msgspec.UNSET else ""
        return f"{place}{self.what}" + (f". {self.remedy}" if self.remedy else "")


class FailureReply(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every reply with a status of 400 or more."""

    error: Failure


def failure_of(error: BedsideError | HTTPException) -> tuple[int, Failure]:
    """The HTTP status and the words for an error that was raised on purpose.

    Where the server itself is in trouble (500 and up) the place is left out: it would name a path on this machine.
    """
    if isinstance(error, HTTPException):
        return error.status_code, Failure(what=error.detail, remedy=_REMEDIES.get(error.status_code, ""))
    problems = dict(error.problems) if isinstance(error, ValueRefused) else msgspec.UNSET
    where = error.where if error.status < 500 else ""
    return error.status, Failure(what=error.what, where=where, remedy=error.remedy, problems=problems)


def told(error: Exception, route: str) -> tuple[int, Failure]:
    """The same for any error; one that nobody foresaw goes into the log, and its reference to the outside."""
    if isinstance(error, LedgerError):
        log("the ledger is in trouble", level=logging.ERROR, what=error.what, route=route)
    if isinstance(error, (BedsideError, HTTPException)):
        return failure_of(error)
    reference = secrets.token_hex(6)
    log("unexpected failure", level=logging.ERROR, error=error, reference=reference, route=route)
    return 500, unexpected(reference)


def refusal(status: int, failure: Failure, *, oip: bool = False) -> Response:
    """An error as JSON: in our own shape, or in that of the Open Inference Protocol."""
    document = InferenceFailure(error=failure.text) if oip else FailureReply(error=failure)
    response = Response(msgspec.json.encode(document), status, media_type="application/json")
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def unexpected(reference: str) -> Failure:
    """The words for a fault of ours: no detail, only where the operator finds it."""
    return Failure(
        what="bedside failed unexpectedly; nothing was answered",
        remedy=f"Tell the operator the reference {reference}: the log has a line with it",
        reference=reference,
    )
