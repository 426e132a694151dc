"""Every page in Debian's chromium: phone and desk, light and dark, both languages; axe-core finds nothing on any."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import course_model
import hospital as house
import pytest
import quantities
import ward as wards
from silent_report import REPORT

from bedside.release.model import processor_class
from bedside.review import PAGES
from bedside.review.words import LANGUAGES
from bedside.review.zones import own_zone
from bedside.validation import render_report

ROOT = Path(__file__).parents[2]
PATIENT = {"id": "A-10234", "name": "Anneliese Meier", "birth_date": "1958-03-14"}
SIZES = {"phone": wards.PHONE, "desk": wards.DESK}
BETWEEN = (320, 740, 1024)
"""The narrowest width of WCAG's reflow, the narrowest with two columns, and a tablet: here things must fit, too."""

AXE_AT = {"en": {("light", "phone"), ("dark", "desk")}, "zh-CN": {("dark", "phone"), ("light", "desk")}}
"""Where axe looks (it takes most of the time): at every width, light and language, each two of them together."""

LOOKED_AT: dict[str, list[tuple[str, str | None]]] = {
    "/login": [("/login", None)],
    "/login/start": [],  # these two lead to the provider and back: test_serving_oidc_browser walks them
    "/login/return": [],
    "/preferences": [("/preferences", None), ("/preferences", "admin")],
    "/password": [("/password", "clinician")],
    "/": [("/", "clinician"), ("/?show=final", "clinician")],
    "/answers/{id}": [(f"/answers/{{{name}}}", "clinician") for name in ("waiting", "strange", "signed", "unsure")],
    "/releases": [("/releases", "clinician"), ("/releases", "auditor")],
    "/releases/{name}": [("/releases/breast-fna", "clinician"), ("/releases/breast-fna", "auditor")],
    "/deployments": [("/deployments", "admin")],
    "/releases/{name}/report": [],  # a document of its own: test_the_report_...
    "/users": [("/users", "admin")],
    "/users/{name}": [("/users/second", "admin"), ("/users/service", "admin"), ("/users/admin", "admin")],
    "/ledger": [("/ledger", "auditor"), ("/ledger?kind=identity-read", "auditor")],
    "/releases/{name}/new": [("/releases/breast-fna/new", "clinician")],
}
"""Declared page → what to open of it, and who opens it."""

STOPPED = [
    ("/releases", "clinician", ".chip.bad"),
    ("/releases/breast-fna", "clinician", ".banner.stopped ~ #silent"),
    ("/releases/breast-fna", "auditor", ".banner.stopped"),
    ("/deployments", "admin", ".chip.bad"),
    ("/answers/{waiting}", "clinician", ".banner.open + .problem"),
    ("/answers/{signed}", "clinician", ".patient + .problem"),
    ("/ledger", "auditor", "table"),
]
"""What a suspended release changes on a page: the page, who opens it, and what is only there then."""

FAILURES = [("/answers/none", "clinician"), ("/answers/none", "scientist")]


def test_every_page_is_looked_at() -> None:
    declared = {route.path for route in PAGES.routes if route.method == "GET" and route.page}
    assert set(LOOKED_AT) == declared, "add the missing pages to LOOKED_AT"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, signed: tuple[Path, Path]) -> Iterator[wards.Ward]:
    with wards.served(tmp_path_factory.mktemp("ward"), signed, "--solo") as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with wards.chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def answers(ward: wards.Ward) -> dict[str, str]:
    """Answers in every state that a page shows otherwise."""
    made = {
        "waiting": ward.ask(house.PLAUSIBLE | {"mean_radius": 15.0, "age": None}, patient=PATIENT),
        "strange": ward.ask(house.STRANGE),
        "signed": ward.ask(house.HIGH, patient=PATIENT),
        "unsure": ward.ask(house.PLAUSIBLE, patient=PATIENT),
    }
    clinician = ward.users["clinician"]
    ward.ledger.review(
        made["signed"], verdict="disagree", conclusion="Fibroadenoma", action="Control", reason="Histology",
        reviewer=clinician,
    )  # fmt: skip
    ward.ledger.review(made["unsure"], verdict="unsure", reason="Poor sample", reviewer=clinician)
    return made


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}});
  return found.violations.map(one => one.id + ": " + one.nodes.map(node => node.html.slice(0, 120) + " " +
    (node.failureSummary || "").slice(0, 200)).slice(0, 3).join(" | "));
}"""


_TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll("main, main *:not(svg, svg *)")]
  .filter(one => one.scrollWidth > one.clientWidth + 1
    && !one.matches("input, select, textarea, button, .unseen")
    && getComputedStyle(one).display != "inline" && getComputedStyle(one).overflowX == "visible")
  .map(one => one.tagName + "." + one.className + " is " + (one.scrollWidth - one.clientWidth) + " px too narrow")"""


def _judge(page: Any, *, axe: bool) -> list[str]:
    """What is wrong with the page as it stands: what does not fit its place, and what axe finds."""
    return [*page.evaluate(_TOO_WIDE), *(page.evaluate(_RUN) if axe else ())]


NAMES = """bedside zip AUROC ROC Brier ICI SHAP SHA Authorization Bearer onnxruntime server cpu onnx um mm UTC Etc
Fibroadenoma Control Histology Poor sample Alarms in every patient other test none"""
"""Latin words on Chinese pages that are names or units, and what the people of these tests wrote."""

_SAID = """() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("code, [lang=en], optgroup, #zone").forEach(one => one.remove());
  const attributes = ["aria-label", "title", "data-label", "placeholder", "alt"];
  const said = [document.title, ...[...copy.querySelectorAll("*")].flatMap(one =>
    attributes.map(name => one.getAttribute(name) || ""))];
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) said.push(texts.currentNode.data);
  return said.join(" | ");
}"""


@cache
def _known() -> set[str]:
    """The words of names: of users, of the patient, of the release and its values, of this machine."""
    labels = [label for label, *_ in house.NUMBERS.values()]
    labels += [f"{label} {' '.join(texts)}" for label, texts, _ in house.CATEGORIES.values()]
    said = [NAMES, *house.ROLES, "second monitor", "Dr. Ida Rolf Dr. Jan Vos", *PATIENT.values(), *labels]
    said += ["breast-fna benign malignant death transplant", processor_class(), platform.node()]
    said += [
        "CD4 count at 20 weeks placebo streptomycin improved none zidovudine didanosine both warfarin mg AUTOC Qini",
        "Pregnant no yes",
    ]
    said += ["Supports a cytologist deciding whether a fine-needle aspirate needs excision"]
    return set(_latin(" ".join([*said, "Adults with a palpable breast mass", str(own_zone())])))


def _latin(text: str) -> list[str]:
    return re.findall(r"(?<![A-Za-z0-9_])[A-Za-z]{2,}(?![A-Za-z0-9_])", text)


def _looked_at(
    browser: Any,
    ward: wards.Ward,
    path: str,
    who: str | None,
    language: str,
    *,
    fails: bool = False,
    sign: str = "main",
) -> list[str]:
    """What is wrong with a page in every light and width; ``sign`` selects something that must be on it."""
    wrong = []
    with wards.visit(browser, ward, who, language=language) as visit:
        reply = visit.go(path)
        assert (reply.status < 400) != fails, reply.status
        assert visit.page.evaluate("document.documentElement.lang") == language
        assert visit.page.locator(sign).count(), f"{path} {who}: no {sign}"
        if language == "zh-CN":
            english = sorted(set(_latin(visit.page.evaluate(_SAID))) - _known())
            wrong += [f"{path} {who}: not Chinese: {' '.join(english)}"] if english else []
        visit.page.evaluate(_axe())
        for light in ("light", "dark"):
            visit.page.emulate_media(color_scheme=light)
            for size, pixels in SIZES.items():
                visit.page.set_viewport_size(pixels)
                faults = _judge(visit.page, axe=(light, size) in AXE_AT[language])
                wrong += [f"{path} {who} {light} {size}: {fault}" for fault in faults]
        for width in BETWEEN:
            visit.page.set_viewport_size({"width": width, "height": 800})
            wrong += [f"{path} {who} {width}: {fault}" for fault in _judge(visit.page, axe=False)]
        wrong += [fault for fault in visit.faults if not fails or "status of 40" not in fault]
    return wrong


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("declared", [*LOOKED_AT, "failures"])
def test_a_page_is_sound_in_every_light_and_width(
    browser: Any, ward: wards.Ward, answers: dict[str, str], declared: str, language: str
) -> None:
    wrong = []
    for path, who in FAILURES if declared == "failures" else LOOKED_AT[declared]:
        wrong += _looked_at(browser, ward, path.format(**answers), who, language, fails=declared == "failures")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stopped_release_with_a_silent_comparison_is_sound(
    browser: Any, tmp_path: Path, signed: tuple[Path, Path], language: str
) -> None:
    with wards.served(tmp_path, signed, "--solo") as ward:
        made = {"waiting": ward.ask(house.HIGH, patient=PATIENT), "signed": ward.ask(house.PLAUSIBLE)}
        ward.ledger.review(made["signed"], verdict="agree", reviewer=ward.users["clinician"])
        ward.ledger.enter_silent_report("breast-fna", REPORT, user=ward.users["scientist"])
        for who, act in (("second", "suspend"), ("scientist", "reinstate")):
            with wards.visit(browser, ward, who) as visit:
                visit.go("/releases/breast-fna")
                visit.page.locator(f"details:has(#{act}):not([open]) > summary").evaluate_all("all => all[0]?.click()")
                visit.page.locator(f"#{act}").fill("Alarms in every patient")
                visit.page.locator(f"form:has(#{act}) button").click()
                visit.page.wait_for_selector(".banner.stopped")
        wrong = []
        for path, who, sign in STOPPED:
            wrong += _looked_at(browser, ward, path.format(**made), who, language, sign=sign)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_course_is_sound(browser: Any, tmp_path: Path, language: str) -> None:
    (tmp_path / "made").mkdir()
    release = house.make_release(tmp_path / "made", course=course_model.course(course_model.EVENTS))
    with wards.served(tmp_path, release, "--solo") as ward:
        ward.ask(house.PLAUSIBLE, patient=PATIENT)
        later = f"/answers/{ward.ask(house.HIGH, patient=PATIENT)}?horizon=365"
        wrong = _looked_at(browser, ward, later, "clinician", language, sign=".course details table")
        with wards.visit(browser, ward, "clinician", language=language) as visit:
            visit.go(later)
            visit.page.locator(".course summary").click()
            for width in (390, *BETWEEN, 1280):
                visit.page.set_viewport_size({"width": width, "height": 800})
                wrong += _judge(visit.page, axe=False)
    assert not wrong, "\n".join(wrong)


ABOUT = {
    "two": (quantities.trial(), house.HIGH, ".hundreds svg"),
    "several": (quantities.records(), house.HIGH, ".differences svg"),
    "dose": (quantities.dosing(), house.PLAUSIBLE, ".verdict .scale"),
}
"""Answers of the tasks that give quantities: the release, the patient, and what is only on that page."""


@pytest.mark.parametrize(("about", "language"), [("two", "zh-CN"), ("several", "en"), ("dose", "zh-CN"), ("two", "en")])
def test_the_page_of_a_quantity_is_sound(browser: Any, tmp_path: Path, about: str, language: str) -> None:
    (tmp_path / "made").mkdir()
    one, values, sign = ABOUT[about]
    told = quantities.guidance({"warfarin": "warfarin"}, "age", ">", 80.0) if about == "dose" else None
    release = house.make_release(tmp_path / "made", quantities=one, guidance=told)
    with wards.served(tmp_path, release, "--solo") as ward:
        ward.ask(house.PLAUSIBLE, patient=PATIENT)
        path = f"/answers/{ward.ask(values, patient=PATIENT)}"
        wrong = _looked_at(browser, ward, path, "clinician", language, sign=sign)
        if about == "dose":
            vetoed = f"/answers/{ward.ask(house.PLAUSIBLE | {'age': 81.0}, patient=PATIENT)}"
            wrong += _looked_at(browser, ward, vetoed, "clinician", language, sign=".guidance .veto")
            wrong += _looked_at(browser, ward, "/releases/breast-fna", "clinician", language)
            wrong += _looked_at(browser, ward, "/releases/breast-fna/new", "clinician", language, sign="#medications")
    assert not wrong, "\n".join(wrong)


def test_the_report_is_sound_too(browser: Any, ward: wards.Ward) -> None:
    evidence = json.loads((ROOT / "docs/schemas/examples/evidence-diagnosis.json").read_text())
    wrong = []
    with wards.visit(browser, ward) as visit:
        visit.page.set_content(render_report(evidence))
        visit.page.evaluate(_axe())
        for light, pixels in (("light", wards.PHONE), ("dark", wards.DESK), ("light", wards.DESK)):
            visit.page.emulate_media(color_scheme=light)
            visit.page.set_viewport_size(pixels)
            wrong += [f"{light} {pixels['width']}: {fault}" for fault in _judge(visit.page, axe=True)]
    assert not wrong + visit.faults, "\n".join(wrong + visit.faults)
