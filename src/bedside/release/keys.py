"""A key pair for signing releases: elliptic curve P-256, kept as PEM files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import Conflict, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

CURVES = ("secp256r1", "secp384r1", "secp521r1")


def keygen(out: Path) -> tuple[Path, Path]:
    """Write ``signing.key`` (PKCS #8 PEM, not encrypted, readable by its owner only) and ``signing.pub`` into a folder.

    Raises
    ------
    Conflict: one of them is there already. UsageError: the folder cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private, public = out / "signing.key", out / "signing.pub"
    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise Conflict(
                "is there already; a key is never overwritten", where=str(path), remedy="Choose another --out"
            )
    key = ec.generate_private_key(ec.SECP256R1())
    pem, encoding = serialization.NoEncryption(), serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, pem)
    known = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_new(private, secret, 0o600)
        _write_new(public, known, 0o644)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out)) from error
    return private, public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    # The mode holds from the first byte on; writing first and changing it after would leave a gap.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_private_key(path: Path) -> EllipticCurvePrivateKey:
    """The key to sign with.

    Raises
    ------
    UsageError: there is no such file, or it holds no unencrypted private key on P-256, P-384 or P-521.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        hint = "Give signing.key, not signing.pub" if b"PUBLIC KEY" in _read(path) else "Make one with: bedside keygen"
        raise UsageError("holds no private key that can be read", where=str(path), remedy=hint) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise UsageError("holds no elliptic curve key", where=str(path), remedy="Make one with: bedside keygen")
    return key


def read_public_key(path: Path) -> EllipticCurvePublicKey:
    """The key to verify with.

    Raises
    ------
    UsageError: there is no such file, or it holds no public key on P-256, P-384 or P-521.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    content = _read(path)
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, TypeError) as error:
        hint = "Give signing.pub, not signing.key" if b"PRIVATE KEY" in content else "Ask the signer for signing.pub"
        raise UsageError("holds no public key that can be read", where=str(path), remedy=hint) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise UsageError("holds no elliptic curve key", where=str(path), remedy="Ask the signer for signing.pub")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error


def public_pem(path: Path) -> bytes:
    """The PEM text of a public key, in the one form whose SHA-256 is its `fingerprint`; raises as `read_public_key`."""
    return _pem(read_public_key(path))


def fingerprint(key: EllipticCurvePublicKey) -> str:
    """SHA-256 of the key's PEM text, in hexadecimal: what a signature calls its key."""
    import hashlib

    return hashlib.sha256(_pem(key)).hexdigest()


def _pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
