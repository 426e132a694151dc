"""Invented courses of patients, to be put into the small study of `tests/cohort`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTCOME = ('column = "ill"\npositive = "yes"', 'time = "days"\nevent = "end"\nevent_value = "dead"\nunit = "d"\n'
           'horizons = [100, 300]')  # fmt: skip
TASK = ('task = "diagnosis"', 'task = "prognosis"')


def followed(rows: int = 200, seed: int = 3) -> dict[str, list[Any]]:
    """Invented courses: about half die within 300 days, the others leave between 200 and 600."""
    rng = np.random.default_rng(seed)
    dies, leaves = rng.exponential(400, rows).round() + 1, rng.uniform(200, 600, rows).round()
    return {
        "days": [int(time) for time in np.minimum(dies, leaves)],
        "end": ["dead" if died else "alive" for died in dies <= leaves],
        "since": [0] * rows,
    }
