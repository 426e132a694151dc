"""Every text that a page shows goes through here: English stands for itself, each other language has its catalogue.

A catalogue is the folder ``catalogues/<language>``, whose TOML files have two tables. ``[texts]``: what is written in
templates and code as ``t("...")``. ``[sentences]``: what reaches a page in English, such as an error or the reasons of
a stored answer; ``{1}``, ``{2}`` stand for what the sentence quotes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Translate = Callable[..., str]
"""``t(text, **values)``: the text in the reader's language, with its ``{name}`` places filled.

``"{count} answer | {count} answers"`` has a form for one and a form for any other ``count``. The text is always written
out where it is used: a test reads the sources and compares them with the catalogues.
"""

LANGUAGES: Mapping[str, str] = {"en": "English", "zh-CN": "简体中文"}
"""BCP 47 tag → the language's name for itself."""

CATALOGUES = Path(__file__).parent / "catalogues"


@dataclass(frozen=True)
class Catalogue:
    """One language's texts and sentences, by the English ones."""

    texts: Mapping[str, str]
    sentences: Mapping[str, str]


@cache
def catalogue(language: str) -> Catalogue:
    """The words of one language, read once; English has none to look up."""
    texts: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for file in sorted((CATALOGUES / language.replace("-", "_")).glob("*.toml")):
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        texts |= read.get("texts", {})
        sentences |= read.get("sentences", {})
    return Catalogue(texts, sentences)


@cache
def translator(language: str = "en") -> Translate:
    """The words of one language; a text that its catalogue lacks stays English."""
    texts = catalogue(language).texts

    def t(text: str, **values: object) -> str:
        found = _form(texts.get(text, text), values.get("count"))
        return found.format(**values) if values else found

    return t


def _form(text: str, count: object) -> str:
    one, bar, more = text.partition(" | ")
    return more if bar and count is not None and count != 1 else one
