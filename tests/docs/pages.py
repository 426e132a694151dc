"""The pages of the documentation as the tests see them: their text, sections, code blocks and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block of code: where it stands, its language, its text without indentation."""

    page: Path
    language: str
    text: str


def pages() -> list[Path]:
    """Every page that we wrote for readers."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [
        page
        for page in [*top, *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "changelog.d").glob("*.md"))]
        if page.exists()
    ]


def blocks(page: Path, *languages: str) -> list[Block]:
    """The page's fenced blocks in these languages."""
    found = []
    for match in _FENCE.finditer(page.read_text()):
        if match["language"] in languages:
            indent = len(match["indent"])
            lines = [line[indent:] for line in match["body"].splitlines()]
            found.append(Block(page, match["language"], "\n".join(lines) + "\n"))
    return found


def typed(page: Path) -> list[str]:
    """The lines that a reader types: those after ``$ `` in console blocks, those that begin with bedside in scripts."""
    lines = []
    for block in blocks(page, "console", "sh"):
        joined = block.text.replace("\\\n", " ").splitlines()
        lines += [line.removeprefix("$ ").strip() for line in joined if line.startswith(("$ ", "bedside "))]
    return lines


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next heading of the same or a higher level."""
    lines, level, kept = page.read_text().splitlines(), 0, []
    for line in lines:
        match = re.match(r"(#+) (.*)", line)
        if match and level and len(match[1]) <= level:
            break
        if level:
            kept.append(line)
        elif match and match[2].strip() == heading:
            level = len(match[1])
    assert level, f"{page.relative_to(ROOT)} has no section {heading!r}"
    return "\n".join(kept)


def coded(text: str) -> set[str]:
    """Everything that stands between single backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def anchors(page: Path) -> set[str]:
    """Anchors that forges make of a page's headings: lower case, blanks as hyphens, punctuation gone."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found
