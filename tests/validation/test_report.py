"""The report: every number of the measures, no script, no address, no hostile label, the same bytes twice."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from bedside.sources import Schema, Variable
from bedside.validation import render_report
from bedside.validation.wording import LABELS, interval, limits_set, number

VOID = {"meta", "br", "img", "input", "hr", "link"}


class Page(HTMLParser):
    """Collects elements and text, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def binary_page(binary_evidence) -> str:
    return render_report(binary_evidence)


@pytest.fixture(scope="module")
def three_page(three_evidence) -> str:
    return render_report(three_evidence)


def assert_harmless(page: str) -> Page:
    found = Page(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "form", "base"}
    for tag, attrs in found.elements:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("href", "xlink:href", "src"):
            assert attrs.get(name, "#").startswith("#"), (tag, attrs)
    assert not re.search(r"https?://|//[a-z]|javascript:|@import|url\((?!#)", page)
    return found


def test_the_page_is_one_harmless_file(binary_page, three_page):
    for page in (binary_page, three_page):
        found = assert_harmless(page)
        ids = [attrs["id"] for tag, attrs in found.elements if "id" in attrs and tag in ("h2", "h3", "section")]
        assert len(ids) == len(set(ids))
        targets = {attrs["href"][1:] for tag, attrs in found.elements if tag == "a"}
        assert targets <= set(ids)


def test_every_number_of_the_measures_is_shown(binary_evidence, binary_page, three_evidence, three_page):
    for evidence, page in ((binary_evidence, binary_page), (three_evidence, three_page)):
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page.split('id="measures"')[1].split("</table>")[0], re.DOTALL)
        cells = [
            [
                html.unescape(re.sub(r"<[^>]+>", "", one)).strip()
                for one in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
            ]
            for row in rows[1:]
        ]
        assert len(cells) == len(evidence["measures"])
        for (name, one), row in zip(evidence["measures"].items(), cells, strict=True):
            base = name if name in LABELS else name.split(":")[0]
            assert row[0].startswith(LABELS.get(base, "Net benefit above")), name
            assert row[1:3] == [number(one["value"]), interval(one)]
            if name in evidence["floor"]:
                assert row[3] == number(evidence["floor"][name]["value"])
            assert len(row[-1]) > 10
        for gate in evidence["gates"]:
            assert html.escape(gate["name"]) in page
            assert number(gate["value"], 4) in page
        shown = Page(page).text
        assert all(text in shown for text in evidence["warnings"])


def test_rounding_is_that_of_the_value():
    assert [number(x) for x in (0.92341, -0.0004, -1.5, 123.4, None)] == [
        "0.923",
        "0.000",
        "\N{MINUS SIGN}1.500",
        "123",
        "not defined",
    ]
    assert interval({"value": 1.0, "low": None, "high": None}) == "\N{EN DASH}"
    assert interval({"value": 0.5, "low": 0.25, "high": 0.75}) == "0.250 to 0.750"


def test_every_plot_has_a_name_and_a_table(binary_page, three_page):
    for page in (binary_page, three_page):
        found = Page(page)
        plots = [attrs for tag, attrs in found.elements if tag == "svg"]
        assert len(plots) >= 6
        assert all(one.get("role") == "img" and one.get("aria-label") and one.get("viewbox") for one in plots)
        assert page.count("The same as a table") == len(plots)


def test_development_is_told(binary_page):
    text = Page(binary_page).text
    assert "580 (214 with the outcome)" in text
    assert "From 50 to 200 patients the log-loss changed by \N{MINUS SIGN}0.0900" in text
    assert "Evidence was computed 3 times" in text


def test_same_bytes_twice_and_a_function_of_the_evidence_alone(binary_evidence, binary_page):
    again = render_report(json.loads(json.dumps(binary_evidence)))
    assert again == binary_page


def test_suppressed_counts_stay_suppressed(binary_evidence, binary_page):
    assert None in binary_evidence["curves"]["risk"]["malignant"]["counts"]["benign"]
    assert ">withheld<" in binary_page


WITHOUT_PLOTS = {
    "curves": {"roc": {}, "calibration": {}, "decision": {}, "risk": {}},
    "subgroups": [],
    "development": {},
}
HOSTILE = '<img src=x onerror="alert(1)">$\\frac{'


def test_hostile_texts_are_texts(world, binary):
    schema = Schema(
        variables=(
            msgspec.structs.replace(binary.study.schema.variables[0], label=HOSTILE),
            binary.study.schema.variables[1],
            Variable(name="menopause", kind="category", label="Menopause", categories=(HOSTILE, "post\x00")),
        )
    )
    scene = world.scene(
        (f"no {HOSTILE}", HOSTILE), world.binary_weights, 0.2, name=HOSTILE, intended_use=HOSTILE, population=HOSTILE,
        schema=schema, trained_by=HOSTILE,
    )  # fmt: skip
    scene.study = msgspec.structs.replace(scene.study, schema=schema)
    evidence = world.evidence(scene, source=HOSTILE, development={HOSTILE: HOSTILE})
    page = render_report(evidence)
    assert_harmless(page)
    assert "<img" not in page
    assert Page(page).text.count(HOSTILE) > 10


def test_undefined_values_are_words(world, binary):
    scene = world.scene(("benign", "malignant"), world.binary_weights, 0.2)
    scene.cohort = scene.cohort.take(scene.cohort.outcome == 0)
    page = render_report(world.evidence(scene))
    found = assert_harmless(page)
    assert "not defined" in found.text
    assert "Not accepted" in found.text
    assert " nan" not in found.text.lower()
    assert "None" not in found.text


def test_the_verdict_is_in_words(binary_evidence):
    bare = {**binary_evidence, **WITHOUT_PLOTS}
    accepted = {**bare, "verdict": "accepted", "verdict_text": "All 9 gates passed."}
    assert "All 9 gates passed." in render_report(accepted)
    assert "Not accepted" in render_report({**bare, "verdict": "refused", "verdict_text": "1 of 9 failed"})


@pytest.mark.parametrize(
    ("kind", "looks", "changed", "says"),
    [
        ("held-out", 1, False, "before its first look"),
        ("held-out", 3, True, "changed after these patients had been looked at"),
        ("held-out", 3, False, "Set in the study."),
        ("external", None, None, "asked again"),
    ],
)
def test_when_limits_were_set_is_not_claimed_beyond_the_record(kind, looks, changed, says) -> None:
    assert says in limits_set({"kind": kind, "looks": looks, "study_changed": changed})


def test_files_for_other_machines(binary_evidence, binary_page):
    assert "Files for other machines" not in binary_page
    reference = next(iter(binary_evidence["targets"].values()))
    small = {
        **reference, "size": 15_735, "latency": 18.4e-6, "memory": 32_500_000, "version": "1.31.1",
        "date": "2026-11-25", "processor": "x86-64 avx2", "processor_name": "An <i>engine</i>",
        "auroc_loss": -0.0004, "flips": 0.0123, "largest_change": 0.0317, "change_p99": 0.00002,
    }  # fmt: skip
    absent = {**reference, "validated": False, "runtime": "some-runtime", "measures": {}, "version": None}
    page = render_report({**binary_evidence, "targets": {"server-cpu": reference, "small": small, "absent": absent}})
    text = " ".join(assert_harmless(page).text.split())
    for words in (
        "onnxruntime 1.31.1, An <i>engine</i> (x86-64 avx2), 2026-11-25", "16 kB", "18 \N{MICRO SIGN}s", "32.5 MB",
        "1.23 %", "0.0317", "below 0.0001", "not validated here (some-runtime is missing)", "\N{MINUS SIGN}0.0004",
    ):  # fmt: skip
        assert words in text, words
