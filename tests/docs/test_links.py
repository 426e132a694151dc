"""No dead link in any page; every page can be reached from the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import DOCS, ROOT, anchors, pages, prose

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _links(page: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return [link for link in _LINK.findall(text.replace("[](", "[x](")) if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert not dead, f"{page.relative_to(ROOT)}: {dead}"


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in _links(DOCS / "README.md")}
    forgotten = [page for page in DOCS.rglob("*.md") if page.resolve() not in linked and page != DOCS / "README.md"]
    assert not forgotten


def test_links_are_found_at_all() -> None:
    assert len(_links(DOCS / "README.md")) > 20
