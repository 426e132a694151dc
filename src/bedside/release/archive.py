"""A release as one file: a zip whose bytes follow from its content alone, and that every reader reads alike."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bedside.errors import Refused
from bedside.release.entry_names import flat_names
from bedside.release.limits import MOST_FILES, refuse_many, refuse_ratio, refuse_size

# PKWARE, APPNOTE.TXT 6.3.10: local file header (4.3.7), data descriptor (4.3.9), end of central directory (4.3.16).
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<3I")
_END = struct.Struct("<4s4H2IH")
_LARGEST_DIRECTORY = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED, _DEFERRED, _UTF8 = 0x1, 0x8, 0x800
_FLAGS = 0x6 | _DEFERRED | _UTF8
"""Bits that change no byte of the content: level of compression, sizes after the data, names in UTF-8."""
_OTHER_NAME, _ZIP64 = 0x7075, 0x0001
"""Extra fields that give some readers another name, or other sizes."""


@dataclass(frozen=True)
class _Member:
    """One entry as the central directory states it, and where its bytes lie in the file."""

    entry: zipfile.ZipInfo
    start: int

    @property
    def end(self) -> int:
        return self.start + self.entry.compress_size


def write_archive(files: Mapping[str, bytes], path: Path) -> None:
    """Write `files` as a new zip: sorted by name, stored, dated 1980-01-01, one mode for all, no comment.

    Stored, because compressors differ between versions, and weights hardly shrink: equal content gives equal bytes
    wherever it is made.

    Raises
    ------
    Refused: it is too large for a plain zip (2 GiB).
    """
    try:
        with path.open("xb") as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
                for name in sorted(files, key=str.encode):
                    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                    entry.create_system, entry.external_attr = 3, 0o100644 << 16
                    archive.writestr(entry, files[name])
            out.flush()
            os.fsync(out.fileno())
    except zipfile.LargeZipFile as error:
        raise Refused("is too large to travel as one file: at most 2 GiB", remedy="Carry the folder") from error


def unarchived(path: Path) -> dict[str, bytes]:
    """Every file of a zip of one flat folder, by name; nothing is written anywhere.

    A zip says most things twice, and readers differ in which they believe. Here both must agree, and every byte must
    belong to an entry or to the directory.

    Raises
    ------
    Refused: it is no zip, is damaged, is ambiguous, or holds anything but files of one flat folder within the limits;
        the message names the entry.
    """
    where = str(path)
    with path.open("rb") as file:
        stated = _stated_entries(file, where)
        try:
            with zipfile.ZipFile(file) as archive:
                entries, start = archive.infolist(), archive.start_dir
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
            raise _unreadable(where, str(error)) from error
        if len(entries) != stated:
            raise Refused("holds other entries than it says: other readers see others", where=where)
        names = flat_names(entries, where)
        refuse_many(len(names), where)
        for entry in entries:
            _refuse_form(entry, where)
        members = list(_members(file, entries, start, where))
        _refuse_bomb([one.entry for one in members], start, where)
        return {names[m.entry.filename]: _content(file, m, where) for m in members if m.entry.filename in names}


def _unreadable(where: str, why: str) -> Refused:
    return Refused(f"is neither a folder nor a zip file that can be read: {why}", where=where)


def _stated_entries(file: BinaryIO, where: str) -> int:
    """How many the end record says; it must be the last 22 bytes, with the directory right before it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END.size - 20, 0))
    tail = file.read()
    if len(tail) < _END.size or not tail.endswith(b"\0\0") or tail[-_END.size :][:4] != b"PK\5\6":
        if file.seek(0) == 0 and file.read(4) in (b"PK\3\4", b"PK\5\6"):
            raise Refused("is cut short, or has bytes after its end: it is not what was sent", where=where)
        raise _unreadable(where, "it does not end as a zip does")
    _, disk, other, here, entries, length, start, comment = _END.unpack(tail[-_END.size :])
    if tail[:4] == b"PK\6\7" or 0xFFFFFFFF in (length, start) or 0xFFFF in (disk, other, here, entries):
        raise Refused("is of the ZIP64 form; a release is small enough for a plain zip", where=where)
    if disk or other or here != entries or comment:
        raise Refused("is one part of several, or carries a comment", where=where)
    # One more than files: the folder that a zip tool may list.
    if entries > MOST_FILES + 1 or length > _LARGEST_DIRECTORY:
        refuse_many(entries, where)
        raise Refused("has a directory that is too long for a release", where=where)
    if start + length + _END.size != size:
        raise Refused("has bytes before its beginning or after its directory: other readers see others", where=where)
    return int(entries)


def _refuse_form(entry: zipfile.ZipInfo, where: str) -> None:
    name = entry.filename
    if entry.flag_bits & _ENCRYPTED:
        raise Refused(f"entry {name!r} is encrypted", where=where)
    if entry.flag_bits & ~_FLAGS or entry.compress_type not in _METHODS or entry.volume:
        raise Refused(f"entry {name!r} is packed in a way other than stored or deflated", where=where)
    if entry.comment or not (entry.filename.isascii() or entry.flag_bits & _UTF8):
        raise Refused(f"entry {name!r} has a comment, or a name that readers read differently", where=where)
    _refuse_extra(entry.extra, name, where)


def _refuse_extra(extra: bytes, name: str, where: str) -> None:
    while extra:
        if len(extra) < 4 or len(extra) < 4 + (length := int.from_bytes(extra[2:4], "little")):
            raise Refused(f"entry {name!r} has a damaged extra field", where=where)
        if int.from_bytes(extra[:2], "little") in (_OTHER_NAME, _ZIP64):
            raise Refused(f"entry {name!r} has a second name or a second size for other readers", where=where)
        extra = extra[4 + length :]


def _members(file: BinaryIO, entries: list[zipfile.ZipInfo], end: int, where: str) -> Iterator[_Member]:
    """Each entry with its bytes; they must lie one behind the other from the first byte to the directory."""
    at, ordered = 0, sorted(entries, key=lambda entry: entry.header_offset)
    for i, entry in enumerate(ordered):
        if entry.header_offset != at:
            raise Refused(f"entry {entry.filename!r} overlaps another, or bytes lie before it", where=where)
        member = _Member(entry, at + _header(file, entry, where))
        at = ordered[i + 1].header_offset if i + 1 < len(ordered) else end
        if member.end != at:
            _refuse_descriptor(file, member, at, where)
        yield member
    if at != end:
        raise Refused("has bytes before its directory that belong to no entry", where=where)


def _header(file: BinaryIO, entry: zipfile.ZipInfo, where: str) -> int:
    """Length of the entry's own header, which must say what the directory says of it."""
    file.seek(entry.header_offset)
    fixed = file.read(_LOCAL.size)
    if len(fixed) != _LOCAL.size:
        raise Refused(f"entry {entry.filename!r} is cut short", where=where)
    mark, _, flags, method, _, _, crc, packed, size, named, extra = _LOCAL.unpack(fixed)
    own = file.read(named + extra)
    name = entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")
    stated = [(entry.CRC, entry.compress_size, entry.file_size)]
    if flags & _DEFERRED:
        stated.append((0, 0, 0))
    if (mark, flags, method, own[:named]) != (b"PK\3\4", entry.flag_bits, entry.compress_type, name) or (
        (crc, packed, size) not in stated
    ):
        raise Refused(f"entry {entry.filename!r} says of itself other than the directory says of it", where=where)
    _refuse_extra(own[named:], entry.filename, where)
    return int(_LOCAL.size + named + extra)


def _refuse_descriptor(file: BinaryIO, member: _Member, end: int, where: str) -> None:
    """What may follow an entry's data: its sizes again, where its header left them open."""
    entry = member.entry
    sizes = _DESCRIPTOR.pack(entry.CRC, entry.compress_size, entry.file_size)
    found = b""
    if entry.flag_bits & _DEFERRED and 0 < end - member.end <= 4 + _DESCRIPTOR.size:
        file.seek(member.end)
        found = file.read(end - member.end)
    if found not in (sizes, b"PK\7\x08" + sizes):
        raise Refused(f"entry {entry.filename!r} overlaps another, or bytes lie behind it", where=where)


def _refuse_bomb(entries: list[zipfile.ZipInfo], packed: int, where: str) -> None:
    """Before the first byte is unpacked; `_content` holds each entry to what it declares."""
    total = 0
    for entry in entries:
        total = refuse_size(entry.filename, max(entry.file_size, entry.compress_size), total, where)
    refuse_ratio(total, packed, where)


def _content(file: BinaryIO, member: _Member, where: str) -> bytes:
    """The entry's bytes: never more than it declares, and nothing left over behind them."""
    entry = member.entry
    file.seek(member.start)
    packed = file.read(entry.compress_size)
    content, whole = packed, True
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, entry.file_size + 1)
        except zlib.error as error:
            raise Refused(f"entry {entry.filename!r} cannot be unpacked: it is damaged", where=where) from error
        whole = stream.eof and not stream.unused_data
    if len(content) != entry.file_size or not whole:
        raise Refused(f"entry {entry.filename!r} does not unpack to the size that it declares", where=where)
    if zlib.crc32(content) != entry.CRC:
        raise Refused(f"entry {entry.filename!r} is damaged: its checksum (CRC-32) does not hold", where=where)
    return content
