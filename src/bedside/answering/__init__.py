"""One patient's values in, one answer out: what validation judges is what serving serves."""

from bedside.answering.answer import (
    Advice,
    Answer,
    Difference,
    PatientArms,
    PatientCourse,
    PatientDose,
    Reason,
    ReleaseReference,
    Status,
    ValueGiven,
)
from bedside.answering.bedside_answer import (
    answer_patient,
    answer_row,
    asked_about,
    estimate_at,
    explain_row,
    explained_estimate,
)
from bedside.answering.judgement import ABSTAINING, Cause, Judgement, judge
from bedside.answering.observed import Observed, observed
from bedside.answering.reasons import reason_codes, reason_texts
from bedside.answering.record import read_with_record
from bedside.answering.table import predictions
from bedside.answering.unusual import Unusual, unusual
from bedside.answering.vetoes import vetoed_names, vetoes

__all__ = [
    "ABSTAINING",
    "Advice",
    "Answer",
    "Cause",
    "Difference",
    "Judgement",
    "Observed",
    "PatientArms",
    "PatientCourse",
    "PatientDose",
    "Reason",
    "ReleaseReference",
    "Status",
    "Unusual",
    "ValueGiven",
    "answer_patient",
    "answer_row",
    "asked_about",
    "estimate_at",
    "explain_row",
    "explained_estimate",
    "judge",
    "observed",
    "predictions",
    "read_with_record",
    "reason_codes",
    "reason_texts",
    "unusual",
    "vetoed_names",
    "vetoes",
]
