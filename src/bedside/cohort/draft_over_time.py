"""The outcome of a drafted study that asks when something happens: its columns of time and event, guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bedside.cohort.column_profile import ColumnProfile
from bedside.cohort.draft_outcome import DraftedOutcome, ordered, outcome_column, positive_text, quoted
from bedside.cohort.follow_up import LEAST_AT_RISK
from bedside.errors import DataError
from bedside.sources import number_in

_TIME = re.compile(
    r"time$|^time|^days|days$|^weeks|weeks$|^months|months$|^years$|_years$|follow.?up|^fu|surviv|duration|^(os|pfs|dfs|rfs|ttd)$",
    re.IGNORECASE,
)
_EVENT = re.compile(r"recur|relaps|progress|death|died|dead|status|event|cens|metasta|outcome", re.IGNORECASE)
_CENSORED = ("0", "alive", "living", "censored", "no", "none", "lost", "false", "n", "event-free", "free")
_UNITS = {"day": "d", "week": "wk", "month": "mo", "year": "a"}
_ROUND: Mapping[str, tuple[float, ...]] = {
    "d": (7, 30, 90, 180, 365, 730, 1095, 1825, 3650, 7300),
    "wk": (1, 4, 13, 26, 52, 104, 156, 260, 520, 1040),
    "mo": (1, 3, 6, 12, 24, 36, 60, 120, 240),
    "a": (0.25, 0.5, 1, 2, 3, 5, 10, 20),
}

GATES = """\
# c_ipcw = { min = 0.65 }
# calibration_slope = { min = 0.80, max = 1.25 }
# net_benefit = { better_than = ["treat-all", "treat-none"] }
"""

VISITS = """\
# landmarks = [0, 1, 2]  # CONFIRM: patients have several rows. If these are visits: the times to look ahead from,
# visit = "..."  # and the column with the time of each visit. Else keep one row for each patient
"""


def drafted_time_to_event(columns: Sequence[ColumnProfile], data: Path, *, until: bool = False) -> DraftedOutcome:
    """The outcome of a prognosis, or with `until` that of a treatment: the mean time without the event up to a limit.

    Other columns that look like a time or an event are left out of the predictors: they are hardly known at the index
    time.

    Raises
    ------
    DataError: no column could be the event, or none the time.
    """
    times = [column for column in columns if _could_be_time(column)]
    event = _first_event(columns) or outcome_column([column for column in columns if column not in times], data)
    if not times:
        raise DataError(
            "no column could be the time to the event: none holds numbers above 0 and is named like one",
            where=str(data),
            remedy='Name such a column "days", "months" or "years"',
        )
    # dtime goes with death, rtime with recur; else the last one that the table has.
    time = max(reversed(times), key=lambda column: _alike(column.name.lower(), event.name.lower()))
    why = "it looks like an outcome, not known at the index time"
    others = {column.name: why for column in columns if column in times or _EVENT.search(column.name)}
    return DraftedOutcome(
        _text(time, event, until=until),
        frozenset({time.name, event.name}),
        "threshold = 0.2  # CONFIRM: the risk, at the last horizon, at which a physician would act",
        GATES,
        others,
        VISITS,
    )


def _first_event(columns: Sequence[ColumnProfile]) -> ColumnProfile | None:
    """The last column whose texts tell several events apart and none: its times are no flag's times."""
    told = [
        column
        for column in columns
        if column.categorical
        and any(text.lower() in _CENSORED for text in column.counts)
        and sum(bool(_EVENT.search(text)) for text in column.counts if text.lower() not in _CENSORED) >= 2
    ]
    return told[-1] if told else None


def _alike(a: str, b: str) -> int:
    """With how many equal letters two names begin."""
    return next(
        (place for place, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b))
    )


def _could_be_time(column: ColumnProfile) -> bool:
    numbers = column.numbers
    if numbers is None or len(numbers) < 10 or not _TIME.search(column.name):
        return False
    return bool(numbers.min() >= 0)


def _text(time: ColumnProfile, event: ColumnProfile, *, until: bool) -> str:
    unit = _unit(time)
    listed = ", ".join(f"{horizon:g}" for horizon in _horizons(time, unit))
    seen = ", ".join(f"{text} ({event.counts[text]} rows)" for text in ordered(event.counts))
    asked = positive_text(event.counts) or min(event.counts, key=lambda text: event.counts[text])
    rest = [text for text in ordered(event.counts) if text != asked]
    censored = [text for text in rest if text.lower() in _CENSORED] or rest[:1]
    competing = [text for text in rest if text not in censored]
    lines = [
        "[outcome]",
        f"time = {quoted(time.name)}  # CONFIRM: guessed from its name; from the index time on",
        f'unit = "{unit}"  # CONFIRM: d, wk, mo or a',
        f"event = {quoted(event.name)}  # CONFIRM: guessed; it holds {seen}",
        f"event_value = {quoted(asked)}  # CONFIRM: the text that means the event",
    ]
    if competing and not until:
        table = ", ".join(f"{quoted(text)} = {quoted(text)}" for text in competing)
        lines.append(f"competing = {{ {table} }}  # CONFIRM: after which the event can no longer come; name them")
    lines.append(f"censored = [{', '.join(map(quoted, censored))}]  # CONFIRM: no event was seen")
    if until:
        lines.append(f"until = {_horizons(time, unit)[-1]:g}  # CONFIRM: the time without the event counts up to this")
    else:
        lines.append(f"horizons = [{listed}]  # CONFIRM: times at which a risk is wanted")
    if number_in(asked) is not None:
        lines.append('# name = "..."  # how people read the event')
    return "\n".join(lines) + "\n"


def _unit(time: ColumnProfile) -> str:
    """By its name, else by its size: few are followed for 400 months or 40 years."""
    named = [unit for word, unit in _UNITS.items() if word in time.name.lower()]
    largest = float(time.numbers.max()) if time.numbers is not None else 0.0
    return named[0] if named else "d" if largest > 400 else "mo" if largest > 40 else "a"


def _horizons(time: ColumnProfile, unit: str) -> tuple[float, ...]:
    """The latest round time to which a tenth is followed, and one about five times earlier."""
    rows = [(number_in(text) or 0.0, count) for text, count in time.counts.items()]
    needed = max(LEAST_AT_RISK, 0.1 * sum(count for _, count in rows))
    reached = [float(one) for one in _ROUND[unit] if sum(count for number, count in rows if number >= one) >= needed]
    if not reached:
        return (float(f"{sorted(number for number, _ in rows)[len(rows) // 2]:.2g}") or 1.0,)
    earlier = [one for one in reached if one <= reached[-1] / 4]
    return (*earlier[-1:], reached[-1])
