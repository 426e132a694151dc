"""The two cookies of a log-in: the session, and a log-in that was begun at the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from bedside.ledger.sessions import LONGEST
from bedside.serving.call import Call
from bedside.serving.oidc.flow import LASTS_SECONDS


@dataclass(frozen=True)
class Cookie:
    """A cookie that no script can read and that off loopback travels over TLS only."""

    plain: str
    seconds: int
    same_site: Literal["strict", "lax"]

    def name(self, call: Call) -> str:
        """``__Host-`` binds it to this host and to TLS, which plain loopback has not got."""
        return self.plain if call.plain_loopback else f"__Host-{self.plain}"

    def sent(self, call: Call) -> str | None:
        """What the browser sent of it."""
        return call.cookies.get(self.name(call))

    def give(self, response: Response, call: Call, value: str) -> None:
        """Let the browser keep it."""
        secure, name = not call.plain_loopback, self.name(call)
        response.set_cookie(
            name, value, max_age=self.seconds, path="/", secure=secure, httponly=True, samesite=self.same_site
        )

    def take_back(self, response: Response, call: Call) -> None:
        """Let the browser forget it."""
        secure, name = not call.plain_loopback, self.name(call)
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite=self.same_site)


SESSION = Cookie("bedside_session", int(LONGEST.total_seconds()), "strict")

PENDING = Cookie("bedside_login", LASTS_SECONDS, "lax")
"""``lax``: it must come along when the provider sends the person back."""
