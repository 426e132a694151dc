"""One table of a TOML file, read strictly: each getter checks the type and names the key and its line."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.errors import StudyError

_HEADER = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.\-\s]+?)\s*=""")
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.]+)\s*(?:\.|$)""")


@dataclass(frozen=True)
class Document:
    """A TOML file: its path, its text, and its values."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def where(self, keys: tuple[str, ...]) -> str:
        """``study.toml, line 12, predictors.age.unit``; without the line where it cannot be told."""
        line = find_line(self.text, keys)
        place = f"{self.path}, line {line}" if line else str(self.path)
        return f"{place}, {dotted(keys)}" if keys else place

    def error(self, keys: tuple[str, ...], what: str, remedy: str = "") -> StudyError:
        """An error about the key at this path."""
        return StudyError(what, where=self.where(keys), remedy=remedy)


def dotted(keys: tuple[str, ...]) -> str:
    """Keys as TOML writes them: ``predictors."mean radius".unit``."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in keys)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in _PART.findall(text) if part.strip())


def find_line(text: str, keys: tuple[str, ...]) -> int | None:
    """The line on which a key stands, or else the nearest table around it; None where neither is found."""
    table: tuple[str, ...] = ()
    best, depth = None, 0
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = here = _split(header[1])
        elif key:
            here = (*table, *_split(key[1]))
        else:
            continue
        if here == keys:
            return number
        if keys[: len(here)] == here and len(here) > depth:
            best, depth = number, len(here)
    return best


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a text"),
        (dt.datetime, "a date and time"),
        (dt.date, "a date"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((words for kind, words in names if isinstance(value, kind)), "something else")


@dataclass(frozen=True)
class Section:
    """A table of the document at `keys`; absent tables are empty."""

    document: Document
    keys: tuple[str, ...]
    values: Mapping[str, Any]

    def error(self, key: str, what: str, remedy: str = "") -> StudyError:
        """An error about one of this table's keys (``""``: the table itself)."""
        return self.document.error((*self.keys, key) if key else self.keys, what, remedy)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def names(self) -> tuple[str, ...]:
        """The keys that are there, in the file's order."""
        return tuple(self.values)

    def below(self, key: str, *, needed: bool = False) -> Section:
        """The table of this name."""
        value = self.values.get(key)
        if value is None:
            if needed:
                raise self.error(key, f"there is no [{dotted((*self.keys, key))}]", "Add it")
            value = {}
        if not isinstance(value, dict):
            example = "{ min = 0.9 }" if self.keys[:1] == ("accept",) or key == "accept" else "[...] or { ... }"
            raise self.error(key, f"this is {kind_of(value)}, not a table", f"Write it as {example}")
        return Section(self.document, (*self.keys, key), value)

    def text(self, key: str) -> str:
        """A text that is there and not empty."""
        value = self.values.get(key)
        if value is None:
            raise self.error(key, f"{dotted((*self.keys, key))} is missing", "Add it")
        if not isinstance(value, str) or not value.strip():
            found = "empty" if isinstance(value, str) else kind_of(value)
            raise self.error(key, f"this is {found}, a text belongs here", 'Write it as "..."')
        return value.strip()

    def optional_text(self, key: str) -> str | None:
        """A text, or None where the key is absent."""
        return self.text(key) if key in self.values else None

    def one_of(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of these texts."""
        if key not in self.values and default is not None:
            return default
        value = self.text(key)
        if value not in choices:
            raise self.error(key, f"'{value}' is not among its values", f"Write one of: {', '.join(choices)}")
        return value

    def number(self, key: str) -> float | None:
        """A finite number, or None where the key is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, f"this is {kind_of(value)}, a number belongs here", "Write it without quotes")
        if not abs(value) < float("inf"):
            raise self.error(key, f"{value} is not a finite number", "Write a plain number")
        return float(value)

    def share(self, key: str) -> float | None:
        """A number strictly between 0 and 1, or None."""
        value = self.number(key)
        if value is not None and not 0 < value < 1:
            raise self.error(key, f"{value:g} does not lie between 0 and 1", "Write a share such as 0.2")
        return value

    def whole(self, key: str, default: int, least: int) -> int:
        """A whole number of at least `least`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"this is {kind_of(value)}, a whole number belongs here", f"Write {default}, say")
        if value < least:
            raise self.error(key, f"{value} is less than {least}", f"Write {least} or more")
        return value

    def truth(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"this is {kind_of(value)}, true or false belongs here", "Write true or false")
        return value

    def date(self, key: str) -> dt.date | None:
        """A date, or None where the key is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
            raise self.error(key, f"this is {kind_of(value)}, a date belongs here", "Write 2028-01-31, without quotes")
        return value

    def listed(self, key: str) -> list[Any] | None:
        """A list of texts, numbers or truth values, or None where the key is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.error(key, f"this is {kind_of(value)}, a list belongs here", 'Write it as ["...", "..."]')
        for item in value:
            if not isinstance(item, (str, int, float)):
                raise self.error(key, f"the list holds {kind_of(item)}", "It may hold texts and numbers")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, or None where the key is absent."""
        value = self.listed(key)
        if value is None:
            return None
        for item in value:
            if not isinstance(item, str):
                raise self.error(key, f"the list holds {kind_of(item)}, texts belong here", 'Write it as "..."')
        return tuple(value)
