"""OpenSSF model signing's own verification, as a program: the library brings 25 MB that a server needs but once.

Run as ``python -P signature_check.py FOLDER SIGNATURE KEY`` it imports nothing of bedside and prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HOLDS = "holds"
INVALID = "invalid"
MISMATCH = "Signature mismatch"
"""How the library begins where the signature itself holds, over other files."""


def check(folder: Path, signature: Path, key: Path) -> str:
    """``"holds"``, ``"invalid"``, or what else the library says; in a process of its own unless the library is here."""
    if "model_signing" in sys.modules or not sys.executable:
        return verdict(folder, signature, key)
    words = [sys.executable, "-P", __file__, str(folder), str(signature), str(key)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
        said = json.loads(done.stdout)["verdict"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        return f"it could not be checked ({type(error).__name__})"
    # Whatever went wrong on the way, nothing but this one word passes for a signature that holds.
    return str(said) if done.returncode == 0 else "it could not be checked"


def verdict(folder: Path, signature: Path, key: Path) -> str:
    """The same, here."""
    from cryptography.exceptions import InvalidSignature
    from model_signing import hashing, verifying

    strict = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    verifier = verifying.Config().set_hashing_config(strict).use_elliptic_key_verifier(public_key=key)
    try:
        verifier.verify(folder, signature)
    except InvalidSignature:
        return INVALID
    except Exception as error:  # the library's parsers raise many kinds; none may pass for a signature that holds
        return str(error) or type(error).__name__
    return HOLDS


if __name__ == "__main__":
    json.dump({"verdict": verdict(*map(Path, sys.argv[1:4]))}, sys.stdout)
