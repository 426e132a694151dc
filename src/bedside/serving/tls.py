"""TLS from two files: a certificate (with its chain) and its key, in PEM."""

from __future__ import annotations

import logging
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from bedside.errors import UsageError
from bedside.serving.logs import log

_SOON = timedelta(days=14)


@dataclass(frozen=True)
class Tls:
    """The two files, given to ``--tls-cert`` and ``--tls-key``."""

    certificate: Path
    key: Path


def files(certificate: str | Path | None, key: str | Path | None) -> Tls | None:
    """None where neither is named. Raises ``UsageError`` where only one is."""
    if (certificate is None) != (key is None):
        missing = "--tls-key" if key is None else "--tls-cert"
        raise UsageError("TLS needs the certificate and its key", where=missing, remedy="Name both files")
    return None if certificate is None or key is None else Tls(Path(certificate), Path(key))


def context(tls: Tls) -> ssl.SSLContext:
    """What a listening socket needs: TLS 1.2 or later, Python's choice of ciphers.

    Raises ``UsageError`` for a file that cannot be read, is not PEM, or does not fit the other.
    """
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(made, tls)
    return made


@contextmanager
def renewed(tls: Tls, served: ssl.SSLContext) -> Iterator[None]:
    """Meanwhile SIGHUP reads both files again, for new connections; where they do not hold, the old ones stay."""

    def read_again(*_: object) -> None:
        try:
            context(tls)  # first into one that nobody uses: a mismatch must not leave half of it behind
            _load(served, tls)
        except UsageError as error:
            log("the certificate was not renewed", level=logging.ERROR, why=error.what)
        else:
            log("the certificate was read again")

    before = signal.signal(signal.SIGHUP, read_again)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _load(into: ssl.SSLContext, tls: Tls) -> None:
    certificate = _certificate(tls.certificate)
    _readable(tls.key)
    try:
        into.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in (error.reason or "")
        what = "the key is not that of the certificate" if mismatch else "this is not a private key in PEM"
        raise UsageError(what, where=str(tls.key), remedy=f"Name the key of {tls.certificate.name}") from error
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if left < _SOON:
        event = "the certificate has expired" if left < timedelta(0) else "the certificate expires soon"
        log(event, level=logging.WARNING, not_after=certificate.not_valid_after_utc.isoformat())


def _certificate(path: Path) -> x509.Certificate:
    content = _readable(path)
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except ValueError as error:
        raise UsageError("this is not a certificate in PEM", where=str(path)) from error


def _readable(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"this file cannot be read ({error.strerror})", where=str(path)) from error


def _no_password() -> str:
    """Called for a key that is locked with a pass phrase: without this, OpenSSL would ask on the terminal."""
    raise UsageError("the key of TLS is locked with a pass phrase", remedy="Give a key without one")
