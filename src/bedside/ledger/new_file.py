"""Files that appear whole, on the disk, under their name; or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bedside.errors import BedsideError, Conflict, UsageError


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, readable by its owner only; it gets its name when all of it is on the disk.

    Raises ``Conflict`` where that name is taken (nothing is overwritten) and ``UsageError`` where the disk refuses.
    """
    if path.exists() or path.is_symlink():
        raise Conflict("is there already", where=str(path), remedy="Choose another name")
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, it never replaces
        sync_folder(path.parent)
    except FileExistsError as error:
        raise Conflict("is there already", where=str(path), remedy="Choose another name") from error
    except BedsideError:  # some are also an OSError
        raise
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        Path(draft).unlink()


def sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
