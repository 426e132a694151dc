"""Log-in through a provider: a well-behaved one, and one that tries everything else."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hospital as house
import httpx2
import pytest
from joserfc.jwk import RSAKey
from log_in_provider import CLIENT, EC, OIDC, OKP, REDIRECT, RSA, SECRET, LogIn, log_in_provider

from bedside.review import PAGES
from bedside.serving import admission


@pytest.fixture
def provider() -> Iterator[LogIn]:
    with log_in_provider() as running:
        yield running


def opened(folder: Path, signed: Any, provider: LogIn, text: str = OIDC) -> Any:
    (folder / "oidc.secret").write_text(SECRET + "\n")
    (folder / "oidc.toml").write_text(text.format(issuer=provider.url, client=CLIENT, redirect=REDIRECT))
    return house.open_hospital(folder, [signed], pages=PAGES, admission=admission(oidc=folder / "oidc.toml"))


@pytest.fixture
def ward(tmp_path: Path, signed: Any, provider: LogIn) -> Iterator[Any]:
    hospital = opened(tmp_path, signed, provider)
    yield hospital
    hospital.ledger.close()


@pytest.fixture(scope="module")
def shared(signed: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, LogIn]]:
    """One ward and one provider for all that must fail: nobody ever comes in there."""
    with log_in_provider() as running:
        hospital = opened(tmp_path_factory.mktemp("shut"), signed, running)
        yield hospital, running
        hospital.ledger.close()


@pytest.fixture
def shut(shared: tuple[Any, LogIn]) -> tuple[Any, LogIn]:
    """The same, with a provider that has forgotten what the test before told it."""
    fresh = vars(LogIn(url=shared[1].url))
    vars(shared[1]).update(fresh)
    return shared


def there(browser: Any, wanted: str = "/") -> str:
    """Begin a log-in and go through the provider; the address that it sends the browser back to."""
    begun = browser.get("/login/start", params={"next": wanted})
    assert begun.status_code == 303, begun.text
    return str(httpx2.get(begun.headers["Location"]).headers["Location"])


def back(browser: Any, address: str) -> Any:
    assert address.startswith(REDIRECT)
    return browser.get(address.removeprefix("http://127.0.0.1:8765"))


def refused(ward: Any, browser: Any, reply: Any, reason: str, status: int = 401) -> None:
    """The log-in page again, without a session; the reason stands in the ledger, not on the page."""
    assert reply.status_code == status, reply.text
    assert "bedside_session" not in browser.cookies
    assert 'role="alert"' in reply.text
    assert browser.get("/").headers["Location"] == "/login"
    assert "bedside_login" not in browser.cookies
    entry = list(ward.ledger.entries(kind="log-in-failed"))[-1]
    assert ward.ledger.decoded(entry)["reason"] == reason
    assert [entry for entry in ward.ledger.entries(kind="user-added") if entry.subject == "ada"] == []


def test_a_person_comes_in_with_role_and_name(ward: Any, provider: LogIn) -> None:
    browser = ward.anonymous()
    page = browser.get("/login?next=/releases").text
    assert "Log in with Ward Log-in" in page
    assert 'href="/login/start?next=%2Freleases"' in page
    begun = browser.get("/login/start?next=/releases")
    cookie = begun.headers["Set-Cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/", "max-age=600"} <= set(cookie.split("; "))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["Location"]).query).items()}
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    for secret in ("state", "nonce"):
        assert asked[secret] not in begun.headers["Set-Cookie"]
    reply = back(browser, str(httpx2.get(begun.headers["Location"]).headers["Location"]))
    assert reply.status_code == 200
    # A redirect would not carry the session's cookie, which is for this site only: a page of ours leads on.
    assert '<meta http-equiv="refresh" content="0; url=/releases">' in reply.text
    assert "samesite=strict" in reply.headers["Set-Cookie"].lower()
    assert "Dr. Ada Long" in browser.get("/releases").text
    assert ward.ledger.user("ada").role == "clinician"
    form = next(form for path, form in provider.asked if path == "/token")
    assert (form["grant_type"], "client_secret" in form) == ("authorization_code", False)
    kinds = [(entry.kind, entry.subject) for entry in ward.ledger.entries() if entry.subject == "ada"]
    assert kinds == [("user-added", "ada"), ("user-linked", "ada"), ("log-in", "ada")]
    assert ward.ledger.verify().holds


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (OKP, "Ed25519")])
def test_tokens_may_be_signed_in_these_ways(ward: Any, provider: LogIn, key: Any, algorithm: str) -> None:
    provider.key, provider.header = key, {"alg": algorithm, "kid": key.kid}
    browser = ward.anonymous()
    assert back(browser, there(browser)).status_code == 200
    assert browser.get("/").status_code == 200


WRONG = {
    "another nonce": ({"nonce": "x"}, "the token answers another log-in"),
    "no nonce": ({"nonce": None}, "the token answers another log-in"),
    "a nonce that is no text": ({"nonce": ["x"]}, "the token answers another log-in"),
    "another issuer": ({"iss": "https://evil.example"}, "the token is of another issuer"),
    "the issuer with a slash": ({"iss": "{url}/"}, "the token is of another issuer"),
    "another audience": ({"aud": "other"}, "the token is for somebody else"),
    "an audience that contains ours": ({"aud": f"{CLIENT} other"}, "the token is for somebody else"),
    "no audience": ({"aud": None}, "the token is for somebody else"),
    "one audience too many": ({"aud": [CLIENT, "other"], "azp": CLIENT}, "the token is also for somebody unknown"),
    "another party": ({"azp": "other"}, "the token was given to somebody else"),
    "expired": ({"exp": 1_700_000_000}, "the token has expired"),
    "expired just now": ({"exp": -61}, "the token has expired"),
    "endless": ({"exp": None}, "the token has no times"),
    "never issued": ({"iat": None}, "the token has no times"),
    "issued tomorrow": ({"iat": 86_400}, "the token is not of this time"),
    "issued yesterday": ({"iat": -86_400}, "the token is not of this time"),
    "not valid yet": ({"nbf": 86_400}, "the token is not of this time"),
    "times as text": ({"exp": "later"}, "the token has no times"),
    "nobody": ({"sub": None}, "the token names nobody"),
    "nobody's name": ({"sub": ""}, "the token names nobody"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_token_that_says_something_else_is_refused(shut: tuple[Any, LogIn], how: str) -> None:
    ward, provider = shut
    claims, reason = WRONG[how]
    now = int(time.time())
    provider.claims = {
        name: now + value
        if isinstance(value, int) and abs(value) < 1_000_000_000
        else value.format(url=provider.url)
        if isinstance(value, str)
        else value
        for name, value in claims.items()
    }
    browser = ward.anonymous()
    refused(ward, browser, back(browser, there(browser)), reason)


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _unsigned(token: str, algorithm: str) -> str:
    return f"{_part({'alg': algorithm, 'kid': 'rsa'})}.{token.split('.')[1]}."


def _with_public_key_as_secret(token: str) -> str:
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    signed = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{_part(claims)}"
    signature = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{_part(claims | {'groups': ['doctors', 'admins']})}.{signature}"


STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
FORGED = {
    "alg none": (lambda token: _unsigned(token, "none"), "the token is signed in a way that is not taken"),
    "alg None": (lambda token: _unsigned(token, "None"), "the token is signed in a way that is not taken"),
    "HS256 with the public key": (_with_public_key_as_secret, "the token is signed in a way that is not taken"),
    "no signature": (lambda token: token.rpartition(".")[0] + ".", "the token's signature does not hold"),
    "other claims": (_changed, "the token's signature does not hold"),
    "two parts": (lambda token: token.rpartition(".")[0], "the token is no signed token"),
    "encrypted": (lambda token: f"{token}.x.y", "the token is no signed token"),
    "nonsense": (lambda token: "x.y.z", "the token is no signed token"),
    "endless": (lambda token: token + "A" * 70_000, "the token is no signed token"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_token_is_refused(shut: tuple[Any, LogIn], how: str) -> None:
    ward, provider = shut
    forge, reason = FORGED[how]
    provider.token = forge
    browser = ward.anonymous()
    refused(ward, browser, back(browser, there(browser)), reason)


@pytest.mark.parametrize(
    ("key", "header", "reason"),
    [
        (STRANGER, {"alg": "RS256", "kid": "rsa"}, "the token's signature does not hold"),
        (RSA, {"alg": "RS256", "kid": "gone"}, "the token is signed with an unknown key"),
        (RSA, {"alg": "RS256", "kid": "ec"}, "the token is signed with an unknown key"),
        (RSA, {"alg": "RS384", "kid": "rsa"}, "the token is signed in a way that is not taken"),
    ],
)
def test_a_token_of_another_key_is_refused(
    shut: tuple[Any, LogIn], key: Any, header: dict[str, Any], reason: str
) -> None:
    ward, provider = shut
    provider.key, provider.header = key, header
    browser = ward.anonymous()
    refused(ward, browser, back(browser, there(browser)), reason)


def test_keys_are_kept_and_asked_for_anew_when_one_is_not_known(ward: Any, provider: LogIn) -> None:
    def asked() -> int:
        return [path for path, _ in provider.asked].count("/keys")

    sign_on = ward.app.state.service.admission.sign_on
    later = 0.0
    sign_on.directory.clock = lambda: time.time() + later
    for _ in range(2):
        browser = ward.anonymous()
        assert back(browser, there(browser)).status_code == 200
    assert asked() == 1
    fresh = RSAKey.generate_key(2048, {"kid": "fresh"})
    provider.keys, provider.key, provider.header = [fresh], fresh, {"alg": "RS256", "kid": "fresh"}
    assert back(browser, there(browser)).status_code == 401  # asked a moment ago: not again for each stranger's token
    assert asked() == 1
    later = 31.0
    assert back(browser, there(browser)).status_code == 200
    assert asked() == 2


def test_a_token_without_a_key_id_needs_that_one_key_fits(ward: Any, provider: LogIn) -> None:
    provider.header = {"alg": "RS256"}
    browser = ward.anonymous()
    assert back(browser, there(browser)).status_code == 200


def test_the_way_back_must_be_that_of_a_log_in_begun_in_this_browser(ward: Any) -> None:
    mine, theirs = ward.anonymous(), ward.anonymous()
    address = there(mine)
    assert back(theirs, address).status_code == 401  # no cookie at all
    there(theirs)
    refused(ward, theirs, back(theirs, address), "another log-in came back")
    assert back(mine, address).status_code == 200


def test_neither_code_nor_state_is_taken_twice(ward: Any, provider: LogIn) -> None:
    browser = ward.anonymous()
    address = there(browser)
    sealed = browser.cookies["bedside_login"]
    assert back(browser, address).status_code == 200
    thief = ward.anonymous()
    thief.cookies.set("bedside_login", sealed)
    assert back(thief, address).status_code == 401
    reason = list(ward.ledger.entries(kind="log-in-failed"))[-1]
    assert ward.ledger.decoded(reason)["reason"] == "the log-in came back a second time"
    code = parse_qs(urlsplit(address).query)["code"][0]
    there(thief)
    state = parse_qs(urlsplit(there(thief)).query)["state"][0]
    reply = back(thief, f"{REDIRECT}?code={code}&state={state}")
    assert reply.status_code == 401
    assert "bedside_session" not in thief.cookies


@pytest.mark.parametrize("sealed", ["", "x", "AAAA", "A" * 400])
def test_a_made_up_cookie_begins_nothing(shut: tuple[Any, LogIn], sealed: str) -> None:
    browser = shut[0].anonymous()
    browser.cookies.set("bedside_login", sealed)
    assert back(browser, f"{REDIRECT}?code=a&state=b").status_code == 401


def test_a_log_in_that_took_too_long_is_begun_again(ward: Any) -> None:
    browser = ward.anonymous()
    address = there(browser)
    ward.app.state.service.admission.sign_on.clock = lambda: time.time() + 601
    refused(ward, browser, back(browser, address), "the log-in took too long")


def test_another_issuer_on_the_way_back_is_refused(ward: Any, provider: LogIn) -> None:
    browser = ward.anonymous()
    refused(ward, browser, back(browser, there(browser) + "&iss=https://evil.example"), _MIXED_UP)
    assert back(browser, there(browser) + f"&iss={provider.url}").status_code == 200


def test_an_issuer_that_names_itself_must_do_so_each_time(ward: Any, provider: LogIn) -> None:
    provider.description = {"authorization_response_iss_parameter_supported": True}
    browser = ward.anonymous()
    refused(ward, browser, back(browser, there(browser)), _MIXED_UP)


_MIXED_UP = "another issuer sent the log-in back"


def test_who_does_not_log_in_there_does_not_here(ward: Any) -> None:
    browser = ward.anonymous()
    state = parse_qs(urlsplit(there(browser)).query)["state"][0]
    reply = back(browser, f"{REDIRECT}?error=access_denied&error_description=<b>no</b>&state={state}")
    assert "<b>no</b>" not in reply.text
    refused(ward, browser, reply, "the provider did not log in")


@pytest.mark.parametrize("groups", [None, [], "nurses", ["DOCTORS"], {"doctors": True}, [["doctors"]]])
def test_a_person_without_a_role_is_refused_and_told_so(shut: tuple[Any, LogIn], groups: Any) -> None:
    ward, provider = shut
    provider.person |= {"groups": groups}
    browser = ward.anonymous()
    reply = back(browser, there(browser))
    assert "gives you no role here" in reply.text
    refused(ward, browser, reply, "no role", 403)


@pytest.mark.parametrize(("groups", "role"), [("doctors", "clinician"), (["board", "doctors"], "clinician")])
def test_the_first_role_of_the_file_that_fits_counts(ward: Any, provider: LogIn, groups: Any, role: str) -> None:
    provider.person |= {"groups": groups}
    browser = ward.anonymous()
    assert back(browser, there(browser)).status_code == 200
    assert ward.ledger.user("ada").role == role


def test_a_role_deep_in_the_token_or_told_elsewhere(tmp_path: Path, signed: Any, provider: LogIn) -> None:
    provider.person = {"sub": "7f3a", "preferred_username": "ada"}
    provider.userinfo = {"sub": "7f3a", "realm_access": {"roles": ["revision"]}}
    ward = opened(tmp_path, signed, provider, OIDC.replace('"groups"', '"realm_access.roles"'))
    try:
        browser = ward.anonymous()
        assert back(browser, there(browser)).status_code == 200
        assert ward.ledger.user("ada").role == "auditor"
        headers = next(headers for path, headers in provider.asked if path == "/userinfo")
        assert headers["Authorization"] == "Bearer access"
        provider.userinfo = {"sub": "somebody else", "realm_access": {"roles": ["revision"]}}
        assert back(browser, there(browser)).status_code == 401
    finally:
        ward.ledger.close()


def test_another_role_at_the_provider_counts_from_the_next_log_in(ward: Any, provider: LogIn) -> None:
    browser, elsewhere = ward.anonymous(), ward.anonymous()
    for one in (browser, elsewhere):
        back(one, there(one))
    provider.person |= {"groups": ["revision"]}
    back(browser, there(browser))
    assert browser.get("/").headers["Location"] == "/releases"
    assert elsewhere.get("/").headers["Location"] == "/login"  # the session of the old role has ended
    assert [entry.subject for entry in ward.ledger.entries(kind="role-changed")] == ["ada"]


def test_who_was_deactivated_here_stays_out_and_names_are_not_taken_over(ward: Any, provider: LogIn) -> None:
    browser = ward.anonymous()
    back(browser, there(browser))
    ward.ledger.set_active("ada", False, actor="admin")
    reply = back(ward.anonymous(), there(browser))
    assert reply.status_code == 401  # another browser
    reply = back(browser, there(browser))
    assert (reply.status_code, "deactivated" in reply.text) == (403, True)
    assert browser.get("/").headers["Location"] == "/login"
    provider.person |= {"sub": "other", "preferred_username": "clinician"}
    reply = back(browser, there(browser))
    assert (reply.status_code, "of your name" in reply.text) == (403, True)


def test_a_new_log_in_ends_the_session_before(ward: Any) -> None:
    browser = ward.anonymous()
    back(browser, there(browser))
    first = browser.cookies["bedside_session"]
    back(browser, there(browser))
    assert browser.cookies["bedside_session"] != first
    old = ward.anonymous()
    old.cookies.set("bedside_session", first)
    assert old.get("/").headers["Location"] == "/login"


def test_never_on_to_another_site(ward: Any) -> None:
    browser = ward.anonymous()
    assert 'url=/">' in back(browser, there(browser, "//evil.example")).text


def test_passwords_can_be_switched_off(tmp_path: Path, signed: Any, provider: LogIn) -> None:
    ward = opened(tmp_path, signed, provider, OIDC.replace("log_out = true", "passwords = false"))
    try:
        browser = ward.anonymous()
        page = browser.get("/login").text
        assert ("Ward Log-in" in page, 'type="password"' in page) == (True, False)
        sent = {"name": "clinician", "password": house.PASSWORD}
        reply = browser.post("/login", data=sent)
        assert (reply.status_code, "bedside_session" in browser.cookies) == (403, False)
        assert back(browser, there(browser)).status_code == 200
        assert "/leave" not in browser.get("/login?left=true").text
    finally:
        ward.ledger.close()


def test_logging_out_leads_to_the_providers_way_out(ward: Any, provider: LogIn) -> None:
    browser = ward.anonymous()
    back(browser, there(browser))
    browser.headers["X-CSRF-Token"] = ward.ledger.csrf_token(browser.cookies["bedside_session"])
    out = ward.form(browser, "/logout")
    assert out.headers["Location"] == "/login?left=true"
    page = browser.get(out.headers["Location"]).text
    assert f"{provider.url}/leave?client_id=bedside+ward&amp;post_logout_redirect_uri=http%3A%2F%2F127.0.0.1" in page
    assert "/leave" not in browser.get("/login").text


@pytest.mark.parametrize(
    ("description", "works"),
    [
        ({"issuer": "https://evil.example"}, False),
        ({"token_endpoint": "http://evil.example/token"}, False),
        ({"jwks_uri": None}, False),
        ({"authorization_endpoint": 7}, False),
        ({"userinfo_endpoint": None}, True),
    ],
)
def test_a_description_that_is_not_of_this_issuer_is_not_used(
    ward: Any, provider: LogIn, description: dict[str, Any], works: bool
) -> None:
    provider.description = description
    reply = ward.anonymous().get("/login/start")
    assert reply.status_code == (303 if works else 503)


def test_a_provider_that_is_away_is_said_and_nothing_else_stops(tmp_path: Path, signed: Any) -> None:
    with log_in_provider() as gone:
        ward = opened(tmp_path, signed, gone)
    try:
        browser = ward.anonymous()
        reply = browser.get("/login/start")
        assert (reply.status_code, "does not answer" in reply.text) == (503, True)
        assert browser.get("/login?left=true").status_code == 200
        sent = {"name": "clinician", "password": house.PASSWORD}
        assert browser.post("/login", data=sent).status_code == 303
    finally:
        ward.ledger.close()


def test_without_a_provider_there_is_no_such_way(hospital: Any) -> None:
    for path in ("/login/start", "/login/return"):
        assert hospital.anonymous().get(path).status_code == 404
    assert "/login/start" not in hospital.anonymous().get("/login").text
