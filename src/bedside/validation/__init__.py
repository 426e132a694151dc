"""Evidence on patients that training never saw, the gates it must pass, and the report that shows it."""

from bedside.validation.evidence import Evidence, as_dict, encode, json_schema
from bedside.validation.external import evidence_external
from bedside.validation.held_out import evidence_for_candidate
from bedside.validation.looks import Look, Looks, note_look
from bedside.validation.predictions import PredictionTable, evidence_for_predictions, read_predictions
from bedside.validation.report import render_report

__all__ = [
    "Evidence",
    "Look",
    "Looks",
    "PredictionTable",
    "as_dict",
    "encode",
    "evidence_external",
    "evidence_for_candidate",
    "evidence_for_predictions",
    "json_schema",
    "note_look",
    "read_predictions",
    "render_report",
]
