"""The outcome of a drafted study that asks which treatment: its column of arms, and what is compared, guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bedside.cohort.column_profile import ColumnProfile
from bedside.cohort.draft_outcome import DraftedOutcome, drafted_classes, ordered, quoted
from bedside.cohort.draft_over_time import drafted_time_to_event
from bedside.cohort.treatment_section import MOST_ARMS
from bedside.errors import DataError

_ARM = re.compile(
    r"^(arms?|rx|trt|treat|treatment|treatments|regimen|therapy|drug|group|allocation|allocated|randomi[sz]ed|assigned)$"
    r"|(^|[^a-z])(arm|treatment|randomi[sz]ed|allocation)([^a-z]|$)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"placebo|control|usual|standard|observation|^obs$|^no(ne)?$|^0$|untreated", re.IGNORECASE)

GATES = """\
# policy_gain = { min = 0, bound = "low" }
# overlap = { min = 0.9 }
"""


def drafted_treatment(columns: Sequence[ColumnProfile], data: Path) -> DraftedOutcome:
    """The outcome of a treatment: over time where there are columns of a time and an event, else of yes and no.

    Raises
    ------
    DataError: no column could be the treatment, or none the outcome.
    """
    arms = [one for one in columns if _could_be_arm(one)]
    if not arms:
        raise DataError(
            "no column could be the treatment: none has a few different texts and is named like one",
            where=str(data),
            remedy='Name such a column "arm"',
        )
    arm = max(arms, key=lambda one: len(one.counts))  # of several, the one that tells more apart
    rest = [one for one in columns if one not in arms]
    outcome = _over_time(rest, data) or drafted_classes(rest, data)
    why = "it looks like the treatment again, or what followed from it"
    dosed = [one for one in rest if re.search(r"dose|dosage", one.name, re.IGNORECASE)]
    left_out = {one.name: why for one in (*arms, *dosed) if one is not arm}
    return DraftedOutcome(
        outcome.text + _text(arm),
        outcome.columns | {arm.name},
        "",
        GATES,
        {**outcome.left_out, **left_out},
        alpha=0.05,
    )


def _could_be_arm(column: ColumnProfile) -> bool:
    few = column.complete and 2 <= len(column.counts) <= MOST_ARMS
    return few and _ARM.search(column.name) is not None and (column.numbers is None or column.whole)


def _over_time(columns: Sequence[ColumnProfile], data: Path) -> DraftedOutcome | None:
    try:
        found = drafted_time_to_event(columns, data, until=True)
    except DataError:
        return None
    return found


def _text(arm: ColumnProfile) -> str:
    texts = ordered(arm.counts)
    control = next((text for text in texts if _CONTROL.search(text)), texts[0])
    seen = ", ".join(f"{text} ({arm.counts[text]} rows)" for text in texts)
    shares = ", ".join(f"{quoted(text)} = {1 / len(texts):.4g}" for text in texts)
    declared = "0.5" if len(texts) == 2 else f"{{ {shares} }}"
    return f"""\
arm = {quoted(arm.name)}  # CONFIRM: guessed; it holds {seen}
control = {quoted(control)}  # CONFIRM: the treatment that the others are compared with
# arms = {{ {", ".join(f"{quoted(text)} = {quoted('...')}" for text in texts)} }}  # how a physician reads them
better = "higher"  # CONFIRM: which outcomes are wanted: higher (a longer time, more who recover) or lower
# propensity = {declared}  # CONFIRM: of a trial, how probable each treatment was; without it: observational records
"""
