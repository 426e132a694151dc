"""Numbers, units, times and Markdown as readers see them."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.review import figures
from bedside.review.markdown import to_html
from bedside.review.words import translator

t = translator()


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "under 0.1 %"),
        (0.0004, "under 0.1 %"),
        (0.0123, "1.2 %"),
        (0.5, "50 %"),
        (0.987, "98.7 %"),
        (1.0, "over 99.9 %"),
    ],
)
def test_percent_never_claims_certainty(probability: float, text: str) -> None:
    assert figures.percent(probability, t) == text


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 0.999))
def test_percent_is_right_to_half_a_unit_of_its_last_digit(probability: float) -> None:
    shown = float(figures.percent(probability, t).removesuffix(" %"))
    assert abs(shown - probability * 100) <= (0.05 if "." in figures.percent(probability, t) else 0.5) + 1e-9


def test_a_threshold_is_shown_as_declared() -> None:
    assert [figures.share(value, t) for value in (0.2, 0.125, 0.0005)] == ["20 %", "12.5 %", "0.05 %"]


def test_points_have_a_sign() -> None:
    assert [figures.points(value) for value in (0.1234, -0.0044, 0.0001, 0.0)] == ["+12.3", "−0.4", "0.0", "0.0"]


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (None, ""), ("1", ""), ("{score}", ""), ("um2", "µm²"), ("a", "years"), ("mm[Hg]", "mmHg"), ("10*9/L", "10⁹/L"),
        ("umol/L", "µmol/L"), ("u[IU]/mL", "µIU/mL"), ("U/L", "U/L"), ("kg/m2", "kg/m²"), ("%", "%"), ("Cel", "°C"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"), ("ng/mL", "ng/mL"), ("cup", "cup"),
    ],
)  # fmt: skip
def test_units_as_on_a_chart(unit: str | None, text: str) -> None:
    assert figures.unit_text(unit, t) == text


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "0 min"), (59, "59 min"), (61, "1 h 1 min"), (1500, "1 d 1 h"), (-5, "0 min")]
)
def test_how_long_ago(minutes: int, text: str) -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert figures.ago(now - dt.timedelta(minutes=minutes), now, t) == text


def test_lists_read_as_sentences() -> None:
    assert [figures.listed(names, t) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


@pytest.mark.parametrize(
    ("card", "made"),
    [
        ("# Title", "<h2>Title</h2>"),
        ("Some **bold** and\n`code` text.", "<p>Some <strong>bold</strong> and <code>code</code> text.</p>"),
        ("- one\n  more\n- two", "<ul><li>one more</li><li>two</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("```\n<x>\n```", "<pre>&lt;x&gt;</pre>"),
        ("one\n\ntwo", "<p>one</p>\n<p>two</p>"),
        (
            "| a | b |\n|---|--:|\n| 1 | *2* |",
            '<div class="scroll" tabindex="0"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
            "<tbody><tr><td>1</td><td><em>2</em></td></tr></tbody></table></div>",
        ),
    ],
)
def test_markdown_that_cards_are_written_in(card: str, made: str) -> None:
    assert to_html(card) == made


class _Names(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert attrs in ([], [("class", "scroll"), ("tabindex", "0")])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>&\"'|-#*`_\\ \nax1.!()[]:", max_size=60))
def test_no_card_brings_markup_of_its_own(text: str) -> None:
    parser = _Names()
    parser.feed(str(to_html(text + "<script>x</script>")))
    allowed = "h2 h3 h4 h5 h6 p ul ol li pre code strong em div table thead tbody tr th td"
    assert parser.names <= set(allowed.split())
