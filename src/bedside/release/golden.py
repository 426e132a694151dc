"""Golden cases: invented patients with the answers they must get, asked again on every machine that serves."""

from __future__ import annotations

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.errors import Refused
from bedside.privacy import Prototypes
from bedside.release.model import Model, Prediction
from bedside.sources import Schema, Variable

CASES = 32
SHARE_UNKNOWN = 0.2
DISTANCE_TOLERANCE = 1e-3
"""Largest difference of a golden distance, relative to it (absolute below 1)."""


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one target answered for the cases when the candidate was packed, and how far another machine may be off."""

    columns: tuple[tuple[float, ...], ...]
    distance: tuple[float, ...]
    tolerance: float


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``golden.json``: `cases` in the schema's order, None for unknown; `targets` by target name."""

    description: str
    seed: int
    cases: tuple[tuple[float | None, ...], ...]
    targets: dict[str, Expected]


def golden_cases(schema: Schema, background: Prototypes, seed: int) -> Float[np.ndarray, "case variable"]:
    """Cases drawn uniformly from the declared ranges and categories; every fourth has some values unknown.

    A number without a declared range is drawn from the span of the background, widened by a quarter on each side; no
    case is made from a patient. Values are exact in float32.
    """
    rng = np.random.default_rng(seed)
    columns = [
        _drawn(variable, background.values[:, j], rng.random(CASES)) for j, variable in enumerate(schema.variables)
    ]
    cases = np.stack(columns, axis=1)
    unknown = rng.random(cases.shape) < SHARE_UNKNOWN
    unknown[np.arange(CASES) % 4 != 0] = False
    cases[unknown] = np.nan
    return cases.astype(np.float32).astype(np.float64)


def _drawn(
    variable: Variable, typical: Float[np.ndarray, " prototype"], uniform: Float[np.ndarray, " case"]
) -> Float[np.ndarray, " case"]:
    if variable.categories is not None:
        return np.asarray(np.floor(uniform * len(variable.categories)))
    low, high = variable.range or _widened(typical[~np.isnan(typical)])
    return low + (high - low) * uniform


def _widened(typical: Float[np.ndarray, " known"]) -> tuple[float, float]:
    if not len(typical):
        return 0.0, 1.0
    low, high = float(typical.min()), float(typical.max())
    margin = 0.25 * (high - low) or max(1.0, abs(low)) * 0.25
    return low - margin, high + margin


def expected(answered: Prediction, tolerance: float) -> Expected:
    """What a target answered, as it is written down."""
    return Expected(
        columns=tuple(tuple(map(float, row)) for row in answered.columns),
        distance=tuple(map(float, answered.distance)),
        tolerance=tolerance,
    )


def golden_document(cases: Float[np.ndarray, "case variable"], seed: int, targets: dict[str, Expected]) -> Golden:
    """The cases with each target's answers."""
    return Golden(
        description=(
            "Invented cases, drawn from the declared ranges and categories by the seed; no patient is among them. "
            "A machine that serves this release must give these outputs within the tolerance."
        ),
        seed=seed,
        cases=tuple(tuple(None if np.isnan(value) else float(value) for value in case) for case in cases),
        targets=targets,
    )


def case_values(golden: Golden) -> Float[np.ndarray, "case variable"]:
    """The cases as numbers, nan for unknown."""
    return np.array([[np.nan if v is None else v for v in case] for case in golden.cases], dtype=np.float64)


def check_golden(golden: Golden, model: Model) -> None:
    """Ask `model` every golden case.

    Raises
    ------
    Refused: the target has no golden outputs, or one differs by more than the tolerance; the message names the first
        such case, counted from 1, and the difference.
    """
    expected = golden.targets.get(model.target)
    if expected is None:
        raise Refused(f"has no golden outputs for the target {model.target}", where="golden.json")
    answered = model.predict(case_values(golden))
    outputs = model.manifest.outputs
    what = "a probability" if outputs.tensor == "probability" else "a scaled estimate"
    columns = answered.columns.astype(np.float64) / outputs.scale
    _compare(what, columns, np.array(expected.columns) / outputs.scale, expected.tolerance)
    distance = np.array(expected.distance)
    scale = np.maximum(np.abs(distance), 1.0)
    _compare("the scaled distance", answered.distance / scale, distance / scale, DISTANCE_TOLERANCE)


def _compare(what: str, answered: Float[np.ndarray, ...], expected: Float[np.ndarray, ...], tolerance: float) -> None:
    if answered.shape != expected.shape:
        raise Refused(f"{what} has shape {answered.shape} instead of {expected.shape}", where="golden.json")
    difference = np.abs(answered.astype(np.float64) - expected).reshape(len(expected), -1).max(axis=1)
    wrong = ~(difference <= tolerance)  # nan is wrong, too
    if wrong.any():
        case = int(np.flatnonzero(wrong)[0])
        raise Refused(
            f"case {case + 1} of {len(expected)}: {what} differs by {difference[case]:.3g} from the signed output; "
            f"{tolerance:g} is allowed",
            where="golden.json",
            remedy="This machine's runtime does not compute what was validated; it must not serve this release",
        )
