"""Invented patients who were treated, to be put into the small study of `tests/cohort`."""

from __future__ import annotations

from typing import Any

import numpy as np

TASK = ('task = "diagnosis"', 'task = "treatment"')
NO_THRESHOLD = ("threshold = 0.2\n", "")
_ARMS = 'arm = "drug"\ncontrol = "none"\nbetter = "higher"\n'
_OUTCOME = 'column = "ill"\npositive = "yes"\n'
BINARY = (_OUTCOME, f'column = "well"\npositive = "yes"\n{_ARMS}')
NUMBER = (_OUTCOME, f'column = "walk"\nunit = "m"\nrange = [0, 900]\nname = "six-minute walk"\n{_ARMS}')
OVER_TIME = (
    _OUTCOME,
    f'time = "days"\nunit = "d"\nevent = "end"\nevent_value = "dead"\nuntil = 300\n{_ARMS}',
)
DOSE_TASK = ('task = "diagnosis"', 'task = "dose"')
DOSE = (_OUTCOME, 'column = "amount"\ndrug = "warfarin"\nunit = "mg/wk"\nrange = [1, 200]\n')


def treated(rows: int = 200, seed: int = 5, arms: tuple[str, ...] = ("none", "new")) -> dict[str, list[Any]]:
    """Invented treatments, drawn evenly, and three outcomes that a later arm makes better."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(len(arms), size=rows)
    dies, leaves = rng.exponential(300 + 300 * arm).round() + 1, rng.uniform(200, 600, rows).round()
    return {
        "drug": [arms[one] for one in arm],
        "well": ["yes" if well else "no" for well in rng.uniform(size=rows) < 0.3 + 0.3 * arm / len(arms)],
        "walk": rng.normal(400 + 40 * arm, 80).round().clip(0, 900).tolist(),
        "days": [int(time) for time in np.minimum(dies, leaves)],
        "end": ["dead" if died else "alive" for died in dies <= leaves],
        "amount": rng.gamma(6, 6, rows).round(1).clip(2, 150).tolist(),
    }
