"""Which rows belong to one patient: intervals that take rows for independent would be too narrow."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from bedside.cohort import Cohort


def several(patient: Int[np.ndarray, " patient"]) -> Int[np.ndarray, " patient"] | None:
    """The patient of each row, where one has several."""
    return patient if len(np.unique(patient)) < len(patient) else None


def patients_of(cohort: Cohort) -> Int[np.ndarray, " patient"] | None:
    """A number per row, equal for rows of one patient; None where each row is a patient of its own."""
    return several(np.unique(cohort.patient.astype(str), return_inverse=True)[1].astype(np.int64))
