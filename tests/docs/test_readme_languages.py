"""The two READMEs say the same: the same headings, lists, tables, links and pictures, and the very same code."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
OTHER = {"README.md", "README.zh-CN.md"}


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.M | re.S)


def _shape(text: str) -> list[str]:
    """What begins each line outside code: a heading's level, a list's entry, a row of a table."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.findall(r"^(#+|-|\d\.|\|)(?= |---)", prose, re.M)


def _links(text: str) -> Counter[str]:
    found = re.findall(r"\]\(([^)]+)\)", text)
    return Counter(target for target in found if target not in OTHER)


def _code(text: str) -> Counter[str]:
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return Counter(re.findall(r"`([^`\n]+)`", prose))


def test_the_code_is_the_same() -> None:
    assert len(_blocks(ENGLISH)) > 2
    assert _blocks(CHINESE) == _blocks(ENGLISH)
    assert _code(CHINESE) == _code(ENGLISH)


def test_the_structure_is_the_same() -> None:
    assert len(_shape(ENGLISH)) > 20
    assert _shape(CHINESE) == _shape(ENGLISH)


def test_links_and_pictures_are_the_same_and_each_leads_to_the_other() -> None:
    assert _links(CHINESE) == _links(ENGLISH)
    assert "](README.zh-CN.md)" in ENGLISH
    assert "](README.md)" in CHINESE


def test_numbers_are_the_same() -> None:
    """Figures in the text, code left out."""

    def figures(text: str) -> Counter[str]:
        prose = re.sub(r"^```.*?^```|`[^`\n]+`|\([^)\n]*\)", "", text, flags=re.M | re.S)
        return Counter(re.findall(r"\d+(?:\.\d+)*", prose))

    assert figures(CHINESE) == figures(ENGLISH)
