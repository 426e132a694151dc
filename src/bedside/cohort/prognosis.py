"""The task ``prognosis``: when something happens to a patient, as a curve."""

from __future__ import annotations

from bedside.cohort.study import Task

TASK = Task(
    name="prognosis",
    label="time-to-event",
    head="hazards",
    loss="piecewise-exponential",
    measures="prognosis",
    floor="cox",
)
