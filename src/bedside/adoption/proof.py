"""Proof that the packed graph computes what the original did: on random rows, edge rows, and boundaries of trees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from bedside.adoption.joining import Joined, model_rows, predicted
from bedside.adoption.runtime import runner
from bedside.errors import DataError
from bedside.sources import Schema, Variable

TOLERANCE = 1e-5
"""Largest difference of any probability that counts as equal."""
RANDOM_ROWS = 1000
BEYOND = 1.0
"""Without a declared range, an extreme value lies this many times the development patients' span outside of it."""
FAR = 10.0
"""What lies far beyond the range lies this many times its width outside of it."""


@dataclass(frozen=True)
class Proof:
    """How the graph was compared with the original; every row as float32, all probabilities.

    Attributes
    ----------
    random, edge: rows drawn from the declared ranges and categories; rows with one or all predictors unknown, at an end
        of their range, or far beyond it.
    largest: largest difference of a probability over both. tolerance: what was allowed.
    boundary: rows on a tree's boundary, where the last bit decides on which side a row falls: those made on purpose,
        and those among the others that differ and turn out to lie on one. boundary_differing: of them differ.
    """

    random: int
    edge: int
    largest: float
    tolerance: float
    boundary: int
    boundary_differing: int

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        return asdict(self)


def proved(
    joined: Joined, graph: bytes, schema: Schema, values: Float[np.ndarray, "known variable"], seed: int, *, where: str
) -> Proof:
    """Compare the finished graph with the original framework's predictions.

    Parameters
    ----------
    values: of the development patients; they tell what is plausible where no range is declared. No row is a patient.

    Raises
    ------
    DataError: a row that lies on no tree's boundary differs by more than `TOLERANCE`; where the original gives no
        number, the graph may give none either.
    """
    rng = np.random.default_rng(seed)
    random = random_rows(schema, values, rng)
    edge = np.concatenate([edge_rows(schema, values), far_rows(schema, values)])
    rows = np.concatenate([random, edge]).astype(np.float32).astype(np.float64)
    differs = _difference(runner(graph, "probability", where=where)(rows), predicted(joined, rows))
    apart = differs > TOLERANCE
    if apart.any() and joined.original.trees:
        apart[apart] = ~_on_boundary(joined, rows[apart])
    if apart.any():
        worst = int(np.argmax(np.where(apart, differs, -1.0)))
        raise DataError(
            f"the graph does not equal the original: {int(apart.sum())} of {len(rows)} rows differ, the most by "
            f"{differs[worst]:.3g}; {TOLERANCE:g} is allowed",
            where=where,
            remedy="Export the model to ONNX with its own framework, compare there, and adopt that file",
        )
    lying = differs > TOLERANCE
    made, made_differing = _boundaries(joined, where)
    return Proof(
        random=len(random),
        edge=len(edge),
        largest=float(differs[~lying].max()),
        tolerance=TOLERANCE,
        boundary=made + int(lying.sum()),
        boundary_differing=made_differing + int(lying.sum()),
    )


def refuse_company(graph: bytes, rows: Float[np.ndarray, "row input"], *, where: str) -> None:
    """Ask the model's graph about each row alone and about all of them together.

    Raises
    ------
    DataError: what it gives for a patient depends on who else is asked about (it averages over the batch, say).
    """
    run = runner(graph, "y", where=where)
    alone, together = np.concatenate([run(row[None]) for row in rows]), run(rows)
    size = max(1.0, float(np.nanmax(np.abs(together), initial=1.0)))  # logits can be large
    differs = _difference(alone / size, together / size)
    if differs.max() > TOLERANCE:
        raise DataError(
            f"what the model gives for a patient depends on who else is asked about: it differs by {differs.max():.3g}",
            where=where,
            remedy="Save it for inference: no step may look at the other rows",
        )


def random_rows(
    schema: Schema, values: Float[np.ndarray, "known variable"], rng: np.random.Generator
) -> Float[np.ndarray, "row variable"]:
    """Uniform over declared ranges and categories; every fourth row has some values unknown."""
    columns = []
    for place, variable in enumerate(schema.variables):
        drawn = rng.random(RANDOM_ROWS)
        low, high = span(variable, values[:, place])
        columns.append(np.floor(drawn * (high + 1)) if variable.categories else low + (high - low) * drawn)
    rows = np.stack(columns, axis=1)
    unknown = rng.random(rows.shape) < 0.2
    unknown[np.arange(RANDOM_ROWS) % 4 != 0] = False
    rows[unknown] = np.nan
    return rows


def edge_rows(schema: Schema, values: Float[np.ndarray, "known variable"]) -> Float[np.ndarray, "row variable"]:
    """Around the middle of everything: each variable unknown, at its lowest, at its highest; and all at once."""
    spans, middle = _spans(schema, values)
    low, high = np.array([one[0] for one in spans]), np.array([one[1] for one in spans])
    rows = [middle, low, high, np.full(len(spans), np.nan)]
    for place in range(len(spans)):
        for extreme in (np.nan, low[place], high[place]):
            row = middle.copy()
            row[place] = extreme
            rows.append(row)
    return np.stack(rows)


def far_rows(schema: Schema, values: Float[np.ndarray, "known variable"]) -> Float[np.ndarray, "far variable"]:
    """Around the same middle: each number far below and far above its range; and all of them at once."""
    spans, middle = _spans(schema, values)
    numbers = [place for place, variable in enumerate(schema.variables) if not variable.categories]
    rows = []
    for side in (0, 1):
        extreme = np.array([one[side] + (2 * side - 1) * FAR * (one[1] - one[0]) for one in spans])
        for place in numbers:
            row = middle.copy()
            row[place] = extreme[place]
            rows.append(row)
        everything = middle.copy()
        everything[numbers] = extreme[numbers]
        rows.append(everything)
    return np.stack(rows)


def _spans(
    schema: Schema, values: Float[np.ndarray, "known variable"]
) -> tuple[list[tuple[float, float]], Float[np.ndarray, " variable"]]:
    """What each variable may be, lowest and highest, and the middle of everything."""
    spans = [span(variable, values[:, place]) for place, variable in enumerate(schema.variables)]
    middle = [(low + high) / 2 for low, high in spans]
    pairs = zip(schema.variables, middle, strict=True)
    return spans, np.array([np.floor(value) if variable.categories else value for variable, value in pairs])


def span(variable: Variable, known: Float[np.ndarray, " row"]) -> tuple[float, float]:
    """The declared range or the positions of categories; else what the development patients span, widened."""
    if variable.categories:
        return 0.0, float(len(variable.categories) - 1)
    if variable.range is not None:
        return variable.range
    known = known[~np.isnan(known)]
    if not len(known):
        return -1.0, 1.0
    reach = BEYOND * float(np.ptp(known))
    return float(known.min()) - reach, float(known.max()) + reach


def _difference(
    found: Float[np.ndarray, "row class"], expected: Float[np.ndarray, "row class"]
) -> Float[np.ndarray, " row"]:
    """Largest difference in each row; 0 where neither is a number, infinite where only one is."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(found - expected)
    neither = ~np.isfinite(found) & ~np.isfinite(expected)
    return np.asarray(np.where(neither, 0.0, np.where(np.isnan(apart), np.inf, apart)).max(axis=1))


def _on_boundary(joined: Joined, rows: Float[np.ndarray, "row variable"]) -> Bool[np.ndarray, " row"]:
    """Rows where the original itself jumps when one input, or all, moves by one unit in the last place."""
    taken = model_rows(joined.inputs, rows).astype(np.float32)
    still = joined.original.predict(taken)
    jumps = np.zeros(len(taken), dtype=bool)
    for toward in (np.float32(-np.inf), np.float32(np.inf)):
        moved = np.nextafter(taken, toward)
        for place in range(taken.shape[1]):
            nudged = taken.copy()
            nudged[:, place] = moved[:, place]
            jumps |= _difference(joined.original.predict(nudged), still) > TOLERANCE
        jumps |= _difference(joined.original.predict(moved), still) > TOLERANCE
    return jumps


def _boundaries(joined: Joined, where: str) -> tuple[int, int]:
    """Rows that the reader put on the model's own boundaries, through the model's graph alone: tried, differing."""
    rows = joined.original.boundaries
    if rows is None or not len(rows):
        return 0, 0
    given = runner(joined.original.graph, "y", where=where)(rows)
    return len(rows), int((_difference(given, joined.original.predict(rows)) > TOLERANCE).sum())
