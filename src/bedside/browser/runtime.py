"""onnxruntime-web: which files of its npm package a page needs, where they lie here, and how they get there.

Nothing is ever downloaded by bedside itself. ``scripts/onnxruntime-web`` fetches the package through npm; whoever has
it as a file gives that: ``python -m bedside.browser.install onnxruntime-web-1.30.0.tgz``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from bedside.errors import BedsideError, DataError, UsageError
from bedside.release.bundled import BUNDLED

NAME = "onnxruntime-web"
VERSION = BUNDLED[NAME].version
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package's file, as npm states it; it goes with the version, as the digests below do."""

SCRIPT, WASM = "onnxruntime.js", "onnxruntime.wasm"
TAKEN = {
    SCRIPT: (
        "package/dist/ort.wasm.bundle.min.mjs",
        "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    ),
    WASM: (
        "package/dist/ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
}
"""Our name → its name in the package, and the SHA-256 of its bytes."""

REMEDY = f"Run scripts/{NAME}, or: npm pack {NAME}@{VERSION}, then: python -m bedside.browser.install FILE"


def folder() -> Path:
    """Where the files lie: ``$BEDSIDE_ONNXRUNTIME_WEB``, else a folder of this Python environment."""
    chosen = os.environ.get("BEDSIDE_ONNXRUNTIME_WEB")
    return Path(chosen) if chosen else Path(sys.prefix) / "share" / "bedside" / f"{NAME}-{VERSION}"


def missing() -> BedsideError | None:
    """The error to raise where the files are not here."""
    if all((folder() / name).is_file() for name in TAKEN):
        return None
    return UsageError(f"{NAME} {VERSION} is not installed", where=str(folder()), remedy=REMEDY)


def runtime_files() -> dict[str, bytes]:
    """The files by our names.

    Raises
    ------
    UsageError: they are not here. DataError: one of them is not what the package holds.
    """
    absent = missing()
    if absent is not None:
        raise absent
    files = {name: (folder() / name).read_bytes() for name in TAKEN}
    for name, (_, digest) in TAKEN.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise DataError(f"is not that of {NAME} {VERSION}", where=str(folder() / name), remedy=REMEDY)
    return files


def licences() -> dict[str, bytes]:
    """Licence and third-party notices of onnxruntime; the npm package has none, the Python package has both."""
    import onnxruntime

    place = Path(onnxruntime.__file__).parent
    named = {f"{NAME}.txt": "LICENSE", f"{NAME}-third-party.txt": "ThirdPartyNotices.txt"}
    return {name: (place / file).read_bytes() for name, file in named.items()}
