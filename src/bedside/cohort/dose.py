"""The task ``dose``: how much of a drug a patient needs."""

from __future__ import annotations

from bedside.cohort.study import Task

TASK = Task(
    name="dose",
    label="quantity",
    head="dose",
    loss="squared",
    measures="dose",
    floor="square-root",
)
