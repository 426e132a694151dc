"""A log-in provider that can be told to misbehave: OpenID Connect over real sockets, with keys of its own.

It checks what a good provider checks (redirect address, client's secret, PKCE, one use of a code) and notes what it was
asked; ``claims``, ``header``, ``key`` and ``token`` let a test change what it answers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

CLIENT, SECRET = "bedside ward", "s3cret:with%odd+signs"
REDIRECT = "http://127.0.0.1:8765/login/return"
OIDC = """
[provider]
name = "Ward Log-in"
issuer = "{issuer}"
client_id = "{client}"
client_secret_file = "oidc.secret"
redirect_uri = "{redirect}"
log_out = true

[claims]
role = "groups"

[roles]
clinician = ["doctors"]
auditor = ["revision", "board"]
"""
"""What ``--oidc`` names, with places for issuer, client and redirect."""

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
PERSON = {"sub": "7f3a", "preferred_username": "ada", "name": "Dr. Ada Long", "groups": ["doctors"]}


@dataclass
class LogIn:
    """The provider's state and its bad habits."""

    url: str = ""
    keys: list[Any] = field(default_factory=lambda: [RSA, EC, OKP])
    key: Any = field(default_factory=lambda: RSA)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "rsa"})
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    token: Callable[[str], str] = field(default_factory=lambda: str)
    description: dict[str, Any] = field(default_factory=dict)
    person: dict[str, Any] = field(default_factory=lambda: dict(PERSON))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/leave",
        }
        if self.userinfo is not None:
            said["userinfo_endpoint"] = f"{self.url}/userinfo"
        return said | self.description

    def authorize(self, query: dict[str, str]) -> str:
        """The address that a person who has just logged in is sent back to."""
        assert (query["client_id"], query["redirect_uri"]) == (CLIENT, REDIRECT)
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{REDIRECT}?code={code}&state={query['state']}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or form.get("redirect_uri") != REDIRECT:
            return 400, {"error": "invalid_grant"}
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self.signed(query["nonce"])}

    def signed(self, nonce: str) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.person}
        said |= self.claims
        said = {name: value for name, value in said.items() if value is not None}
        return self.token(jwt.encode(self.header, said, self.key, algorithms=[self.header["alg"]]))


def _answers(state: LogIn) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            state.asked.append((path, dict(self.headers)))
            if path == "/.well-known/openid-configuration":
                self._send(200, state.described())
            elif path == "/keys":
                self._send(200, {"keys": [key.as_dict(private=False) for key in state.keys]})
            elif path == "/userinfo":
                self._send(200, state.userinfo or {})
            elif path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                self.send_response(302)
                self.send_header("Location", state.authorize(query))
                self.end_headers()
            else:
                self._send(404, {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            state.asked.append(("/token", form))
            self._send(*state.exchange(form, self.headers.get("Authorization", "")))

        def _send(self, status: int, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Answers


@contextmanager
def log_in_provider() -> Iterator[LogIn]:
    """Listening on a free loopback port."""
    state = LogIn()
    with ThreadingHTTPServer(("127.0.0.1", 0), _answers(state)) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
