"""Zips that lie. Each is made here, byte by byte where no tool would make it, and each is refused by name."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bedside.errors import Refused
from bedside.release import limits
from bedside.release.archive import unarchived, write_archive
from bedside.release.folder import read_files

FILES = {"a.json": b"{}\n", "model.onnx": bytes(range(256)) * 40, "empty": b""}


@dataclass(frozen=True)
class Entry:
    """One entry, with what the directory says of it and what its own header says."""

    name: bytes
    content: bytes = b"x"
    deflated: bool = False
    packed: bytes | None = None
    flags: int = 0
    own_flags: int | None = None
    method: int | None = None
    size: int | None = None
    own_size: int | None = None
    own_name: bytes | None = None
    crc: int | None = None
    extra: bytes = b""
    own_extra: bytes = b""
    comment: bytes = b""
    attributes: int = 0o100644 << 16
    before: bytes = b""
    after: bytes = b""
    at: int | None = None


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def made(*entries: Entry, before: bytes = b"", gap: bytes = b"", after: bytes = b"", count: int | None = None,
         comment: bytes = b"", disk: int = 0) -> bytes:  # fmt: skip
    """A zip as APPNOTE.TXT lays it out, with whatever the entries say."""
    out, directory = before, b""
    for one in entries:
        out += one.before
        at = len(out) if one.at is None else one.at
        packed = one.packed if one.packed is not None else deflate(one.content) if one.deflated else one.content
        method = one.method if one.method is not None else 8 if one.deflated else 0
        size = len(one.content) if one.size is None else one.size
        crc = zlib.crc32(one.content) if one.crc is None else one.crc
        own_name, own_flags = one.own_name or one.name, one.flags if one.own_flags is None else one.own_flags
        own = (0, 0, 0) if own_flags & 8 else (crc, len(packed), size if one.own_size is None else one.own_size)
        out += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, own_flags, method, 0, 33, *own, len(own_name), len(one.own_extra)
        )
        out += own_name + one.own_extra + packed + one.after
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20 | 3 << 8, 20, one.flags, method, 0, 33, crc, len(packed), size,
            len(one.name), len(one.extra), len(one.comment), 0, 0, one.attributes, at,
        ) + one.name + one.extra + one.comment  # fmt: skip
    out += gap
    number = len(entries) if count is None else count
    end = struct.pack("<4s4H2IH", b"PK\5\6", disk, disk, number, number, len(directory), len(out), len(comment))
    return out + directory + end + comment + after


def descriptor(content: bytes, mark: bytes = b"PK\7\x08") -> bytes:
    return mark + struct.pack("<3I", zlib.crc32(content), len(content), len(content))


GOOD = Entry(b"a.json", b"{}\n")
UNICODE_NAME = struct.pack("<HHBI", 0x7075, 11, 1, zlib.crc32(b"a.json")) + b"b.json"
BOMB = b"\0" * (1 << 20)


def mode(kind: int) -> int:
    return (kind | 0o777) << 16


MALICIOUS: dict[str, tuple[bytes, str]] = {
    "parent folder": (made(GOOD, Entry(b"../evil")), "not a file of one flat folder"),
    "parent folder as the prefix": (made(Entry(b"../evil")), "not a file of one flat folder"),
    "absolute path": (made(GOOD, Entry(b"/etc/evil")), "not a file of one flat folder"),
    "absolute path alone": (made(Entry(b"/evil")), "not a file of one flat folder"),
    "backslashes": (made(GOOD, Entry(b"..\\evil")), "not a file of one flat folder"),
    "drive": (made(GOOD, Entry(b"C:evil")), "not a file of one flat folder"),
    "alternate stream": (made(GOOD, Entry(b"a.json:evil")), "not a file of one flat folder"),
    "no name": (made(GOOD, Entry(b"")), "not a file of one flat folder"),
    "a dot": (made(GOOD, Entry(b".")), "not a file of one flat folder"),
    "cut at a NUL": (made(GOOD, Entry(b"b.json\0.exe")), "not a file of one flat folder"),
    "nested folder": (made(GOOD, Entry(b".git/config")), "not a file of one flat folder"),
    "folder in the folder": (made(Entry(b"top/a"), Entry(b"top/in/b")), "not a file of one flat folder"),
    "two folders": (made(Entry(b"one/a"), Entry(b"two/a")), "not a file of one flat folder"),
    "empty folder": (made(GOOD, Entry(b"in/", b"", attributes=mode(stat.S_IFDIR) | 0x10)), "one flat folder"),
    "folder with content": (made(Entry(b"top/"), Entry(b"top/a")), "not a file of one flat folder"),
    "control characters": (made(GOOD, Entry(b"\x1b[2Jb")), "some systems take for another"),
    "written from right to left": (made(GOOD, Entry("b\u202egnp".encode(), flags=0x800)), "some systems take"),
    "device of Windows": (made(GOOD, Entry(b"nul.json")), "some systems take for another"),
    "dot at the end": (made(GOOD, Entry(b"b.json.")), "some systems take for another"),
    "space at the end": (made(GOOD, Entry(b"b.json ")), "some systems take for another"),
    "link": (made(GOOD, Entry(b"l", b"/etc/passwd", attributes=mode(stat.S_IFLNK))), "link, a device or no plain"),
    "top folder is a link": (
        made(Entry(b"top/", b"", attributes=mode(stat.S_IFLNK)), Entry(b"top/a")), "not a file of one flat folder",
    ),
    "block device": (made(GOOD, Entry(b"d", b"", attributes=mode(stat.S_IFBLK))), "link, a device or no plain"),
    "character device": (made(GOOD, Entry(b"d", b"", attributes=mode(stat.S_IFCHR))), "link, a device or no plain"),
    "pipe": (made(GOOD, Entry(b"d", b"", attributes=mode(stat.S_IFIFO))), "link, a device or no plain"),
    "socket": (made(GOOD, Entry(b"d", b"", attributes=mode(stat.S_IFSOCK))), "link, a device or no plain"),
    "folder by its attribute": (made(GOOD, Entry(b"d", b"", attributes=0x10)), "link, a device or no plain"),
    "name twice": (made(GOOD, replace(GOOD, content=b"[]\n")), "is there twice"),
    "name twice, by case": (made(GOOD, Entry(b"A.JSON")), "same name on some systems"),
    "name twice, by composition": (
        made(Entry("\u00e9".encode(), flags=0x800), Entry("e\u0301".encode(), flags=0x800)), "same name on some",
    ),
    "name twice, by compatibility": (
        made(Entry(b"fi"), Entry("\ufb01".encode(), flags=0x800)), "same name on some systems",
    ),
    "name twice, by case folding": (
        made(Entry(b"strasse"), Entry("stra\u00dfe".encode(), flags=0x800)), "same name on some systems",
    ),
    "name in an unknown alphabet": (made(GOOD, Entry(b"\x82")), "that readers read differently"),
    "name that is no UTF-8": (made(GOOD, Entry(b"\xff\xfe", flags=0x800)), "neither a folder nor a zip"),
    "second name for some": (made(replace(GOOD, extra=UNICODE_NAME)), "a second name or a second size"),
    "second name in its header": (made(replace(GOOD, own_extra=UNICODE_NAME)), "a second name or a second size"),
    "second size for some": (made(replace(GOOD, own_extra=struct.pack("<HHQQ", 1, 16, 9, 9))), "a second name or"),
    "extra field that is cut": (made(replace(GOOD, own_extra=b"UT\x09\0abc")), "damaged extra field"),
    "encrypted": (made(GOOD, Entry(b"b", b"x" * 20, flags=1)), "is encrypted"),
    "strongly encrypted": (made(GOOD, Entry(b"b", flags=0x40)), "other than stored or deflated"),
    "masked header": (made(GOOD, Entry(b"b", flags=0x2000)), "other than stored or deflated"),
    "patch": (made(GOOD, Entry(b"b", flags=0x20)), "(?:other than stored or deflated|neither a folder)"),
    "another method": (made(GOOD, Entry(b"b", method=14)), "other than stored or deflated"),
    "comment of an entry": (made(replace(GOOD, comment=b"hello")), "has a comment"),
    "another name in its header": (made(replace(GOOD, own_name=b"b.json")), "other than the directory says"),
    "another size in its header": (made(replace(GOOD, own_size=2)), "other than the directory says"),
    "other flags in its header": (made(replace(GOOD, own_flags=2)), "other than the directory says"),
    "header elsewhere": (made(replace(GOOD, at=3)), "overlaps another, or bytes lie before it"),
    "the same bytes for two": (made(GOOD, replace(GOOD, name=b"b.json", at=0)), "overlaps another"),
    "bytes between entries": (made(GOOD, Entry(b"b", before=b"hidden")), "overlaps another"),
    "bytes before the first": (made(replace(GOOD, before=b"hidden")), "overlaps another, or bytes lie before it"),
    "an entry that is not listed": (made(GOOD, gap=made(Entry(b"b"))[:32]), "bytes lie behind it"),
    "sizes after the data that differ": (
        made(replace(GOOD, flags=8, after=descriptor(b"other"))), "overlaps another, or bytes lie behind it",
    ),
    "bytes before it all": (b"#!/bin/sh\nexit\n" + made(GOOD), "before its beginning or after its directory"),
    "bytes before it all, counted in": (made(GOOD, before=b"MZ\x90"), "overlaps another, or bytes lie before it"),
    "bytes after it all": (made(GOOD, after=b"trailing"), "cut short, or has bytes after its end"),
    "another zip after it": (made(GOOD) + made(replace(GOOD, content=b"[]\n")), "before its beginning or after"),
    "zip in the comment": (made(GOOD, comment=made(Entry(b"b"))), "before its beginning or after"),
    "comment": (made(GOOD, comment=b"\0\0"), "(?:carries a comment|after its end)"),
    "fewer entries than it has": (made(GOOD, Entry(b"b"), count=1), "holds other entries than it says"),
    "more entries than it has": (made(GOOD, count=2), "holds other entries than it says"),
    "one of several disks": (made(GOOD, disk=1), "one part of several"),
    "ZIP64 by its counts": (made(GOOD, count=0xFFFF), "ZIP64"),
    "cut short": (made(GOOD)[:-1], "cut short"),
    "half of it": (made(GOOD)[: len(made(GOOD)) // 2], "cut short"),
    "an end alone": (b"PK\5\6", "cut short"),
    "nothing": (b"", "does not end as a zip does"),
    "text": (b"not a zip at all, but long enough to hold the end of one", "does not end as a zip does"),
    "tar": (b"a.json" + b"\0" * 1018, "does not end as a zip does"),
    "too many files": (made(*(Entry(b"%d" % i) for i in range(65))), "holds 65 entries"),
    "far too many": (made(*(Entry(b"%d" % i) for i in range(3000))), "holds 3000 entries"),
    "checksum": (made(replace(GOOD, crc=1)), "checksum .CRC-32. does not hold"),
    "no deflate": (made(replace(GOOD, packed=b"\xff\xff\xff", method=8)), "cannot be unpacked"),
    "cut deflate": (made(replace(GOOD, packed=deflate(b"{}\n")[:-2], method=8)), "the size that it declares"),
    "bytes after the deflated": (
        made(Entry(b"b", packed=deflate(b"x") + b"hidden", method=8)), "the size that it declares",
    ),
    "declares less than it unpacks to": (
        made(Entry(b"b", BOMB, deflated=True, size=10)), "does not unpack to the size that it declares",
    ),
    "declares more than it unpacks to": (
        made(Entry(b"b", b"x" * 99, deflated=True, size=1 << 20)), "does not unpack to the size that it declares",
    ),
    "stored, of another size": (made(Entry(b"b", b"x" * 99, size=98)), "does not unpack to the size"),
    "a file of 3 GiB": (made(Entry(b"b", BOMB, deflated=True, size=3 << 30)), "`b` is too large"),
    "5 GiB in all": (
        made(*(Entry(b"%d" % i, BOMB, deflated=True, size=2**31 - 1) for i in range(3))), "`2` is too large",
    ),
    "a thousandfold": (made(Entry(b"b", b"x", deflated=True, size=1 << 30)), "would unpack to 1024 MiB"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALICIOUS)
def test_it_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    content, words = MALICIOUS[name]
    path = tmp_path / "in" / "r.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(Refused, match=words):
        read_files(path)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]


def test_a_real_bomb_is_refused_by_what_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB of zeros in 1 kB, all of it declared: allowed while small, refused where it is much."""
    path = tmp_path / "r.zip"
    path.write_bytes(made(*(Entry(b"%d" % i, BOMB, deflated=True) for i in range(4))))
    assert sum(map(len, read_files(path).values())) == 4 << 20
    monkeypatch.setattr(limits, "FREE", 1 << 20)
    with pytest.raises(Refused, match=r"would unpack to 4 MiB from 0\.00 MiB"):
        read_files(path)


def test_a_bomb_that_declares_little_is_never_unpacked_whole(tmp_path: Path) -> None:
    """256 MiB that declare 10 bytes cost no such memory."""
    import tracemalloc

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(BOMB) for _ in range(256)) + packer.flush()
    path = tmp_path / "r.zip"
    path.write_bytes(made(Entry(b"b", packed=packed, method=8, size=10, crc=1)))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="does not unpack to the size"):
            read_files(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_the_maker_above_makes_zips_that_are_accepted(tmp_path: Path) -> None:
    """Else everything would be refused for a reason of its own."""
    path = tmp_path / "r.zip"
    deferred = replace(GOOD, flags=8, after=descriptor(GOOD.content))
    bare = replace(GOOD, flags=8, after=descriptor(GOOD.content, b""))
    for entries in ([GOOD], [deferred], [bare], [replace(GOOD, deflated=True)], [replace(GOOD, name=b"top/a.json")]):
        path.write_bytes(made(*entries))
        assert read_files(path) == {"a.json": b"{}\n"}
        assert zipfile.ZipFile(path).testzip() is None
    named = Entry("prüfung".encode(), flags=0x800)
    path.write_bytes(made(named, GOOD))
    assert read_files(path) == {"prüfung": b"x", "a.json": b"{}\n"}


def by_zipfile(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("top")
        for name, content in FILES.items():
            archive.writestr(f"top/{name}", content)


def by_zipfile_into_a_pipe(path: Path) -> None:
    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override]
            with path.open("ab") as file:
                return file.write(content)

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for name, content in FILES.items():
            archive.writestr(name, content)


def by_shutil(path: Path) -> None:
    import shutil

    folder = path.parent / "folder"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    shutil.make_archive(str(path.with_suffix("")), "zip", folder.parent, "folder")


@pytest.mark.parametrize("tool", [by_zipfile, by_zipfile_into_a_pipe, by_shutil])
def test_what_common_tools_write_is_read(tool: Callable[[Path], None], tmp_path: Path) -> None:
    tool(tmp_path / "r.zip")
    assert read_files(tmp_path / "r.zip") == FILES


def test_what_is_written_is_read_back_by_us_and_by_others(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    write_archive(FILES, path)
    assert unarchived(path) == FILES
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert archive.namelist() == sorted(FILES)


def test_its_bytes_follow_from_the_content_alone(tmp_path: Path) -> None:
    """The very bytes that the maker above makes: no order, date, mode, user or compressor is in them."""
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    write_archive(FILES, one)
    write_archive(dict(reversed(FILES.items())), two)
    expected = made(*(Entry(name.encode(), FILES[name]) for name in sorted(FILES)))
    assert one.read_bytes() == two.read_bytes() == expected


def test_more_than_a_plain_zip_takes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    with pytest.raises(Refused, match="too large to travel as one file"):
        write_archive(FILES, tmp_path / "r.zip")


def read_from_the_start(whole: bytes) -> dict[str, bytes]:
    """What a reader finds that goes from header to header and never looks at the directory."""
    found, at = {}, 0
    while whole[at : at + 4] == b"PK\3\4":
        _, _, _, method, _, _, _, packed, _, named, extra = struct.unpack("<4s5H3I2H", whole[at : at + 30])
        at += 30 + named + extra
        content = whole[at : at + packed]
        found[whole[at - named - extra : at - extra].decode("cp437")] = (
            zlib.decompress(content, -15) if method else content
        )
        at += packed
    return found


def test_whatever_bit_is_changed_all_readers_read_the_same_or_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    whole = made(replace(GOOD, deflated=True), Entry(b"b.json", b"[1, 2]"))
    accepted = 0
    for at in range(len(whole) * 8):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        try:
            ours = read_files(path)
        except Refused:
            continue
        accepted += 1
        with zipfile.ZipFile(path) as archive:
            assert ours == {name: archive.read(name) for name in archive.namelist()}, at
        assert ours == read_from_the_start(bytes(content)), at
    assert 0 < accepted < 500  # dates, versions and modes
