"""The page as it looks and behaves: sound in every light, width and language, installable, and renewed as a whole."""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import hospital as house
import pytest
import ward as wards
from device import OFFLINE, device
from file_server import file_server
from packed_page import Packed, packed

LOOKS = {"en": (("light", wards.PHONE), ("dark", wards.DESK)), "zh-CN": (("dark", wards.PHONE), ("light", wards.DESK))}

_AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}});
  return found.violations.map(one => one.id + ": " + one.nodes.map(node => node.html.slice(0, 120) + " " +
    (node.failureSummary || "").slice(0, 200)).slice(0, 3).join(" | "));
}"""


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def _faults(page: Any, language: str, state: str) -> list[str]:
    found = []
    for light, pixels in LOOKS[language]:
        page.emulate_media(color_scheme=light)
        page.set_viewport_size(pixels)
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found += [f"{state} {light} {pixels['width']}: {fault}" for fault in page.evaluate(_AXE)]
        found += [f"{state} {light} {pixels['width']}: {over} px too wide"] if over > 0 else []
    return found


@pytest.mark.parametrize("language", LOOKS)
def test_the_page_is_sound_in_every_light_width_and_language(browser: Any, ward_page: Packed, language: str) -> None:
    wrong = []
    with file_server(ward_page.site) as server, device(browser, server, language=language) as found:
        assert found.open() == ""
        page = found.page
        assert page.evaluate("document.documentElement.lang") == language
        page.evaluate(_axe())
        wrong += _faults(page, language, "form")
        for state, values in (
            ("problems", house.PLAUSIBLE | {"age": "17"}),
            ("answer", house.HIGH),
            ("silence", house.STRANGE),
        ):
            found.put(values)
            found.ask()
            wrong += _faults(page, language, state)
        assert found.faults == []
        server.spoilt = {"release/card.md": b"another"}
        with device(browser, server, language=language) as other:
            assert "card.md" in other.open()
            other.page.evaluate(_axe())
            wrong += _faults(other.page, language, "refused")
    assert not wrong, "\n".join(wrong)


def test_the_language_changes_without_losing_what_is_typed(browser: Any, ward_page: Packed) -> None:
    with file_server(ward_page.site) as server, device(browser, server) as found:
        found.open()
        assert "Not for the record. A physician decides." in found.page.inner_text(".ribbon")
        assert "Supports a cytologist" in found.page.inner_text("main")
        found.fill({"age": "61", "menopause": "post"})
        found.page.click("text=简体中文")
        assert "不得写入病历" in found.page.inner_text(".ribbon")
        assert found.page.input_value('[id="value.age"]') == "61"
        assert found.page.input_value('[id="value.menopause"]') == "post"
        found.put(house.HIGH)
        found.ask()
        assert "哪些因素使估计升高或降低" in found.page.inner_text("#explanation")
        found.page.click("text=English")
        assert "What pushed the estimate up and down" in found.page.inner_text("#explanation")


def test_it_can_be_installed(browser: Any, ward_page: Packed, tmp_path: Path) -> None:
    """Chromium itself says what is missing; only in a profile that is kept."""
    with file_server(ward_page.site) as server:
        context = browser.browser_type.launch_persistent_context(
            str(tmp_path), executable_path=str(wards.CHROMIUM), args=list(wards.QUIET)
        )
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector(OFFLINE, timeout=60_000)
        session = context.new_cdp_session(page)
        assert session.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
        manifest = json.loads(session.send("Page.getAppManifest")["data"])
        context.close()
    assert manifest["name"] == "breast-fna 1.0.0"
    assert manifest["display"] == "standalone"


def test_a_newer_release_takes_the_place_of_the_kept_one_as_a_whole(
    browser: Any, ward_page: Packed, tmp_path: Path
) -> None:
    made = house.make_release(tmp_path / "newer", version="1.1.0", keys=ward_page.key.parent, targets=("browser",))
    newer = packed(tmp_path / "newer", *made)
    shutil.copytree(ward_page.site, tmp_path / "served")
    for file in (tmp_path / "served").rglob("*"):  # a browser takes what has not changed for long as fresh for long
        os.utime(file, (1.7e9, 1.7e9))
    with file_server(tmp_path / "served") as server, device(browser, server) as found:
        found.open()
        found.page.wait_for_selector(OFFLINE, timeout=60_000)
        for file in newer.site.rglob("*"):
            if file.is_file():
                shutil.copyfile(file, server.folder / file.relative_to(newer.site))
        server.spoilt = {"release/background.json": b"damaged on the way"}
        assert found.open() == ""
        found.page.wait_for_timeout(1500)
        assert "breast-fna 1.0.0" in found.page.inner_text(".top")
        assert found.page.query_selector("#newer") is None, "a site that came damaged is not kept"
        server.spoilt.clear()
        assert found.open() == ""
        found.page.wait_for_selector("#newer", timeout=60_000)
        assert "breast-fna 1.0.0" in found.page.inner_text(".top")
        with found.page.expect_navigation():
            found.page.click("#newer")
        assert found.settled() == ""
        assert "breast-fna 1.1.0" in found.page.inner_text(".top")
