"""A real server process for tests: what ``bedside serve`` does, on a free loopback port, ended when the test is."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Served:
    """A running server: its URL, its process, and the file that it logs to."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def logged(self) -> str:
        return self.log.read_text()


@contextlib.contextmanager
def serving(
    folder: Path,
    release: tuple[Path, Path],
    *options: str | Path,
    solo: bool = True,
    within: tuple[str, ...] = (),
    ledger: str | Path | None = None,
) -> Iterator[Served]:
    """``bedside serve`` with these options and a ledger; SIGTERM ends it.

    ``ledger``: ``ledger.db`` in ``folder`` where none is named. ``within``: words of a command that runs it.
    """
    path, key = release
    words = ["serve", path, "--key", key, "--ledger", ledger or folder / "ledger.db", "--port", "0", *options]
    words += ["--solo"] if solo else []
    log = folder / "server.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*within, sys.executable, "-W", "error", "-m", "bedside", *map(str, words)],
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    try:
        yield Served(_url(process, log), process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(process: subprocess.Popen[str], log: Path) -> str:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("Serving on "):
                return line.split()[2].rstrip("/")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    raise AssertionError(log.read_text())


def certificate(folder: Path, name: str = "tls", *, days: float = 30) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that signs itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ward")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
