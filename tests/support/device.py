"""The page on a device, as its reader meets it: opened from a file server, filled in, asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from file_server import FileServer
from ward import DESK

READY, REFUSED = "#entry", "#refused"
OFFLINE = "text=/this page needs no server any more|本页面不再需要服务器/"


@dataclass
class Device:
    """One page of a fresh browser profile; what went wrong behind it, and what it asked elsewhere, is noted."""

    page: Any
    server: FileServer
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> str:
        """Wait until it is ready; what it refuses, where it does."""
        self.page.goto(self.server.url + path)
        return self.settled()

    def settled(self) -> str:
        self.page.wait_for_selector(f"{READY}, {REFUSED}", timeout=60_000)
        refused = self.page.query_selector(f"{REFUSED} .problem")
        return refused.inner_text() if refused else ""

    def fill(self, values: Mapping[str, object]) -> None:
        """Type or choose; a mapping has a value, and a unit or time."""
        for name, entry in values.items():
            parts = entry if isinstance(entry, Mapping) else {"value": entry}
            for kind, text in parts.items():
                given = self.page.locator(f'[id="{kind}.{name}"]')
                if given.evaluate("field => field.tagName") == "SELECT":
                    given.select_option(str(text))
                else:
                    given.fill("" if text is None else str(text))

    def put(self, values: Mapping[str, object]) -> None:
        """The same in one step, for many values."""
        self.page.evaluate(
            """given => {
              for (const [name, text] of Object.entries(given)) document.getElementById(`value.${name}`).value = text;
              document.getElementById("entry").dispatchEvent(new Event("input"));
            }""",
            {name: "" if value is None else str(value) for name, value in values.items()},
        )

    def ask(self, *, explain: bool = True) -> dict[str, Any]:
        """Press the button; what the page says then."""
        assert self.page.query_selector("#answer") is None, "an answer stands there: change a value first"
        self.page.click("#entry button")
        self.page.wait_for_selector("#answer, #entry [aria-invalid]", state="attached")
        if explain:
            self.page.wait_for_selector(
                "#explanation, .reasons, #entry [aria-invalid]", state="attached", timeout=60_000
            )
        return {
            "probability": self._numbers(".verdict", "data-probability"),
            "reasons": [one.get_attribute("data-code") for one in self.page.query_selector_all(".reasons li")],
            "refused": [
                one.get_attribute("id").partition(".")[2] for one in self.page.query_selector_all("[aria-invalid]")
            ],
            "base": self._numbers("#explanation", "data-base"),
            "values": self._numbers("#explanation", "data-values"),
            "error": self._numbers("#explanation", "data-error"),
            "set": [chip.inner_text() for chip in self.page.query_selector_all(".verdict .chip")],
            "says": [one.inner_text() for one in self.page.query_selector_all(".says")],
        }

    def _numbers(self, selector: str, attribute: str) -> list[float]:
        found = self.page.query_selector(f"{selector}[{attribute}]")
        return [float(text) for text in found.get_attribute(attribute).split()] if found else []

    def module(self, script: str, given: Any = None) -> Any:
        """Run a function `(page's modules by name, given) => ...` in the page."""
        names = sorted(set(re.findall(r"\bfrom\.(\w+)", script)))
        return self.page.evaluate(
            """async ([names, script, given]) => {
              const from = {};
              for (const name of names) from[name] = await import(new URL(`${name}.js`, location.href));
              return SCRIPT(from, given);
            }""".replace("SCRIPT", f"({script})"),
            [names, "", given],
        )


@contextmanager
def device(browser: Any, server: FileServer, *, language: str = "en", **options: Any) -> Iterator[Device]:
    """A fresh profile."""
    context = browser.new_context(locale=language, **{"viewport": DESK, "timezone_id": "UTC"} | options)
    try:
        found = Device(context.new_page(), server)
        found.page.on("pageerror", lambda error: found.faults.append(f"script: {error}"))
        found.page.on(
            "console",
            lambda said: found.faults.append(f"console: {said.text}") if said.type in {"error", "warning"} else None,
        )
        context.on("request", lambda asked: found.asked.append(asked.url))
        yield found
    finally:
        context.close()
