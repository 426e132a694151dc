"""The task ``diagnosis``: which of two or more classes a patient belongs to, now."""

from __future__ import annotations

from bedside.cohort.study import Task

TASK = Task(
    name="diagnosis",
    label="classes",
    head="softmax",
    loss="cross-entropy",
    measures="diagnosis",
    floor="logistic",
)
