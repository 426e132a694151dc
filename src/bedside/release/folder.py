"""One flat folder, or a zip of one: read whole and strictly, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bedside.errors import NotFound, Refused, UsageError

EVIDENCE = ("evidence.json", "report.html", "card.md")
"""What validation attaches; may be replaced without changing the candidate."""
SIGNED = ("signing.json", "signature.json")
"""What signing adds."""
OUTSIDE_DIGEST = frozenset((*EVIDENCE, *SIGNED))

LARGEST_FILE = 2 * 1024**3
LARGEST_RELEASE = 4 * 1024**3
MOST_FILES = 64
_READABLE = "Let the user that bedside runs as read it"


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


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
    Refused: a subfolder, a link, a name with a path in it, too many files or too many bytes; the message names it.
    """
    try:
        if path.is_dir():
            return {name: file.read_bytes() for name, file in _flat(path)}
        if path.is_file():
            return _unzipped(path)
    except OSError as error:
        place = str(error.filename or path)
        raise UsageError(f"cannot be read: {error.strerror}", where=place, remedy=_READABLE) from error
    raise NotFound("there is no such folder or zip file", where=str(path))


def _flat(folder: Path) -> Iterator[tuple[str, Path]]:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    if len(entries) > MOST_FILES:
        raise Refused(f"holds {len(entries)} entries; a release has at most {MOST_FILES}", where=str(folder))
    total = 0
    for entry in entries:
        if entry.is_symlink():
            raise Refused(f"`{entry.name}` is a link; a release holds plain files only", where=str(folder))
        if entry.is_dir():
            raise Refused(f"`{entry.name}` is a folder; a release is one flat folder", where=str(folder))
        if not entry.is_file():
            raise Refused(f"`{entry.name}` is not a plain file", where=str(folder))
        total += _size_within_limits(entry.name, entry.stat().st_size, total, folder)
        yield entry.name, Path(entry.path)


def _size_within_limits(name: str, size: int, before: int, where: Path) -> int:
    if size > LARGEST_FILE or before + size > LARGEST_RELEASE:
        limits = f"{LARGEST_FILE // 1024**3} GiB a file, {LARGEST_RELEASE // 1024**3} GiB in all"
        raise Refused(f"`{name}` is too large: at most {limits}", where=str(where))
    return size


def _unzipped(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not _is_top_folder(entry, archive)]
            if len(entries) > MOST_FILES:
                raise Refused(f"holds {len(entries)} entries; a release has at most {MOST_FILES}", where=str(path))
            prefix = _prefix(entries)
            files: dict[str, bytes] = {}
            for entry in entries:
                name = entry.filename.removeprefix(prefix)
                _refuse_entry(entry, name, files, path)
                files[name] = _extracted(archive, entry, sum(map(len, files.values())), path)
            return files
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise Refused(f"is neither a folder nor a zip file that can be read: {error}", where=str(path)) from error


def _prefix(entries: list[zipfile.ZipInfo]) -> str:
    """``"name/"`` where every entry lies in one folder of that name, as zip tools write a folder; else empty."""
    tops = {entry.filename.partition("/")[0] if "/" in entry.filename else "" for entry in entries}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top not in ("", ".", "..") else ""


def _is_top_folder(entry: zipfile.ZipInfo, archive: zipfile.ZipFile) -> bool:
    top = entry.filename
    return entry.is_dir() and top.count("/") == 1 and all(name.startswith(top) for name in archive.namelist())


def _refuse_entry(entry: zipfile.ZipInfo, name: str, seen: Mapping[str, bytes], where: Path) -> None:
    if entry.is_dir() or name in ("", ".", "..") or any(mark in name for mark in ("/", "\\", "\0", ":")):
        raise Refused(f"entry `{entry.filename}` is not a file of one flat folder", where=str(where))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise Refused(f"entry `{entry.filename}` is a link or no plain file", where=str(where))
    if name in seen:
        raise Refused(f"entry `{entry.filename}` is there twice", where=str(where))
    if entry.flag_bits & 1:
        raise Refused(f"entry `{entry.filename}` is encrypted", where=str(where))


def _extracted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, before: int, where: Path) -> bytes:
    """At most as many bytes as the entry declares: a zip bomb declares few and unpacks to many."""
    _size_within_limits(entry.filename, entry.file_size, before, where)
    with archive.open(entry) as source:
        content = source.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise Refused(f"entry `{entry.filename}` does not unpack to the size that it declares", where=str(where))
    return content


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
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".bedside-", dir=folder.parent))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


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
