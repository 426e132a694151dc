"""The page on the device and the review pages are told apart by what they say, never by their colours."""

from __future__ import annotations

import re
from importlib.resources import files


def colours(package: str, *path: str) -> dict[tuple[str, bool], str]:
    """(custom property, whether in dark mode) → its value."""
    text = files(package).joinpath(*path).read_text(encoding="utf-8")
    light, _, dark = text.partition("@media (prefers-color-scheme: dark)")
    named = re.compile(r"^\s+(--[\w-]+): (#[0-9a-f]{3,8});", re.M)
    return {
        (name, is_dark): value
        for part, is_dark in ((light, False), (dark, True))
        for name, value in named.findall(part)
    }


def test_both_have_the_same_colours() -> None:
    page, review = colours("bedside.browser", "page", "page.css"), colours("bedside.review", "static", "bedside.css")
    both = page.keys() & review.keys()
    assert len(both) >= 30
    assert {name: page[name] for name in both} == {name: review[name] for name in both}
    assert page.keys() <= review.keys(), "a colour of the page that the review pages have not"
