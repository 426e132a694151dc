"""What is read from a graph's columns about a dose."""

from __future__ import annotations

import numpy as np
import pytest
from quantities import dosing

from bedside.release import Outputs

DOSE = dosing().dose


def test_columns_by_hand() -> None:
    columns = np.array([[35.0, 21.0, 52.5], [5.0, 2.0, 11.0]], dtype=np.float32)
    assert (DOSE.width, DOSE.estimates) == (3, ("dose",))
    assert DOSE.dose(columns).tolist() == [35.0, 5.0]
    assert [end.tolist() for end in DOSE.interval(columns)] == [[21.0, 2.0], [52.5, 11.0]]
    outputs = Outputs(classes=(), dose=DOSE)
    assert (outputs.tensor, outputs.scale, outputs.decisive) == ("estimate", 16.0, "dose")
    assert outputs.estimated(columns).tolist() == [[35.0], [5.0]]
    assert outputs.one_estimated(columns, 0).tolist() == [35.0, 5.0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ((35.0, 20.0, 50.0), ""),
        ((5.0, 3.0, 9.0), ""),
        ((4.9, 3.0, 9.0), "beyond 5 to 110"),
        ((111.0, 90.0, 130.0), "beyond 5 to 110"),
        ((110.0, 90.0, 130.0), ""),
        ((35.0, 36.0, 50.0), "does not hold its dose"),
        ((35.0, 20.0, 34.0), "does not hold its dose"),
        ((6.0, -0.1, 9.0), "begins below 0"),
        ((35.0, 20.0, np.inf), "no number"),
    ],
)
def test_columns_that_cannot_be_are_named(columns: tuple[float, float, float], said: str) -> None:
    found = Outputs(classes=(), dose=DOSE).problem(np.array([columns]))
    assert said in found
    assert bool(found) == bool(said)
