"""Fragments of the changelog: one file a change, named and written so that they can be gathered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, coded

FOLDER = ROOT / "changelog.d"
FRAGMENTS = [path for path in sorted(FOLDER.iterdir()) if path.name != "README.md"]


def _kinds() -> set[str]:
    rows = [line.split("|")[1] for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    return set().union(*(coded(row) for row in rows))


def test_the_kinds_are_named_in_the_readme() -> None:
    assert _kinds() == {"added", "changed", "fixed", "removed", "security"}


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_well_formed(fragment: Path) -> None:
    match = re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*\.([a-z]+)\.md", fragment.name)
    assert match, f"{fragment.name}: name it <short-name>.<kind>.md"
    assert match[1] in _kinds()
    text = fragment.read_text()
    assert text.endswith("\n")
    assert text.strip(), "it says nothing"
    assert not re.search(r"^#", text, re.M), "a fragment has no heading"
    assert text.rstrip().endswith("."), "a fragment is made of sentences"
