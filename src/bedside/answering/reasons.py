"""Why there is no estimate, as constant codes for scripts and as sentences with the figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from bedside.answering.answer import Reason
from bedside.answering.judgement import Cause, Judgement, most_unknown, stale, unknown
from bedside.release import Arms, Manifest, Model
from bedside.sources import Problem, Reading, Variable

NOTED = frozenset({"implausible", "not-callable", "other-genotype"})
"""Codes that withhold nothing."""


def reason_codes(bits: int) -> tuple[str, ...]:
    """Codes of the bits that are set, for example ``("too-much-missing", "unlike-training")``."""
    return tuple(_code(cause) for cause in Cause if bits & cause)


def _code(cause: Cause) -> str:
    return str(cause.name).lower().replace("_", "-")


def reason_texts(model: Model, reading: Reading, judgement: Judgement, row: int) -> tuple[Reason, ...]:
    """The reasons of one row, one sentence each; among them what is only noted."""
    bits = int(judgement.reasons[row])
    return tuple(
        Reason(code=_code(cause), text=_text(cause, model.manifest, reading, judgement, row))
        for cause in Cause
        if bits & cause
    )


def _text(cause: Cause, manifest: Manifest, reading: Reading, judgement: Judgement, row: int) -> str:
    if cause is Cause.EXPIRED:
        return f"The release was valid until {manifest.valid_until}; today is {judgement.today}"
    if cause is Cause.TOO_MUCH_MISSING:
        known = unknown(reading)[row]
        most = most_unknown(manifest)
        return f"{int(known.sum())} of {len(known)} predictors are unknown; at most {most} may be"
    if cause is Cause.UNLIKE_TRAINING:
        return (
            f"This patient is unlike those the model was trained on: distance {judgement.distance[row]:.3g}; "
            f"at most {manifest.distance_limit:.3g} is answered"
        )
    if cause is Cause.STALE_VALUE:
        return "; ".join(_stale_texts(manifest, reading, row))
    if cause is Cause.POOR_OVERLAP:
        assert manifest.outputs.arms is not None
        return _overlap_text(manifest.outputs.arms, judgement.columns[row])
    return "; ".join(_cell_texts(cause, manifest, reading, row))


def _overlap_text(arms: Arms, columns: Float[np.ndarray, " column"]) -> str:
    judged = arms.judged(columns[None])[0]
    few = ", ".join(name for name, known in zip(arms.arms, judged, strict=True) if not known)
    return f"Fewer than {100 * arms.overlap:g} % of patients like this one got {few}: the treatments cannot be compared"


def _stale_texts(manifest: Manifest, reading: Reading, row: int) -> Iterator[str]:
    ages = reading.ages_days
    for column in np.flatnonzero(stale(reading, manifest.schema)[row]) if ages is not None else ():
        variable = manifest.schema.variables[column]
        assert ages is not None and variable.max_age_days is not None
        yield f"{variable.label} is {ages[row, column]:.1f} days old; at most {variable.max_age_days:g} are accepted"


def _cell_texts(cause: Cause, manifest: Manifest, reading: Reading, row: int) -> Iterator[str]:
    problem = Problem[str(cause.name)]
    for column in np.flatnonzero(reading.problems[row] == problem):
        variable = manifest.schema.variables[column]
        text = reading.texts.get((row, int(column)), "")
        yield _complaint(cause, variable, text)


def _complaint(cause: Cause, variable: Variable, text: str) -> str:
    # Whole sentences: pages find each again by its pattern, to tell it in another language.
    if cause is Cause.NOT_A_NUMBER:
        return f"{variable.label}: {text!r} is not a number"
    if cause is Cause.UNKNOWN_CATEGORY:
        return f"{variable.label}: {text!r} is not one of {', '.join(variable.categories or ())}"
    if cause is Cause.NOT_CALLABLE:
        return f"{variable.label}: {text!r} is not callable; taken as unknown"
    if cause is Cause.OTHER_GENOTYPE:
        return f"{variable.label}: {text!r} is a genotype that the model never learned from; taken as unknown"
    if variable.range is None:
        return f"{variable.label}: {text!r} is implausible; taken as unknown"
    low, high = variable.range
    unit = f" {variable.unit}" if variable.unit else ""
    return f"{variable.label}: {text!r} is outside {low:g} to {high:g}{unit}; taken as unknown"
