"""How the patients here differ from those that the model was made from: aggregates against aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.privacy import Prototypes, suppressed
from bedside.sources import Reading, Variable
from bedside.validation.evidence import FEW, CaseMixRow


def _weighted_mean(values: Float[np.ndarray, " prototype"], weights: Float[np.ndarray, " prototype"]) -> float | None:
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=weights[known])) if weights[known].sum() > 0 else None


def _number(
    here: Float[np.ndarray, " patient"],
    there: Float[np.ndarray, " prototype"],
    weights: Float[np.ndarray, " prototype"],
) -> dict[str, Any]:
    known = here[~np.isnan(here)]
    if suppressed(len(known), FEW):
        return {"reference_mean": _weighted_mean(there, weights)}
    mean, reference, spread = float(known.mean()), _weighted_mean(there, weights), float(known.std(ddof=1))
    apart = None if reference is None or spread == 0 else (mean - reference) / spread
    return {"mean": mean, "reference_mean": reference, "difference": apart}


def _category(
    variable: Variable,
    here: Float[np.ndarray, " patient"],
    there: Float[np.ndarray, " prototype"],
    weights: Float[np.ndarray, " prototype"],
) -> dict[str, Any]:
    shares: dict[str, float | None] = {}
    references: dict[str, float] = {}
    known, covered = int(np.sum(~np.isnan(here))), float(weights[~np.isnan(there)].sum())
    for code, name in enumerate(variable.categories or ()):
        count = int(np.sum(here == code))
        hidden = not known or (count and suppressed(count, FEW))
        shares[name] = None if hidden else count / known
        if covered > 0:
            references[name] = float(weights[there == code].sum()) / covered
    seen = [abs(share - references[name]) for name, share in shares.items() if share is not None and name in references]
    return {"shares": shares, "reference_shares": references, "difference": sum(seen) / 2 if seen else None}


def case_mix(
    variables: Sequence[Variable], reading: Reading, background: Prototypes, reference: Mapping[str, Any] | None
) -> tuple[CaseMixRow, ...]:
    """Each variable here beside the release's background, which is made of averages over at least ten patients each.

    The background's means are compared, never its spread: averages vary less than patients. Categories there are the
    most frequent of each average, so rare ones are under-represented in its shares.

    Parameters
    ----------
    reference: the release's own evidence as a dictionary, for the shares of unknown values; None where there is none.
    """
    data = (reference or {}).get("data") or {}
    unknown = {row["variable"]: row["share"] for row in data.get("missingness", ())}
    rows = []
    for position, variable in enumerate(variables):
        here, there = reading.values[:, position], background.values[:, position]
        weights = background.weights
        if variable.kind == "number":
            found = _number(here, there, weights)
        else:
            found = _category(variable, here, there, weights)
        share = float(np.isnan(here).mean()) if len(here) else None
        rows.append(
            CaseMixRow(
                variable=variable.name,
                label=variable.label,
                unit=variable.unit,
                unknown=share,
                reference_unknown=unknown.get(variable.name),
                **found,
            )
        )
    return tuple(rows)
