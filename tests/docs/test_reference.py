"""The reference names everything that there is, and nothing that there is not."""

from __future__ import annotations

import argparse
import inspect
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pages import DOCS, ROOT, anchors, blocks, coded, pages, section, typed

import bedside
from bedside import errors
from bedside.cli.commands import COMMANDS
from bedside.cli.parser import build

REFERENCE = DOCS / "reference"


def _names(command: Any) -> str:
    return "bedside " + " ".join(command.words)


@pytest.mark.parametrize("command", COMMANDS, ids=_names)
def test_every_argument_and_option_of_a_command_is_documented(command: Any) -> None:
    text = section(REFERENCE / "commands.md", f"`{_names(command)}`")
    words = {word for code in coded(text) for word in code.split()}
    missing = [argument.flag for argument in command.arguments if argument.flag not in words]
    assert not missing, f"commands.md, {_names(command)}: {missing}"
    options = {argument.flag for argument in command.arguments if not argument.positional}
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    documented = set(re.findall(r"^\| `(--[a-z-]+)", rows, re.M))
    assert documented == options


@pytest.mark.parametrize("command", COMMANDS, ids=_names)
def test_documented_defaults_are_the_defaults(command: Any) -> None:
    rows = section(REFERENCE / "commands.md", f"`{_names(command)}`").splitlines()
    for argument in command.arguments:
        default = argument.options.get("default")
        if default in (None, "."):
            continue
        row = next(row for row in rows if row.startswith(f"| `{argument.flag}"))
        assert str(default) in row.split("|")[2], f"{argument.flag}: default {default} is not in: {row}"


def test_every_command_is_in_the_overview() -> None:
    overview = (REFERENCE / "commands.md").read_text()
    for command in COMMANDS:
        anchor = "-".join(["bedside", *command.words])
        assert f"[`{_names(command)}`](#{anchor})" in overview
        assert anchor in anchors(REFERENCE / "commands.md")


def _lines() -> Iterator[tuple[Path, str]]:
    for page in pages():
        for line in typed(page):
            yield page, line


@pytest.mark.parametrize(("page", "line"), list(_lines()), ids=lambda value: str(value)[-60:])
def test_every_line_to_type_is_understood_by_the_parser(page: Path, line: str) -> None:
    words = shlex.split(re.split(r" [|>&]+ ?", line)[0], comments=True)
    if words[0] != "bedside":
        assert words[0] in {"pip", "sha256sum", "head", "ls", "cd", "mkdir", "./scripts/bundle"}, f"{page}: {line}"
        return
    parsed = build().parse_args(words[1:])
    assert isinstance(parsed, argparse.Namespace)


@pytest.mark.parametrize("verb", bedside.__all__)
def test_every_public_verb_is_documented_with_its_parameters(verb: str) -> None:
    function = getattr(bedside, verb)
    text = (REFERENCE / "python.md").read_text()
    found = re.search(rf"`bedside\.{verb}\(([^)]*)\)`", text)
    assert found, f"python.md does not name bedside.{verb}"
    assert function.__doc__
    documented = [name.strip() for name in found[1].split(",") if name.strip() not in ("", "*")]
    assert documented == list(inspect.signature(function).parameters)


def test_no_verb_is_documented_that_is_not_there() -> None:
    documented = set(re.findall(r"^\| `bedside\.(\w+)\(", (REFERENCE / "python.md").read_text(), re.M))
    assert documented == set(bedside.__all__)


def _error_classes() -> list[type[errors.BedsideError]]:
    return [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.BedsideError)]


@pytest.mark.parametrize("error", _error_classes(), ids=lambda one: one.__name__)
def test_every_error_is_documented_with_its_statuses(error: type[errors.BedsideError]) -> None:
    rows = (REFERENCE / "errors.md").read_text().splitlines()
    row = next((row for row in rows if row.startswith(f"| `{error.__name__}` ")), None)
    assert row, f"errors.md has no row for {error.__name__}"
    _, _, _, parents, exit_status, status, _ = row.split("|")
    assert exit_status.strip() == str(error.exit_status)
    assert str(error.status) in status
    builtins = {base.__name__ for base in error.__bases__ if base is not errors.BedsideError}
    assert coded(parents) == builtins


def test_no_error_is_documented_that_is_not_there() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \| [a-z]", (REFERENCE / "errors.md").read_text(), re.M))
    assert documented == {one.__name__ for one in _error_classes()}


def _routes() -> tuple[Any, ...]:
    from bedside.review import PAGES
    from bedside.serving.app import declared

    return declared(PAGES, oip=True)


def _documented_roles(text: str) -> frozenset[str] | None:
    from bedside.serving.route import EVERYONE, PEOPLE

    words = {"anyone": None, "all": EVERYONE, "people": PEOPLE}
    return words[text] if text in words else frozenset(text.split(", "))


def test_every_route_is_documented_with_its_roles_and_status() -> None:
    rows = re.findall(r"^\| `((?:GET|POST) [^`]+)` \| ([^|]+) \| (\d+)", (REFERENCE / "http.md").read_text(), re.M)
    documented = {route: (_documented_roles(roles.strip()), int(status)) for route, roles, status in rows}
    declared = {f"{route.method} {route.path}": (route.roles, route.success) for route in _routes()}
    assert documented == declared


def test_the_roles_are_documented() -> None:
    from bedside.ledger.user import ROLES

    rows = section(REFERENCE / "http.md", "Who may call what")
    assert set(re.findall(r"^\| (\w+) \|", rows, re.M)) - {"role"} == set(ROLES)


def _fields(struct: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    """(struct, field) of a struct and of every struct in it."""
    if struct in seen:
        return
    seen.add(struct)
    for field in msgspec.structs.fields(struct):
        yield struct.__name__, field.encode_name
        yield from _inner(field.type, seen)


def _inner(annotation: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        yield from _fields(annotation, seen)
    for argument in getattr(annotation, "__args__", ()):
        yield from _inner(argument, seen)


def _structs(page: str) -> list[Any]:
    from bedside.answering import Answer
    from bedside.ledger import Entry, Review
    from bedside.release import Manifest
    from bedside.serving import documents as sent
    from bedside.validation import Evidence

    spoken = [
        Answer,
        Review,
        sent.AnswerRequest,
        sent.AnswerFilter,
        sent.ReviewRequest,
        sent.Replay,
        sent.PatientIdentity,
    ]
    return {"release.md": [Manifest], "evidence.md": [Evidence], "ledger.md": [Entry], "http.md": spoken}[page]


@pytest.mark.parametrize("page", ["release.md", "evidence.md", "ledger.md", "http.md"])
def test_every_field_of_a_document_is_documented(page: str) -> None:
    documented, seen = coded((REFERENCE / page).read_text()), set[Any]()
    fields = [field for struct in _structs(page) for field in _fields(struct, seen)]
    assert len(fields) > 8
    missing = [f"{struct}.{field}" for struct, field in fields if field not in documented]
    assert not missing, f"{page} does not name {missing}"


def test_every_name_of_a_measure_is_documented_and_explained() -> None:
    from bedside.cohort.measure_names import MEASURES
    from bedside.validation import diagnosis, prognosis

    listed = section(REFERENCE / "evidence.md", "Names of measures")
    explained = (DOCS / "explanation" / "what-the-numbers-mean.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", explained, re.M)
    ordered, others = [*diagnosis.ORDER, *prognosis.ORDER], [*MEASURES["treatment"].names, *MEASURES["dose"].names]
    assert {*ordered, *others} <= coded(listed)
    assert rows[: len(ordered)] == ordered
    assert sorted(rows[len(ordered) :]) == sorted(others)


def test_every_caution_of_the_evidence_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src/bedside/validation").glob("*.py"))
    codes = set(re.findall(r'code="([a-z-]+)"', source))
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", section(REFERENCE / "evidence.md", "Codes in `warned`"), re.M))
    assert documented == codes


def test_every_reason_to_abstain_is_documented() -> None:
    from bedside.answering.judgement import Cause
    from bedside.answering.reasons import reason_codes

    codes = {code for cause in Cause for code in reason_codes(cause)}
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (?:yes|no)", (DOCS / "how-to" / "predict-a-table.md").read_text(), re.M)
    assert set(rows) == codes


def test_every_status_of_an_answer_is_documented() -> None:
    from bedside.ledger.projection import STATUSES

    rows = re.findall(r"^\| `([a-z-]+)` \|", section(REFERENCE / "http.md", "Status"), re.M)
    assert rows == list(STATUSES)


def test_every_review_rule_is_documented() -> None:
    from bedside.ledger.reviews import TRANSITIONS

    rows = re.findall(r"^\| (.*?) \| `(\w+)` \| (.*?) \| `(\w+)`", section(REFERENCE / "http.md", "Review"), re.M)
    documented = {(status, verdict): (says, new) for left, verdict, says, new in rows for status in coded(left)}
    rules = {key: value for key, value in TRANSITIONS.items() if key[1] != "entered-in-error"}
    assert documented.keys() == rules.keys()
    for key, (required, new) in rules.items():
        says, becomes = documented[key]
        assert becomes == new
        first = says.split(";")[0]
        assert [word for word in ("conclusion", "reason") if word in first] == list(required)


def test_every_kind_of_ledger_entry_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src/bedside/ledger").glob("*.py"))
    kinds = set(re.findall(r'_enter\(connection, "([a-z-]+)"', source)) | set(
        re.findall(r'kind = "([a-z-]+)" if', source)
    )
    assert {"answer", "log-in", "identity-read"} <= kinds, "the pattern no longer finds the kinds"
    assert kinds <= coded(section(REFERENCE / "ledger.md", "Kinds of entry"))


def test_every_plug_point_is_documented_with_its_built_ins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = (DOCS / "how-to" / "add-a-plug-in.md").read_text().splitlines()
    for group, points in project["entry-points"].items():
        row = next((row for row in rows if row.startswith(f"| `{group}`")), None)
        assert row, f"add-a-plug-in.md does not name {group}"
        assert coded(row.split("|")[4]) == set(points)


def test_the_extras_that_are_named_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for page in pages():
        named = {name for line in re.findall(r"bedside\[([a-z,]+)\]", page.read_text()) for name in line.split(",")}
        assert named <= set(project["optional-dependencies"]), page


def test_the_environment_variables_are_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r'"(BEDSIDE_[A-Z_]+)"', source))
    assert used
    assert used <= coded((REFERENCE / "commands.md").read_text())


def test_the_files_of_a_release_are_documented() -> None:
    from bedside.release.candidate import REQUIRED
    from bedside.release.folder import EVIDENCE, OUTSIDE_DIGEST, SIGNED

    rows = re.findall(r"^\| `([\w.]+)` \| .*? \| (yes|no) \|", section(REFERENCE / "release.md", "Files"), re.M)
    documented = {name: inside == "yes" for name, inside in rows}
    files = {*REQUIRED, "manifest.json", *EVIDENCE, *SIGNED}
    assert documented == {name: name not in OUTSIDE_DIGEST for name in files}


def test_every_key_of_a_map_is_documented() -> None:
    from bedside.sources import MAP_KEYS

    rows = re.findall(r"^\| `\[([\w.]+)\]` \| (`\w+`)?", (REFERENCE / "map.md").read_text(), re.M)
    documented = {f"{place}.{key.strip('`')}" if key else place for place, key in rows}
    known = {re.sub(r"\.<[^>]*>", "", key.replace("categories.<variable>", "categories.VARIABLE")) for key in MAP_KEYS}
    assert documented == known
    example = tomllib.loads(blocks(REFERENCE / "map.md", "toml")[0].text)
    assert set(example) == {key.split(".")[0] for key in MAP_KEYS}


def test_the_sections_of_the_report_are_those_that_the_page_lists() -> None:
    template = (ROOT / "src/bedside/validation/templates/report.html").read_text()
    headings = re.findall(r'<h2 id="[a-z]+">(\d+) ([^<]+)</h2>', template)
    assert len(headings) > 5
    listed = re.findall(r"^\| (\d+) \| ([^|]+?) \|", (DOCS / "how-to" / "report-reading.md").read_text(), re.M)
    assert listed == headings


def test_the_design_names_every_package_in_the_order_of_the_linter() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [name for layer in reversed(contract["layers"]) for name in re.split(r" [:|] ", layer)]
    there = [one.name for one in pkgutil.iter_modules(bedside.__path__)]
    expected = [name for name in layers if name in there and not name.startswith("__")]
    assert len(expected) > 10
    rows = re.findall(r"^\| `(\w+)` \|", section(DOCS / "design.md", "Package by package"), re.M)
    assert rows == expected


def test_every_kind_of_ledger_entry_has_an_audit_event() -> None:
    from bedside.ledger.audit_events import AUDITED

    rows = re.findall(r"^\| (`.*?) \|", section(REFERENCE / "ledger.md", "Kinds of entry"), re.M)
    kinds = {kind for row in rows for kind in coded(row)}
    assert kinds <= set(AUDITED), "add the kind to AUDITED in ledger/audit_events.py"
