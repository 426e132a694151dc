"""TLS: real certificates, a real server, a client that verifies it."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from served import certificate, serving

from bedside.errors import UsageError
from bedside.ledger import Ledger
from bedside.serving import Tls, run, tls_files
from bedside.serving.tls import context


def test_both_files_or_none(tmp_path: Path) -> None:
    assert tls_files(None, None) is None
    assert tls_files("a", "b") == Tls(Path("a"), Path("b"))
    with pytest.raises(UsageError, match="--tls-key"):
        tls_files("a", None)
    with pytest.raises(UsageError, match="--tls-cert"):
        tls_files(None, "b")


def test_files_that_do_not_do_are_named(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    other, other_key = certificate(tmp_path, "other")
    text = tmp_path / "text"
    text.write_text("no certificate")
    with pytest.raises(UsageError, match=r"gone\.pem.*cannot be read"):
        context(Tls(tmp_path / "gone.pem", key))
    with pytest.raises(UsageError, match=r"gone\.key.*cannot be read"):
        context(Tls(pem, tmp_path / "gone.key"))
    with pytest.raises(UsageError, match="text: this is not a certificate"):
        context(Tls(text, key))
    with pytest.raises(UsageError, match="text: this is not a private key"):
        context(Tls(pem, text))
    with pytest.raises(UsageError, match=r"other\.key: the key is not that of the certificate"):
        context(Tls(pem, other_key))
    assert context(Tls(other, other_key)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_locked_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    opened = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        opened.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(UsageError, match="pass phrase"):
        context(Tls(pem, key))


def _client(pem: Path) -> httpx2.Client:
    return httpx2.Client(verify=ssl.create_default_context(cafile=str(pem)))


def _serial(url: str, pem: Path) -> str:
    """Of the certificate that the server shows, after it was verified."""
    host, port = url.removeprefix("https://").split(":")
    trusting = ssl.create_default_context(cafile=str(pem))
    with socket.create_connection((host, int(port)), 10) as bare, trusting.wrap_socket(bare, server_hostname=host) as s:
        found = s.getpeercert()
    assert found is not None
    return str(found["serialNumber"])


def test_a_server_speaks_tls_and_takes_a_renewed_certificate(signed: Any, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        _, secret = ledger.add_user("ada", "clinician", actor="test")
    with serving(tmp_path, signed, "--tls-cert", pem, "--tls-key", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        with _client(pem) as client:
            ready = client.get(f"{server.url}/readyz")
            assert (ready.status_code, ready.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
            entered = client.post(f"{server.url}/login", data={"name": "ada", "password": secret})
            assert entered.status_code == 303
            cookie = entered.headers["Set-Cookie"]
            assert cookie.startswith("__Host-bedside_session=")
            assert "secure" in cookie.lower()
            assert client.get(f"{server.url}/password").status_code == 200
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx2.get(f"{server.url}/readyz")
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            httpx2.get(server.url.replace("https", "http") + "/readyz")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(pem)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx2.ConnectError), httpx2.Client(verify=old) as client:
            client.get(f"{server.url}/readyz")

        first = _serial(server.url, pem)
        new, new_key = certificate(tmp_path, "new", days=3)
        shutil.copy(new, pem)  # half of the renewal: the old pair must go on serving
        server.process.send_signal(signal.SIGHUP)
        _until(server, "the certificate was not renewed")
        shutil.copy(new_key, key)
        server.process.send_signal(signal.SIGHUP)
        _until(server, "the certificate was read again")
        assert _serial(server.url, new) != first
        assert "the certificate expires soon" in server.logged()
    assert server.process.returncode == 0


def _until(server: Any, event: str) -> None:
    while event not in server.logged():
        assert server.process.poll() is None, server.logged()
        time.sleep(0.05)


def test_an_expired_certificate_is_served_with_a_warning(signed: Any, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, days=-1)
    with serving(tmp_path, signed, "--tls-cert", pem, "--tls-key", key) as server:
        assert "the certificate has expired" in server.logged()


def test_with_tls_any_host_may_be_named(hospital: Any, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    with pytest.raises(UsageError, match="cannot"):  # it got as far as listening
        run(hospital.app, host="192.0.2.1", port=0, tls=Tls(pem, key))


def test_a_bad_pair_stops_the_start_with_one_message(signed: Any, tmp_path: Path, bedside: Any) -> None:
    pem, _ = certificate(tmp_path)
    _, other = certificate(tmp_path, "other")
    words = ["serve", signed[0], "--key", signed[1], "--ledger", tmp_path / "ledger.db", "--port", "0"]
    done = bedside(*words, "--tls-cert", pem, "--tls-key", other)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the key is not that of the certificate" in done.stderr
    alone = bedside(*words, "--tls-cert", pem)
    assert (alone.returncode, "--tls-key" in alone.stderr) == (2, True)


def test_forwarded_headers_are_believed_only_where_it_was_said(signed: Any, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        _, secret = ledger.add_user("ada", "clinician", actor="test")
    sent = {"name": "ada", "password": secret}
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
    with serving(tmp_path, signed) as server:
        reply = httpx2.post(f"{server.url}/login", data=sent, headers=forwarded)
        assert reply.headers["Set-Cookie"].startswith("bedside_session=")
        assert "Strict-Transport-Security" not in reply.headers
    with serving(tmp_path, signed, "--behind-proxy", "127.0.0.1") as server:
        reply = httpx2.post(f"{server.url}/login", data=sent, headers=forwarded)
        assert reply.headers["Set-Cookie"].startswith("__Host-bedside_session=")
        assert "Strict-Transport-Security" in reply.headers


def test_a_proxy_is_named_by_its_address(hospital: Any) -> None:
    with pytest.raises(UsageError, match=r"proxy\.example: this is not an IP address"):
        run(hospital.app, port=0, behind_proxy="127.0.0.1, proxy.example")
