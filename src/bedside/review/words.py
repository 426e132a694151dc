"""Every text that a page shows goes through here, so that another language is one more catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[..., str]
"""``t(text, **values)``: the text in the reader's language, with its ``{name}`` places filled."""

CATALOGUES: Mapping[str, Mapping[str, str]] = {"en": {}}
"""Language → English text → text in that language. English stands for itself."""


def translator(language: str = "en") -> Translate:
    """The words of one language; a text that its catalogue lacks stays English."""
    catalogue = CATALOGUES[language]

    def t(text: str, **values: object) -> str:
        return catalogue.get(text, text).format(**values) if values else catalogue.get(text, text)

    return t
