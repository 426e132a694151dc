"""Sentences that come to a page in English, such as errors and the reasons of stored answers, in the reader's language.

They are kept and raised in English, for the ledger and for programs. Here each is found again by its pattern in the
catalogue. What it quotes goes into the sentence of the other language unchanged (names, figures), but where the
translation has ``{1:word}``, in that language: statuses and roles, or several of them, which the catalogue has by
themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial

from bedside.review.words import catalogue

Tell = Callable[[str], str]

_BETWEEN = "; "
"""Joins sentences that were said together."""


@cache
def teller(language: str) -> Tell:
    """``told(sentence)``: in that language, or as it is where the catalogue has no pattern for it."""
    known = catalogue(language).sentences
    patterns = [(_compiled(pattern), text) for pattern, text in known.items() if "{1}" in pattern]
    loose = [(_compiled(pattern, _ANYTHING), text) for pattern, text in known.items() if "{1}" in pattern]

    def told(sentence: str) -> str:
        if sentence in known or not patterns:
            return known.get(sentence, sentence)
        # A warning is the same sentence as an error's, with a capital and a full stop.
        warned = sentence[:1].lower() + sentence[1:].removesuffix(".")
        return looked_up(sentence) or looked_up(warned) or sentence

    def looked_up(sentence: str) -> str | None:
        whole = _found(sentence, patterns, known)
        if whole is not None:
            return whole
        parts = [known.get(part) or _found(part, patterns, known) for part in _parts(sentence, patterns)]
        if all(parts) and len(parts) > 1:
            return "；".join(part for part in parts if part)
        return _found(sentence, loose, known)

    return told


_NO_SEPARATOR, _ANYTHING = "(?:(?!; ).)*?", ".*?"


def _compiled(pattern: str, place: str = _NO_SEPARATOR) -> re.Pattern[str]:
    """A pattern whose places take no separator of sentences, so that two said together are not taken for one.

    What a person wrote may hold one all the same; ``place`` is then ``_ANYTHING``.
    """
    pieces = re.split(r"\{(\d)\}", pattern)
    made = "".join(f"(?P<p{piece}>{place})" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
    return re.compile(made, re.DOTALL)


def _found(sentence: str, patterns: list[tuple[re.Pattern[str], str]], known: Mapping[str, str]) -> str | None:
    for pattern, text in patterns:
        match = pattern.fullmatch(sentence)
        if match is not None:
            words = {f"p{place}" for place in re.findall(r"\{(\d):word\}", text)}
            quoted = {p: _words(said, patterns, known) if p in words else said for p, said in match.groupdict().items()}
            return re.sub(r"\{(\d)(:word)?\}", partial(_quote, quoted), text)
    return None


def _words(said: str, patterns: list[tuple[re.Pattern[str], str]], known: Mapping[str, str]) -> str:
    """Fixed terms, one or several with commas between, each in the other language where the catalogue has it."""
    parts = said.split(", ")
    return "、".join(known.get(part.strip("'")) or _found(part, patterns, known) or part for part in parts)


def _quote(quoted: Mapping[str, str], place: re.Match[str]) -> str:
    return quoted[f"p{place[1]}"]


def _parts(sentence: str, patterns: list[tuple[re.Pattern[str], str]]) -> list[str]:
    """The sentences in one text: a separator may also stand inside a sentence, so the shortest that fits is taken."""
    pieces, parts, begun = sentence.split(_BETWEEN), [], ""
    for piece in pieces:
        begun = f"{begun}{_BETWEEN}{piece}" if begun else piece
        if any(pattern.fullmatch(begun) for pattern, _ in patterns):
            parts.append(begun)
            begun = ""
    return [*parts, begun] if begun else parts
