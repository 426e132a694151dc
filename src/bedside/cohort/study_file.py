"""Reading ``study.toml``, strictly: the first thing that is wrong is said well, and nothing is ignored."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort.adoption_section import read_adoption
from bedside.cohort.gates_section import read_gates
from bedside.cohort.guidance_section import read_guidance
from bedside.cohort.labels import LABELS, Label
from bedside.cohort.landmark_section import with_visit_predictor
from bedside.cohort.measure_names import MEASURES
from bedside.cohort.plan_section import read_plan, with_overlap
from bedside.cohort.predictors_section import read_predictors
from bedside.cohort.review_section import read_review
from bedside.cohort.section import Document, Section, dotted
from bedside.cohort.study import Data, Study, Task, Training
from bedside.cohort.study_keys import LATER_KEYS, TARGETS, known_under
from bedside.cohort.tasks import task
from bedside.cohort.treatment_section import Texts
from bedside.errors import DataError, StudyError, UsageError
from bedside.sources import Reading, Schema, Variable, as_text, columns, nearest, read_table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Semantic Versioning 2.0.0 (semver.org), section 2 with the pre-release and build parts of 9 and 10.
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)


def read_study(path: Path | str) -> Study:
    """Read a study file and hold it against the table that it names.

    Raises
    ------
    StudyError: the file is not there or no TOML; a key is unknown, missing, of a wrong type or value; a column, a
        category or a class does not occur in the table; a unit does not convert. One error, the first.
    DataError: the table itself cannot be read.
    """
    document, digest = _document(Path(path))
    _refuse_unknown(document, (), document.values)
    top = Section(document, (), document.values)
    head = top.below("study", needed=True)
    name, version = _name(head), _version(head)
    kind = _task(head)
    variables, scales = read_predictors(top.below("predictors"))
    asked = top.below("outcome")
    label = LABELS[kind.label](asked)
    label.refuse_others(asked, kind.name)
    schema, data, texts = _against_table(top, variables, label)
    outcome = label.read(asked, texts)
    schema = with_visit_predictor(top.below("predictors"), schema, outcome.follow_up)
    plan = read_plan(top.below("validation"), schema, outcome)
    outcome = with_overlap(top.below("validation"), outcome)
    gates, target_limits = read_gates(top.below("accept"), plan, MEASURES[kind.measures], outcome)
    return Study(
        path=document.path,
        digest=digest,
        name=name,
        version=version,
        task=kind,
        intended_use=head.text("intended_use"),
        population=head.text("population"),
        valid_until=head.date("valid_until"),
        data=data,
        schema=schema,
        scales=scales,
        outcome=outcome,
        training=_training(top.below("training")),
        validation=plan,
        gates=gates,
        target_limits=target_limits,
        targets=_targets(top.below("targets"), kind.name, label),
        review=read_review(top.below("review"), outcome),
        guidance=read_guidance(top, schema, outcome),
        adoption=read_adoption(top.below("adoption"), schema, outcome) if "adoption" in document.values else None,
    )


def _document(path: Path) -> tuple[Document, str]:
    if path.is_dir():
        path = path / "study.toml"
    if not path.is_file():
        raise StudyError("there is no such study file", where=str(path), remedy="bedside init drafts one from a table")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise StudyError("the text is not UTF-8", where=str(path), remedy="Save it in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, str(error)) from error
    return Document(path.resolve(), text, values), hashlib.sha256(content).hexdigest()


def _not_toml(path: Path, said: str) -> StudyError:
    found = re.search(r"\(at line (\d+), column (\d+)\)", said)
    what = said.split(" (at ")[0]
    where = f"{path}, line {found[1]}" if found else str(path)
    remedy = "Each key stands once" if "overwrite" in what.lower() or "twice" in what.lower() else ""
    return StudyError(
        f"this is not TOML: {what[:1].lower()}{what[1:]}",
        where=where,
        remedy=remedy or "Texts stand between quotes, and a table begins with [name]",
    )


def _refuse_unknown(document: Document, keys: tuple[str, ...], values: Mapping[str, Any]) -> None:
    """Every key of the file must be a known one."""
    known = known_under(keys)
    for name, value in values.items():
        here = (*keys, name)
        later = LATER_KEYS.get(".".join(here))
        if later is not None:
            raise document.error(here, f"this version does not have {dotted(here)} ({later})", "Drop it")
        if name not in known and not any(step.startswith("<") for step in known):
            raise _unknown(document, here, known)
        if isinstance(value, dict) and known_under(here):
            _refuse_unknown(document, here, value)


def _unknown(document: Document, keys: tuple[str, ...], known: tuple[str, ...]) -> StudyError:
    near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
    remedy = f"Did you mean {dotted((*keys[:-1], near[0]))}?" if near else f"Known here: {', '.join(known)}"
    return document.error(keys, f"unknown key {dotted(keys)}", remedy)


def _name(head: Section) -> str:
    name = head.text("name")
    if not _NAME.fullmatch(name):
        raise head.error(
            "name", f"'{name}' cannot be the name of a release", "Letters, digits, . _ and -, at most 64, no blanks"
        )
    return name


def _version(head: Section) -> str:
    version = head.text("version")
    if not _VERSION.fullmatch(version):
        raise head.error("version", f"'{version}' is no semantic version", 'Write it as "1.0.0"')
    return version


def _task(head: Section) -> Task:
    try:
        return task(head.text("task"))
    except UsageError as error:
        raise head.error("task", error.what, error.remedy) from error


def _training(section: Section) -> Training:
    plain = Training()
    network = section.one_of("network", ("residual", "plain", "floor"), plain.network)
    members = section.whole("members", plain.members, 1)
    if members > 100:
        raise section.error("members", f"{members} networks are more than can be of use", "5 is usual")
    distil, prune = section.truth("distil", default=False), section.number("prune") or 0.0
    if not 0.0 <= prune < 1.0:
        raise section.error("prune", f"{prune:g} is no share of the hidden units", "Write a number from 0 to below 1")
    if distil and (network != "residual" or members == 1):
        raise section.error(
            "distil", "there is only one network, and so nothing to distil", "Drop distil, or ask for more members"
        )
    if prune and network == "floor":
        raise section.error("prune", "the floor has no hidden units", "Drop prune, or ask for a network")
    return Training(network=network, members=members, distil=distil, prune=prune)  # type: ignore[arg-type]


def _targets(section: Section, task: str, label: Label) -> tuple[str, ...]:
    names = section.texts("names")
    if names is None:
        return ("server-cpu",)
    known = _installed_targets()
    if not names:
        raise section.error("names", "the list is empty", f"It may name: {', '.join(known)}")
    for name in names:
        if name not in known:
            raise section.error("names", f"there is no target '{name}'", nearest(name, known))
        if label.targets is not None and name in TARGETS and name not in label.targets:
            what = f"a {task} cannot be made for the target '{name}' in this version"
            raise section.error("names", what, f"It may name: {', '.join(label.targets)}")
        if names.count(name) > 1:
            raise section.error("names", f"the target '{name}' is listed twice", "Drop one")
    return names


@lru_cache(maxsize=1)
def _installed_targets() -> tuple[str, ...]:
    return tuple(sorted({point.name for point in entry_points(group="bedside.targets")} | set(TARGETS)))


_PARTS = {
    "patient": "patient",
    "site": "site",
    "time": "index date",
    "outcome.time": "time to the event",
    "outcome.entry": "time of entry",
    "outcome.end": "end of follow-up",
    "outcome.visit": "time of the visit",
    "outcome.arm": "treatment",
}


@dataclass(frozen=True)
class _Roles:
    """Which column of the table plays which part besides the predictors.

    Attributes
    ----------
    told: the columns whose texts matter, by their key in ``[outcome]``.
    parts: each of these columns → its part, in words.
    """

    patient: str | None
    site: str | None
    time: str | None
    told: Mapping[str, str]
    parts: Mapping[str, str]


def _against_table(top: Section, variables: tuple[Variable, ...], label: Label) -> tuple[Schema, Data, Texts]:
    """Schema and data checked against the table; and the texts of the columns that matter, with their counts."""
    section = top.below("data", needed=True)
    table = _table(section)
    names = columns(table)
    roles = _roles(top, section, names, label)
    _check_predictors(top.below("predictors"), variables, names, roles)
    missing = section.listed("missing")
    markers = ("", "NA") if missing is None else tuple(as_text(item) for item in missing)
    schema = Schema(variables=variables, missing=markers, patient=roles.patient, site=roles.site, time=roles.time)
    categories = tuple(variable for variable in variables if variable.kind == "category")
    reading = read_table(table, Schema(variables=categories, missing=markers), extra=tuple(roles.told.values()))
    if not len(reading):
        raise DataError("the table holds no patient", where=str(table), remedy="A table has a header line and rows")
    _check_categories(top.below("predictors"), categories, reading)
    told = {key: _counts(reading, column) for key, column in roles.told.items()}
    return schema, Data(table=table, leakage_known=_leakage_known(section, schema)), told


def _table(section: Section) -> Path:
    path = section.document.path.parent / Path(section.text("table")).expanduser()
    if not path.is_file():
        what = "this is a folder, not a table" if path.is_dir() else f"there is no file {path}"
        raise section.error("table", what, "The path is relative to the study file")
    return path.resolve()


def _roles(top: Section, section: Section, names: tuple[str, ...], label: Label) -> _Roles:
    outcome = top.below("outcome")
    asked = [(section, key, _PARTS[key], False) for key in ("patient", "site", "time")]
    asked += [(outcome, key, _PARTS.get(f"outcome.{key}", "outcome"), True) for key in label.told]
    asked += [(outcome, key, _PARTS[f"outcome.{key}"], needed) for key, needed in label.columns.items()]
    if label.compared is not None:
        rules = outcome.below(label.compared)
        asked += [(rules, name, f"dose by the rule '{name}'", True) for name in rules.names()]
    taken: dict[str, str] = {}
    found: dict[str, str] = {}
    told: dict[str, str] = {}
    for place, key, part, needed in asked:
        time = key == "end" and isinstance(place.values.get(key), (int, float))
        column = place.text(key) if needed else None if time else place.optional_text(key)
        if column is None:
            continue
        if column not in names:
            raise place.error(key, f"the table has no column '{column}'", nearest(column, names))
        if column in taken:
            raise place.error(key, f"the column '{column}' is already the {taken[column]}", "Name another")
        taken[column], found[part] = part, column
        if place is outcome and key in label.told:
            told[key] = column
    return _Roles(found.get("patient"), found.get("site"), found.get("index date"), told, taken)


def _check_predictors(section: Section, variables: tuple[Variable, ...], names: tuple[str, ...], roles: _Roles) -> None:
    for variable in variables:
        column = variable.column or variable.name
        here, key = section.below(variable.name), "column" if variable.column else ""
        if column in roles.parts and roles.parts[column] != _PARTS["outcome.visit"]:
            raise here.error(
                key, f"'{column}' is the {roles.parts[column]}, it cannot be a predictor", "Drop the predictor"
            )
        if column not in names:
            remedy = nearest(column, names)
            raise here.error(key, f"the table has no column '{column}'", f'{remedy} column = "..." names another')


def _check_categories(section: Section, categories: tuple[Variable, ...], reading: Reading) -> None:
    for place, variable in enumerate(categories):
        codes = reading.values[:, place]
        used = set(np.unique(codes[~np.isnan(codes)]).astype(int).tolist())
        for code, text in enumerate(variable.categories or ()):
            if code not in used:
                raise section.below(variable.name).error(
                    "categories",
                    f"the category '{text}' never occurs in the column '{variable.column or variable.name}'",
                    _seen(reading, place) or "Drop it: no model can learn a category that it never saw",
                )


def _seen(reading: Reading, place: int) -> str:
    strange = sorted({text for (_, column), text in reading.texts.items() if column == place})
    return f"The column holds other texts: {', '.join(strange[:6])}" if strange else ""


def _counts(reading: Reading, column: str) -> Mapping[str, int]:
    texts = [text for text in reading.extra[column].tolist() if text is not None]
    found, counts = np.unique(np.array(texts, dtype=object).astype(str), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _leakage_known(section: Section, schema: Schema) -> tuple[str, ...]:
    listed = section.texts("leakage_known") or ()
    by_column = {variable.column or variable.name: variable.name for variable in schema.variables}
    found = []
    for name in listed:
        if name not in schema.names and name not in by_column:
            raise section.error("leakage_known", f"there is no predictor '{name}'", nearest(name, schema.names))
        found.append(name if name in schema.names else by_column[name])
    return tuple(found)
