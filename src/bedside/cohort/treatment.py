"""The task ``treatment``: which of several treatments does a patient the most good."""

from __future__ import annotations

from bedside.cohort.study import Task

TASK = Task(
    name="treatment",
    label="arms",
    head="arms",
    loss="squared",
    measures="treatment",
    floor="linear-effects",
)
