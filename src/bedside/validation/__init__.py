"""Evidence on patients that training never saw, the gates it must pass, and the report that shows it."""

from bedside.validation.completing import complete, read_evidence
from bedside.validation.evidence import Evidence, Warned, as_dict, encode, json_schema
from bedside.validation.external import evidence_external
from bedside.validation.held_out import evidence_for_candidate
from bedside.validation.looks import Look, Looks, note_look
from bedside.validation.outcomes import OutcomeRow, read_outcomes
from bedside.validation.predictions import PredictionTable, evidence_for_predictions, read_predictions
from bedside.validation.report import render_report
from bedside.validation.silent import LEAST, Answered, SilentEvidence, cautions, compared, figures
from bedside.validation.silent_questions import Asked, AskedOverTime, FollowedUp
from bedside.validation.silent_report import render_silent_report

__all__ = [
    "LEAST",
    "Answered",
    "Asked",
    "AskedOverTime",
    "Evidence",
    "FollowedUp",
    "Look",
    "Looks",
    "OutcomeRow",
    "PredictionTable",
    "SilentEvidence",
    "Warned",
    "as_dict",
    "cautions",
    "compared",
    "complete",
    "encode",
    "evidence_external",
    "evidence_for_candidate",
    "evidence_for_predictions",
    "figures",
    "json_schema",
    "note_look",
    "read_evidence",
    "read_outcomes",
    "read_predictions",
    "render_report",
    "render_silent_report",
]
