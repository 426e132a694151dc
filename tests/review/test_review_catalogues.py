"""The catalogues are complete: what the sources say is read from the sources, and compared both ways."""

from __future__ import annotations

import ast
import builtins
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import bedside
from bedside import errors
from bedside.review.terms import KINDS
from bedside.review.words import CATALOGUES, LANGUAGES

SOURCE = Path(bedside.__file__).parent
REVIEW = SOURCE / "review"
TRANSLATED = [language for language in LANGUAGES if language != "en"]

MET = {
    "answering": "bedside_answer",
    "ledger": "accounts answers approvals deployments own_estimates passwords patients reviews sessions staff "
    "suspensions vouched",
    "serving": "access admission answers call deployments limits oidc/flow served standing_api",
    "sources": "patient units",
    "release": "archive entry_names folder golden limits signature verification",
    "review": "accounts deployments releases sign_on users",
}
"""Modules whose errors a person on the pages can meet."""

RETURNED = {
    "answering/arms.py": {"_why"},
    "answering/unheard.py": {"unheard"},
    "answering/reasons.py": {"_text", "_overlap_text", "_stale_texts", "_complaint"},
    "sources/patient.py": {"_refused"},
    "ledger/reviews.py": {"_next"},
    "ledger/suspensions.py": {"suspended_words"},
    "privacy/prototypes.py": {"description"},
}
"""Functions whose sentences go into errors and answers."""

STORED = ("Not approved for care.",)
"""Sentences that stand in stored answers."""


@cache
def _catalogue(language: str) -> dict[str, dict[str, str]]:
    """Read without the code under test; a text in two files is an error."""
    found: dict[str, dict[str, str]] = {"texts": {}, "sentences": {}}
    for file in sorted((CATALOGUES / language.replace("-", "_")).glob("*.toml")):
        for table, words in tomllib.loads(file.read_text(encoding="utf-8")).items():
            twice = set(words) & set(found[table])
            assert not twice, f"{file.name} says again: {twice}"
            found[table] |= words
    return found


def _trees() -> Iterator[tuple[Path, ast.AST]]:
    for file in sorted(REVIEW.glob("*.py")):
        yield file, ast.parse(file.read_text())


def _from_code() -> Iterator[tuple[str, str, bool]]:
    """(place, text, whether ``count`` is given) of each call of ``t`` or of something's ``.t``."""
    for file, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "t":
                place = f"{file.name}:{node.lineno}"
                assert node.args and isinstance(node.args[0], ast.Constant), f"{place}: t takes a text, written out"
                yield place, str(node.args[0].value), any(word.arg == "count" for word in node.keywords)


def _from_templates() -> Iterator[tuple[str, str, bool]]:
    for file in sorted((REVIEW / "templates").glob("*.html")):
        for call in Environment(autoescape=True).parse(file.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                place = f"{file.name}:{call.lineno}"
                assert call.args and isinstance(call.args[0], nodes.Const), f"{place}: t takes a text, written out"
                yield place, call.args[0].value, any(word.key == "count" for word in call.kwargs)


def _used() -> dict[str, str]:
    return {text: place for place, text, _ in [*_from_code(), *_from_templates()]}


def _places(text: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_there_is_something_to_compare() -> None:
    assert len(_used()) > 100


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_nothing_is_left_over(language: str) -> None:
    used, known = _used(), _catalogue(language)["texts"]
    assert {text: place for text, place in used.items() if text not in known} == {}
    assert sorted(set(known) - set(used)) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_fills_the_same_places(language: str) -> None:
    for text, translated in _catalogue(language)["texts"].items():
        assert translated.strip(), text
        for form in translated.split(" | "):
            assert set(_places(form)) == set().union(*(_places(one) for one in text.split(" | "))), text


def test_a_text_with_two_forms_is_given_a_count() -> None:
    for place, text, counted in [*_from_code(), *_from_templates()]:
        assert (" | " not in text) or counted, f"{place}: {text}"


def _pattern(node: ast.expr) -> str | None:
    """A sentence as the catalogue writes it: ``{1}``, ``{2}`` for what an f-string fills in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and node.value else None
    if isinstance(node, ast.JoinedStr):
        counted = 0
        made = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                made += str(part.value)
            else:
                counted += 1
                made += f"{{{counted}}}"
        return made
    return None


_ERRORS = {name for name in vars(errors) if isinstance(getattr(errors, name), type)} - set(vars(builtins))


def _said_by(call: ast.Call) -> Iterator[str]:
    """The sentences of an error that is made: what is wrong, the remedy, and each problem by variable."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name not in _ERRORS | {"HTTPException", "PasswordDue"} or not call.args:
        return
    said = [call.args[1] if name == "HTTPException" and len(call.args) > 1 else call.args[0]]
    said += [word.value for word in call.keywords if word.arg == "remedy"]
    for node in said:
        values = node.values if isinstance(node, ast.Dict) else [node]
        yield from (found for value in values if value is not None and (found := _pattern(value)))


def _raised() -> dict[str, str]:
    """Sentence → where it is made, of all errors that a page can show."""
    found = dict.fromkeys(STORED, "stored answers")
    for package, modules in MET.items():
        for module in modules.split():
            file = SOURCE / package / f"{module}.py"
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    found |= dict.fromkeys(_said_by(node), f"{package}/{file.name}:{node.lineno}")
    for file, functions in RETURNED.items():
        for node in ast.walk(ast.parse((SOURCE / file).read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in functions:
                found |= dict.fromkeys(_returned(node), f"{file}:{node.lineno}")
    return {text: place for text, place in found.items() if not re.fullmatch(r"\{1\}", text)}


def _returned(function: ast.FunctionDef) -> Iterator[str]:
    """Sentences that a function returns, yields or puts into a dictionary."""
    for node in ast.walk(function):
        value = getattr(node, "value", None) if isinstance(node, (ast.Return, ast.Yield, ast.DictComp)) else None
        if value is not None and (found := _pattern(value)):
            yield found


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_error_that_a_page_can_show_is_translated(language: str) -> None:
    raised, known = _raised(), _catalogue(language)["sentences"]
    assert len(raised) > 40
    assert {text: place for text, place in raised.items() if text not in known} == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_quotes_what_its_pattern_quotes(language: str) -> None:
    for pattern, text in _catalogue(language)["sentences"].items():
        assert set(_places(text)) <= set(_places(pattern)), pattern
        assert _places(pattern) == Counter({str(number + 1): 1 for number in range(len(_places(pattern)))}), pattern


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_sentence_is_translated_that_the_sources_do_not_say(language: str) -> None:
    said = {
        found
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.expr) and (found := _pattern(node))
    }
    ours = {"Not Found", "Method Not Allowed"}  # Starlette's
    assert sorted(set(_catalogue(language)["sentences"]) - said - ours) == []


def test_every_kind_of_entry_is_told_to_auditors() -> None:
    table = (SOURCE.parents[1] / "docs/reference/ledger.md").read_text().partition("## Kinds of entry")[2]
    rows = [line.split("|")[1] for line in table.partition("\n#")[0].splitlines() if line.startswith("| `")]
    documented = {kind for row in rows for kind in re.findall(r"`([a-z-]+)`", row)}
    assert "identity-read" in documented
    assert documented - set(KINDS) == set(), "name it in bedside.review.terms"
