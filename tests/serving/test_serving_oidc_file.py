"""The file that ``--oidc`` names: what is wrong with it is said with file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from log_in_provider import OIDC, REDIRECT

from bedside.errors import UsageError
from bedside.serving.oidc import read_provider

TEXT = OIDC.format(issuer="https://login.example", client="bedside", redirect=REDIRECT)


def written(folder: Path, text: str) -> Path:
    (folder / "oidc.secret").write_text("s3cret\n")
    (folder / "oidc.toml").write_text(text)
    return folder / "oidc.toml"


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    found = read_provider(written(tmp_path, TEXT))
    assert (found.issuer, found.client_secret, found.scopes) == (
        "https://login.example",
        "s3cret",
        ("openid", "profile"),
    )
    assert found.roles == (("clinician", frozenset({"doctors"})), ("auditor", frozenset({"revision", "board"})))
    assert (found.passwords, found.log_out) == (True, True)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[claims]", "[claim]", r"no table \[claim\]. Did you mean 'claims'"),
        ("client_id", "client_ids", r"\[provider\]: there is no key client_ids. Did you mean 'client_id'"),
        ("clinician =", "clinicians =", r"\[roles\]: there is no key clinicians. Did you mean 'clinician'"),
        ("clinician =", "service =", r"\[roles\]: there is no key service"),
        ("log_out = true", "log_out = 1", r"\[provider\].*bool"),
        ('"https://login.example"', '"http://login.example"', "issuer.*no address with https"),
        ('"https://login.example"', '"login.example"', "issuer.*no address with https"),
        ("/login/return", "/elsewhere", "redirect_uri.*then /login/return"),
        ("http://127.0.0.1:8765/login", "http://ward.example/login", "redirect_uri.*no address with https"),
        ('role = "groups"', "", r"\[claims\].*role"),
        ('["doctors"]', '"doctors"', r"\[roles\].*array"),
        ("oidc.secret", "gone.secret", "gone.secret.*cannot be read"),
        ("log_out = true", 'client_secret_env = "X"', "not both"),
        ("log_out = true", 'scopes = ["profile"]', "scopes"),
        ("[provider]", "[provider", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError, match=said) as caught:
        read_provider(written(tmp_path, TEXT.replace(old, new, 1)))
    assert str(tmp_path) in str(caught.value)


def test_roles_that_nobody_can_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody could log in"):
        read_provider(written(tmp_path, TEXT.partition("[roles]")[0]))


def test_the_secret_may_be_in_the_environment_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT.replace('client_secret_file = "oidc.secret"', 'client_secret_env = "WARD_SECRET"')
    monkeypatch.delenv("WARD_SECRET", raising=False)
    with pytest.raises(UsageError, match="client_secret_env"):
        read_provider(written(tmp_path, text))
    monkeypatch.setenv("WARD_SECRET", "from outside")
    assert read_provider(written(tmp_path, text)).client_secret == "from outside"
    public = TEXT.replace('client_secret_file = "oidc.secret"', "")
    assert read_provider(written(tmp_path, public)).client_secret is None


def test_a_bad_file_stops_the_start_with_one_message(signed: Any, tmp_path: Path, bedside: Any) -> None:
    file = written(tmp_path, TEXT.replace("client_id", "client"))
    words = ["serve", signed[0], "--key", signed[1], "--ledger", tmp_path / "ledger.db", "--oidc", file]
    done = bedside(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "there is no key client." in done.stderr


def test_a_user_is_linked_on_the_command_line(tmp_path: Path, bedside: Any) -> None:
    ledger = ["--ledger", tmp_path / "ledger.db"]
    assert bedside("user", "add", "ada", "--role", "clinician", *ledger).returncode == 0
    link = ["user", "link", "ada", "--issuer", "https://login.example", "--subject", "7f3a", *ledger]
    done = bedside(*link)
    assert (done.returncode, "ada (clinician)" in done.stdout) == (0, True), done.stderr
    again = bedside(*link)
    assert (again.returncode, "linked already" in again.stderr) == (2, True)
