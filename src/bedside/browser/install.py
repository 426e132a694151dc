"""Take onnxruntime-web out of its npm package: ``python -m bedside.browser.install onnxruntime-web-1.30.0.tgz``."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
import tarfile
from pathlib import Path

from bedside.browser.runtime import INTEGRITY, NAME, REMEDY, TAKEN, VERSION, folder
from bedside.errors import BedsideError, DataError, UsageError


def install(package: Path) -> Path:
    """Take the files out of the npm package into `folder`; gives the folder.

    Raises
    ------
    UsageError: it cannot be read or the folder cannot be written. DataError: it is another version or was changed.
    """
    try:
        content = package.read_bytes()
        found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        if found != INTEGRITY:
            raise DataError(f"is not {NAME} {VERSION} as npm has it", where=str(package))
        folder().mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for name, (inside, _) in TAKEN.items():
                member = archive.extractfile(inside)
                assert member is not None, inside  # the digest above says so
                _write(folder() / name, member.read())
    except OSError as error:
        raise UsageError(f"{error.strerror}", where=str(error.filename or package)) from error
    return folder()


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)


def _main(words: list[str]) -> int:
    try:
        if len(words) != 1:
            raise UsageError("give the package's file", remedy=REMEDY)
        sys.stdout.write(f"{install(Path(words[0]))}\n")
    except BedsideError as error:
        sys.stderr.write(f"bedside: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
