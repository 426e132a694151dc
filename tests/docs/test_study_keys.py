"""study.md names every key of a study file and no other; its example uses every section."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from pages import DOCS, ROOT, Block, blocks, coded, pages, section

from bedside.cohort import KNOWN_KEYS

PAGE = DOCS / "reference" / "study.md"
MAP_SECTIONS = {"columns", "units", "categories"}
SECTIONS = {
    "study",
    "data",
    "predictors",
    "outcome",
    "training",
    "validation",
    "accept",
    "review",
    "adoption",
    "targets",
    "record",
    "guidance",
}


def _heading(name: str) -> str:
    return f"`[{name}.NAME]`" if name in {"predictors", "record"} else f"`[{name}]`"


def test_the_sections_are_those_of_the_reader() -> None:
    assert {key.split(".")[0] for key in KNOWN_KEYS} == SECTIONS


@pytest.mark.parametrize("name", sorted(SECTIONS - {"accept"}))
def test_every_key_is_documented_and_no_other(name: str) -> None:
    known = {key.split(".")[-1] for key in KNOWN_KEYS if key.startswith(f"{name}.")}
    documented = re.findall(r"^\| `(\w+)` \|", section(PAGE, _heading(name)), re.M)
    assert set(documented) == known
    assert len(documented) == len(set(documented))


def test_every_key_of_a_gate_is_documented() -> None:
    known = {part for key in KNOWN_KEYS if key.startswith("accept.") for part in key.split(".")[1:] if "<" not in part}
    assert known <= coded(section(PAGE, "`[accept]`"))


def test_every_measure_of_a_gate_is_documented() -> None:
    from bedside.cohort.measure_names import MEASURES

    names = {name for task in MEASURES.values() for name in task.names}
    assert names <= coded(section(DOCS / "reference" / "evidence.md", "Names of measures"))


def test_the_example_uses_every_section() -> None:
    assert set(tomllib.loads(blocks(PAGE, "toml")[0].text)) == SECTIONS


def is_map(block: Block) -> bool:
    """Whether a block is a map file, and no part of a study."""
    content = tomllib.loads(block.text)
    return bool(MAP_SECTIONS & content.keys()) or "codes" in content.get("outcome", {})


TABLES = {"validation.threshold", "outcome.competing", "outcome.arms", "outcome.propensity", "outcome.comparators"}
"""Tables whose keys are a study's own words."""


def _paths(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """Dotted paths of the leaves. What is in `TABLES` is no key."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict) and here not in TABLES:
            yield from _paths(value, here)
        else:
            yield here


def _is_known(path: str) -> bool:
    patterns = [
        re.sub(r"<\w+>", r"[^.]+", re.escape(key).replace(r"\<", "<").replace(r"\>", ">")) for key in KNOWN_KEYS
    ]
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def _is_provider(block: Block) -> bool:
    """A log-in provider's file; `test_oidc_keys` reads it."""
    return block.text.startswith("[provider]")


STUDIES = [block for page in pages() for block in blocks(page, "toml") if not (is_map(block) or _is_provider(block))]


@pytest.mark.parametrize("block", STUDIES, ids=lambda block: f"{block.page.stem}-{block.text.splitlines()[0]}")
def test_a_study_block_has_known_keys_only(block: Block) -> None:
    unknown = [path for path in _paths(tomllib.loads(block.text)) if not _is_known(path)]
    assert not unknown


def test_an_unknown_key_would_be_found() -> None:
    assert _is_known("predictors.age.unit")
    assert _is_known("accept.subgroups.auroc.max_gap")
    assert not _is_known("predictors.age.units")
    assert not _is_known("privacy.epsilon")


def test_every_finding_of_the_data_check_is_documented() -> None:
    names = ("assembly", "checking", "dose_check", "follow_up_check", "leakage", "sample_size_check", "sites")
    names += ("treatment_check",)
    source = "".join((ROOT / "src/bedside/cohort" / f"{name}.py").read_text() for name in names)
    codes = set(re.findall(r'_finding\(\s*"([a-z-]+)"', source))
    codes |= set(re.findall(r'code="([a-z-]+)"', source)) | set(re.findall(r'"(site-[a-z-]+)"', source))
    assert {"leakage", "implausible", "site-unit"} <= codes, "the pattern no longer finds the codes"
    documented = re.findall(r"^\| `([a-z-]+)` \|", section(PAGE, "What the data check finds"), re.M)
    assert set(documented) == codes
