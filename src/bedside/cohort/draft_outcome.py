"""The outcome of a drafted study: which column holds it, and what its texts mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bedside.cohort.column_profile import ColumnProfile
from bedside.errors import DataError
from bedside.sources import number_in

OUTCOME = re.compile(
    r"^(diagnosis|diagnosed|outcome|target|label|class|num|y|disease|status|died|dead|death|mortality|event|case|"
    r"readmitted|malignant|condition|response|result|diabetes|cancer|stroke|sepsis|hypertension|pneumonia|infarction)$"
    r"|(diagnosis|outcome|target|label|died|mortality|disease)",
    re.IGNORECASE,
)
POSITIVE_WORDS = """
1 yes y true positive pos malignant m case disease diseased died dead sick present abnormal event
"""
PATIENT = re.compile(
    r"(^|[^a-z])(patient|subject|person|participant|mrn|pid|pidnum|id)([ ._-]?(id|no|nr|num|number))?$", re.IGNORECASE
)


@dataclass(frozen=True)
class DraftedOutcome:
    """``[outcome]`` as guessed.

    Attributes
    ----------
    text: the section. columns: those that it names.
    threshold, gates: lines for ``[validation]`` and ``[accept]``; an empty threshold: none goes with the task.
    left_out: columns that can be no predictors → why.
    repeated: lines for patients with several rows. alpha: of ``[validation]``.
    """

    text: str
    columns: frozenset[str]
    threshold: str
    gates: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    repeated: str = ""
    alpha: float = 0.1


def drafted_classes(columns: Sequence[ColumnProfile], data: Path) -> DraftedOutcome:
    """The outcome of a diagnosis.

    Raises
    ------
    DataError: no column has two or a few different values.
    """
    outcome = outcome_column(columns, data)
    return DraftedOutcome(
        _classes_text(outcome),
        frozenset({outcome.name}),
        ("" if _two_sided(outcome) else "# ") + "threshold = 0.5  # CONFIRM: the risk at which a physician would act",
        CLASS_GATES,
    )


CLASS_GATES = """\
# auroc = { min = 0.80 }
# calibration_slope = { min = 0.80, max = 1.25 }
# net_benefit = { better_than = ["treat-all", "treat-none"] }
"""


def outcome_column(columns: Sequence[ColumnProfile], data: Path) -> ColumnProfile:
    """The column that most likely says what happened.

    Raises
    ------
    DataError: none has two or a few different values.
    """
    able = [column for column in columns if column.categorical and not PATIENT.search(column.name)]
    named = [column for column in able if OUTCOME.search(column.name)]
    exact = [column for column in named if (found := OUTCOME.match(column.name)) and found[0] == column.name]
    binary = [column for column in able if len(column.counts) == 2]
    for choice in (exact, named, binary[-1:], able[-1:]):
        if choice:
            return choice[-1]
    raise DataError(
        "no column could be the outcome: none has two or a few different values",
        where=str(data),
        remedy="Add a column that holds the diagnosis",
    )


def ordered(texts: Mapping[str, int]) -> list[str]:
    """As numbers where all are, else by the alphabet."""
    numbers = {text: number_in(text) for text in texts}
    if all(number is not None for number in numbers.values()):
        return sorted(texts, key=lambda text: numbers[text] or 0.0)
    return sorted(texts)


def positive_text(counts: Mapping[str, int]) -> str | None:
    """The text that most likely means the condition or event; None where none looks like it."""
    lowered = {text.lower(): text for text in counts}
    return next((lowered[word] for word in POSITIVE_WORDS.split() if word in lowered), None)


def _two_sided(outcome: ColumnProfile) -> bool:
    """Whether the outcome is drafted as there or not there, rather than as classes."""
    counts = outcome.counts
    return len(counts) == 2 or (outcome.whole and "0" in counts and not any(text.startswith("-") for text in counts))


def _classes_text(outcome: ColumnProfile) -> str:
    seen = ", ".join(f"{text} ({outcome.counts[text]} rows)" for text in ordered(outcome.counts))
    lines = ["[outcome]", f"column = {quoted(outcome.name)}  # CONFIRM: guessed; it holds {seen}"]
    texts = ordered(outcome.counts)
    if len(texts) == 2:
        positive = positive_text(outcome.counts) or min(texts, key=lambda text: outcome.counts[text])
        lines.append(f"positive = {quoted(positive)}  # CONFIRM: the text that means the condition is there")
    elif _two_sided(outcome):
        listed = ", ".join(quoted(text) for text in texts if text != "0")
        lines.append(f"positive = [{listed}]  # CONFIRM: everything but 0; or classes = [...] to tell all apart")
    else:
        lines.append(f"classes = [{', '.join(map(quoted, texts))}]  # CONFIRM: or positive = [...] for yes and no")
    if _two_sided(outcome):
        lines.append('# names = ["no disease", "disease"]  # how a physician reads them: not there, there')
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """As TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in escaped) + '"'
