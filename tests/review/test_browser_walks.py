"""A clinician's whole way in Debian's chromium: without JavaScript, and without a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest
import ward as wards

SENTENCE = "a sentence to remember"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, signed: tuple[Path, Path]) -> Iterator[wards.Ward]:
    with wards.served(tmp_path_factory.mktemp("ward"), signed, "--solo") as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with wards.chromium() as opened:
        yield opened


def _banner(page: Any) -> str:
    return str(page.locator(".banner").inner_text())


def test_the_whole_way_works_without_javascript(browser: Any, ward: wards.Ward) -> None:
    """Log in, change the one-time password, change the language and back, enter a patient, review, log out."""
    _, secret = ward.ledger.add_user("ada", "clinician", full_name="Dr. Ada", actor="test")
    with wards.visit(browser, ward, java_script_enabled=False, viewport=wards.PHONE) as visit:
        page = visit.page
        wards.log_in(visit, "ada", secret)
        page.get_by_label("Password until now").fill(secret)
        page.get_by_label("New password", exact=True).fill(SENTENCE)
        page.get_by_label("New password, again").fill(SENTENCE)
        page.get_by_role("button", name="Change the password").click()
        page.get_by_role("button", name="简体中文").click()
        assert page.get_by_role("heading", level=1).inner_text() == "工作列表"
        page.get_by_role("button", name="English").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Worklist"
        visit.go("/releases/breast-fna/new")
        page.locator("[name='patient.name']").fill("Berta Beispiel")
        page.get_by_role("button", name="Ask").click()
        assert page.locator("[aria-invalid=true]").get_attribute("name") == "patient.id"
        page.locator("[name='patient.id']").fill("B-77")
        for name, value in (house.PLAUSIBLE | {"mean_radius": 15.0}).items():
            field = page.locator(f"[name='value.{name}']")
            field.select_option(value) if isinstance(value, str) else field.fill(str(value))
        page.get_by_role("button", name="Ask").click()
        assert "Preliminary" in _banner(page)
        page.locator("[name=verdict][value=agree]").check()
        page.get_by_role("button", name="Sign as").click()
        assert "Final" in _banner(page) and "Dr. Ada" in _banner(page)
        page.get_by_role("button", name="Log out").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Log in"
        visit.go("/")
        assert "/login" in page.url
        (fault,) = visit.faults  # the browser notes the refused form
        assert "status of 422" in fault


def _focused(page: Any) -> dict[str, str]:
    found: dict[str, str] = page.evaluate(
        "() => { const one = document.activeElement; return {tag: one.tagName, name: one.getAttribute('name') || '',"
        " href: one.getAttribute('href') || '', text: one.innerText || ''}; }"
    )
    return found


def _tab_to(page: Any, **wanted: str) -> None:
    """Press Tab until what has the focus begins with all that is wanted; every stop must be visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        found = _focused(page)
        if found["tag"] != "BODY":
            assert page.locator(":focus").is_visible(), found
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", found
        if all(found[name].startswith(text) for name, text in wanted.items()):
            return
    raise AssertionError(f"no Tab leads to {wanted}")


def test_the_whole_way_works_without_a_mouse(browser: Any, ward: wards.Ward) -> None:
    answer, second = (ward.ask(house.PLAUSIBLE | {"mean_radius": radius}) for radius in (15.0, 15.5))
    with wards.visit(browser, ward) as visit:
        page, keys = visit.page, visit.page.keyboard
        visit.go("/login")
        keys.type("clinician")  # the first field has the focus
        _tab_to(page, name="password")
        keys.type(house.PASSWORD)
        keys.press("Enter")
        page.wait_for_url(f"{ward.url}/")
        keys.press("Tab")
        assert _focused(page)["href"] == "#main"
        keys.press("Enter")
        _tab_to(page, href=f"/answers/{answer}")
        keys.press("Enter")
        page.wait_for_url(f"{ward.url}/answers/{answer}")
        _tab_to(page, name="verdict")
        keys.press("ArrowDown")
        assert page.locator("[name=verdict][value=disagree]").is_checked()
        for name, text in (("conclusion", "Fibroadenoma"), ("reason", "Histology")):
            _tab_to(page, name=name)
            keys.type(text)
        _tab_to(page, tag="BUTTON", text="Sign as")
        keys.press("Enter")
        page.locator(".banner.closed").wait_for()
        assert "Fibroadenoma" in _banner(page)
        _tab_to(page, text="Next that waits")
        keys.press("Enter")
        page.wait_for_url(f"{ward.url}/answers/{second}")
        assert visit.faults == []


def test_the_browsers_time_zone_is_taken_where_none_was_chosen(browser: Any, ward: wards.Ward) -> None:
    with wards.visit(browser, ward, timezone_id="Asia/Shanghai") as visit:
        visit.go("/login")
        assert "Times in UTC" in visit.page.locator(".foot").inner_text()
        wards.log_in(visit, "clinician")
        assert "Times in Asia/Shanghai" in visit.page.locator(".foot").inner_text()
        visit.page.get_by_role("link", name="Change", exact=True).click()
        visit.page.get_by_label("Time zone").select_option("Europe/Berlin")
        visit.page.get_by_role("button", name="Save").click()
        assert "Times in Europe/Berlin" in visit.page.locator(".foot").inner_text()
        assert visit.faults == []
