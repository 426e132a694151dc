"""A bare file of risks over time gets the report; what is no such file is refused with its row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import foretold
import handmade
import numpy as np
import pytest

from bedside.errors import DataError, UsageError
from bedside.validation import as_dict, evidence_for_predictions, read_predictions, render_report

TODAY = dt.date(2026, 11, 22)
Write = Callable[[str], Path]


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    """Their number only costs time here."""
    with patch("bedside.validation.prognosis.REPEATS", 4):
        yield


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "courses.csv"
        path.write_text(text)
        return path

    return written


def table(n: int = 150, competing: float = 0.05) -> str:
    made = foretold.followed(9, n, competing=competing)
    rows = np.column_stack([made.time, made.event, made.risk(2.0), made.risk(5.0)])
    lines = [f"{t!r},{int(e)},{p!r},{q!r},{'ab'[i % 2]}" for i, (t, e, p, q) in enumerate(rows.tolist())]
    return "\n".join(["time,event,risk_2,risk_5,group", *lines, ",1,0.1,0.2,a", "1.0,1,,0.2,a"])


def test_it_is_the_evidence_of_a_release_that_gives_these_risks(write: Write) -> None:
    given = evidence_for_predictions(read_predictions(write(table())), threshold=0.3, today=TODAY)
    scene = foretold.scene(150, seed=9, competing=0.05, band=None)
    same = handmade.evidence(scene)
    assert [step.removed for step in given.data.attrition] == [0, 1, 1]
    assert given.data.class_counts["competing event 2"] == same["data"]["class_counts"]["transplant"]
    # Nobody abstains from a bare file, so the release's figures are those as if it had answered everybody.
    everybody = same["abstentions"]["as_if_answered"] or same["measures"]
    for name in ("auc_t_at_2", "auc_t_at_5", "brier_at_5", "c_harrell", "net_benefit_at_5"):
        assert given.measures[name].value == pytest.approx(everybody[name]["value"], abs=1e-6)
    assert "ibs" not in given.measures
    assert {one.group for one in given.subgroups} == {"group = a", "group = b"}
    text = render_report(as_dict(given))
    assert "event within 5 units of time" in text
    assert "Of <b>100 patients</b>" in text


def test_a_threshold_is_one_number(write: Write) -> None:
    read = read_predictions(write(table(60)))
    with pytest.raises(UsageError, match="not one number between 0 and 1"):
        evidence_for_predictions(read, threshold=1.5, today=TODAY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,risk_2\n1,0.5", "has no column 'event'"),
        ("id\n1", "time, event and one risk_HORIZON for each horizon"),
        ("time,event,risk_soon\n1,1,0.5", "'risk_soon' names no horizon"),
        ("time,event,risk_2\n0,1,0.5", "'0' in column 'time' is not a time above 0"),
        ("time,event,risk_2\n1,dead,0.5", "event 'dead' is not 0"),
        ("time,event,risk_2\n1,1,1.5", "not a probability"),
        ("time,event,risk_2,risk_1\n1,1,0.2,0.3", "the risk falls with time"),
        ("time,event,risk_2\n,1,0.2", "no row with a time, an event and every risk"),
    ],
)
def test_what_is_no_such_file_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_predictions(write(text))
