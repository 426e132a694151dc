"""UBJSON, the binary form of JSON that XGBoost writes (ubjson.org, draft 12), as plain Python values."""

from __future__ import annotations

import struct
from typing import Any

NUMBERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
WORDS = {"T": True, "F": False, "Z": None}
DEEPEST = 40


def read_ubjson(content: bytes) -> Any:
    """The value that the bytes hold.

    Raises
    ------
    ValueError: they are no UBJSON, end too early, or go on after the value.
    """
    reader = _Reader(content)
    value = reader.value(reader.text(1), 0)
    if reader.place != len(content):
        raise ValueError("goes on after its end")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.place = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.content):
            raise ValueError("ends too early")
        self.place += count
        return self.content[self.place - count : self.place]

    def text(self, count: int) -> str:
        return self.take(count).decode("utf-8", "replace")

    def number(self, kind: str) -> Any:
        if kind not in NUMBERS:
            raise ValueError(f"has a number of the unknown kind {kind!r}")
        return struct.unpack(NUMBERS[kind], self.take(struct.calcsize(NUMBERS[kind])))[0]

    def length(self) -> int:
        return int(self.number(self.text(1)))

    def value(self, kind: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError("is nested too deeply")
        if kind in WORDS:
            return WORDS[kind]
        if kind in "SC":
            return self.text(self.length() if kind == "S" else 1)
        if kind == "{":
            return self.mapping(depth)
        return self.listed(depth) if kind == "[" else self.number(kind)

    def head(self) -> tuple[str | None, int | None]:
        """Kind and count of what follows, where they stand before it."""
        kind = count = None
        if self.content[self.place : self.place + 1] == b"$":
            kind = self.text(2)[1]
        if self.content[self.place : self.place + 1] == b"#":
            self.take(1)
            count = self.length()
        if kind is not None and count is None:
            raise ValueError("has a kind without a count")
        return kind, count

    def ended(self, count: int | None, done: int, mark: bytes) -> bool:
        if count is not None:
            return done >= count
        if self.content[self.place : self.place + 1] != mark:
            return False
        self.take(1)
        return True

    def listed(self, depth: int) -> list[Any]:
        kind, count = self.head()
        if kind in NUMBERS and count is not None:
            step = NUMBERS[kind]
            packed = self.take(count * struct.calcsize(step))
            return list(struct.unpack(f">{count}{step[1]}", packed))
        if kind is not None:
            raise ValueError(f"has a list of the kind {kind!r}")
        found: list[Any] = []
        while not self.ended(count, len(found), b"]"):
            found.append(self.value(self.text(1), depth + 1))
        return found

    def mapping(self, depth: int) -> dict[str, Any]:
        kind, count = self.head()
        if kind is not None:
            raise ValueError(f"has an object of the kind {kind!r}")
        found: dict[str, Any] = {}
        entries = 0
        while not self.ended(count, entries, b"}"):
            name = self.text(self.length())
            found[name] = self.value(self.text(1), depth + 1)
            entries += 1
        return found
