"""One flat folder, or a zip of one: read whole and strictly, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bedside.errors import BedsideError, NotFound, Refused, UsageError
from bedside.release.archive import unarchived
from bedside.release.limits import refuse_many, refuse_size

EVIDENCE = ("evidence.json", "report.html", "card.md")
"""What validation attaches; may be replaced without changing the candidate."""
SIGNED = ("signing.json", "signature.json")
"""What signing adds."""
OUTSIDE_DIGEST = frozenset((*EVIDENCE, *SIGNED))

_READABLE = "Let the user that bedside runs as read it"


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """The same of a file that need not be in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(files: Mapping[str, bytes]) -> str:
    """The candidate digest of a folder's files, see `candidate_digest`."""
    lines = [f"{name} {sha256(files[name])}\n" for name in sorted(files, key=str.encode) if name not in OUTSIDE_DIGEST]
    return sha256("".join(lines).encode())


def candidate_digest(folder: Path) -> str:
    """SHA-256 that stands for a candidate: all its files but those that validation and signing add.

    For each file but ``evidence.json``, ``report.html``, ``card.md``, ``signing.json`` and ``signature.json``: one
    line of the file's name, one space, the SHA-256 of its bytes in lower-case hexadecimal, and a line feed; the
    lines sorted by the bytes of the name (``LC_ALL=C sort``), joined, UTF-8, and hashed with SHA-256. In a shell,
    inside the folder::

        ls | grep -vxE 'evidence.json|report.html|card.md|signing.json|signature.json' | LC_ALL=C sort |
        xargs sha256sum | awk '{print $2 " " $1}' | sha256sum

    Raises
    ------
    NotFound, Refused: as for `read_files`.
    """
    return digest_of(read_files(folder))


def read_files(path: Path) -> dict[str, bytes]:
    """Every file of a flat folder or of a zip of one, by name.

    The content is read once, and what was read is what gets checked and used; a file that changes later has no effect.

    Raises
    ------
    NotFound: there is nothing at `path`. UsageError: it cannot be read.
    Refused: a subfolder, a link, a name with a path in it, too many files or too many bytes, a zip that readers could
        read differently; the message names it.
    """
    try:
        if path.is_dir():
            return {name: file.read_bytes() for name, file in _flat(path)}
        if path.is_file():
            return unarchived(path)
    except OSError as error:
        place = str(error.filename or path)
        raise UsageError(f"cannot be read: {error.strerror}", where=place, remedy=_READABLE) from error
    raise NotFound("there is no such folder or zip file", where=str(path))


def _flat(folder: Path) -> Iterator[tuple[str, Path]]:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    refuse_many(len(entries), str(folder))
    total = 0
    for entry in entries:
        if entry.is_symlink():
            raise Refused(f"`{entry.name}` is a link; a release holds plain files only", where=str(folder))
        if entry.is_dir():
            raise Refused(f"`{entry.name}` is a folder; a release is one flat folder", where=str(folder))
        if not entry.is_file():
            raise Refused(f"`{entry.name}` is not a plain file", where=str(folder))
        total = refuse_size(entry.name, entry.stat().st_size, total, str(folder))
        yield entry.name, Path(entry.path)


def write_file(path: Path, content: bytes) -> None:
    """Write one file of an existing folder whole or not at all, and durably."""
    with staging(path.parent) as stage:
        draft = stage / path.name
        _write(draft, content)
        draft.replace(path)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A private folder beside `folder`, on the same file system, that is gone afterwards whatever happens.

    Raises
    ------
    UsageError: nothing can be written there.
    """
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".bedside-", dir=folder.parent))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        if isinstance(error, BedsideError):
            raise
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(folder)) from error
    finally:
        # Folders that were made on the way to it stay only if something stays in them.
        with suppress(OSError):
            for parent in made:
                parent.rmdir()


def write_folder(files: Mapping[str, bytes], stage: Path, out: Path) -> None:
    """Write `files` into a folder of `stage` and move it to `out` in one step; an older `out` goes into `stage`.

    Where the process ends before that step, `out` is untouched.
    """
    write_files(files, stage / out.name)
    publish(stage / out.name, stage, out)


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `files` into a new folder."""
    folder.mkdir(mode=0o755)
    for name, content in files.items():
        _write(folder / name, content)


def publish(draft: Path, stage: Path, out: Path) -> None:
    """Move a finished folder to `out`."""
    if out.exists():
        out.rename(stage / ".replaced")
    draft.rename(out)
