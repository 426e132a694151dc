"""The little Markdown that a model card is written in, as HTML that can hold nothing else.

Headings, paragraphs, lists, tables, code blocks, **bold**, *emphasis* and ``code``. Everything is escaped first, so
text from a release can never become markup of its own; links stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from markupsafe import Markup

_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![*\w])\*([^*]+)\*(?![*\w])"), r"<em>\1</em>"),
)
_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*\|?")


def to_html(text: str) -> Markup:
    """The card as safe HTML; its headings begin at ``h2``, below the page's own."""
    return Markup("\n".join(_blocks(text.splitlines())))  # noqa: S704  # every piece was escaped by _inline


def _inline(text: str) -> str:
    escaped = escape(text.strip())
    for pattern, replacement in _INLINE:
        escaped = pattern.sub(replacement, escaped)
    return escaped


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        end = _end(lines, at)
        block = lines[at:end]
        if block:
            yield _block(block)
        at = max(end, at + 1)


def _kind(line: str) -> str:
    stripped = line.strip()
    if not stripped:
        return "blank"
    for kind, start in (("code", "```"), ("heading", "#"), ("table", "|")):
        if stripped.startswith(start):
            return kind
    return "list" if re.match(r"([-*]|\d+\.)\s", stripped) else "paragraph"


def _end(lines: list[str], at: int) -> int:
    """One past the last line of the block that begins at ``at``; ``at`` itself for a blank line."""
    kind = _kind(lines[at])
    if kind in {"blank", "heading"}:
        return at + (kind == "heading")
    end = at + 1
    if kind == "code":
        while end < len(lines) and not lines[end].startswith("```"):
            end += 1
        return end + 1
    while end < len(lines) and _continues(kind, lines[end]):
        end += 1
    return end


def _continues(kind: str, line: str) -> bool:
    next_kind = _kind(line)
    return next_kind == kind or (kind == "list" and next_kind == "paragraph" and line.startswith(" "))


def _block(block: list[str]) -> str:
    kind = _kind(block[0])
    if kind == "heading":
        marks = len(block[0].strip()) - len(block[0].strip().lstrip("#"))
        level = min(marks + 1, 6)
        return f"<h{level}>{_inline(block[0].strip().lstrip('#'))}</h{level}>"
    if kind == "code":
        body = [line for line in block[1:] if not line.startswith("```")]
        return f"<pre>{escape(chr(10).join(body))}</pre>"
    return {"list": _list, "table": _table}.get(kind, _paragraph)(block)


def _paragraph(block: list[str]) -> str:
    return f"<p>{_inline(' '.join(block))}</p>"


def _list(block: list[str]) -> str:
    tag = "ol" if block[0].strip()[0].isdigit() else "ul"
    items: list[str] = []
    for line in block:
        if _kind(line) == "list":
            items.append(re.sub(r"^([-*]|\d+\.)\s+", "", line.strip()))
        else:
            items[-1] += " " + line.strip()
    return f"<{tag}>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + f"</{tag}>"


def _table(block: list[str]) -> str:
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in block]
    ruled = len(block) > 1 and _RULE.fullmatch(block[1].strip()) is not None
    body = rows[2:] if ruled else rows
    head = "<thead>" + _row(rows[0], "th") + "</thead>" if ruled else ""
    return (
        f'<div class="scroll" tabindex="0"><table>{head}<tbody>'
        + "".join(_row(row, "td") for row in body)
        + "</tbody></table></div>"
    )


def _row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_inline(cell.replace(chr(92) + '|', '|'))}</{tag}>" for cell in cells) + "</tr>"
