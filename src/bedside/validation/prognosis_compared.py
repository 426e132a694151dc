"""A prognosis beside other predictions for the same patients: the floor's, another target's, the same for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec
import numpy as np
from jaxtyping import Float, Int

from bedside import measures as m
from bedside.validation import prognosis
from bedside.validation.evidence import Measures
from bedside.validation.prognosis import Followed, at, compute, in_order, split_name, statistics

RANKED = ("c_ipcw", "c_harrell", "auc_t")
SCORED = ("brier", "ibs")


def difference(given: Followed, other: Float[np.ndarray, "patient cell"]) -> Measures:
    """Concordance, AUC and Brier scores minus those of another model's cells on the same answered patients, paired."""
    kept = ~given.abstained
    first, second = given.take(kept), given.instead(other).take(kept)
    return _compared(first, second.take, (*RANKED, *SCORED))


def marginal(given: Followed) -> Followed:
    """The same patients, each given the share observed in all of them by each time (Aalen-Johansen)."""
    steps = m.aalen_johansen(*given.known, entry=given.entry)
    # Where nobody was followed so long no score is defined, whatever stands here.
    reached = np.maximum.accumulate(np.nan_to_num(steps.at(np.array(given.course.edges)), nan=0.0))
    cells = np.concatenate([np.diff(reached), [1.0 - reached[-1]]])
    course = msgspec.structs.replace(given.course, events=given.course.events[:1])
    return replace(given, course=course, probability=np.tile(cells, (len(given), 1)))


def beside_marginal(given: Followed) -> tuple[Measures, Measures]:
    """The scores of `marginal`, and those of the model minus them; both models see each drawn sample anew."""
    given = given.answered
    if not len(given):
        return {}, {}
    names = [name for name in statistics(given, 0) if split_name(name)[0] in SCORED]
    return compute(marginal(given), names), _compared(given, lambda rows: marginal(given.take(rows)), SCORED)


Redrawn = Callable[[Int[np.ndarray, " drawn"]], Followed]


def _compared(given: Followed, other: Redrawn, kinds: Iterable[str]) -> Measures:
    """Measures minus those of what ``other`` makes of the same drawn rows; the interval is the bootstrap's."""
    kinds, decision = set(kinds), given.course.decision

    def apart(name: str) -> Callable[[Int[np.ndarray, " drawn"]], float]:
        def drawn(rows: Int[np.ndarray, " drawn"]) -> float:
            first, second = (statistics(one, 0)[name]().value for one in (given.take(rows), other(rows)))
            return first - second

        return drawn

    named = {name: split_name(name) for name in statistics(given, 0)}
    once = [name for name, (base, horizon) in named.items() if base in kinds and horizon != decision]
    found = {
        name: m.bootstrap(apart(name), len(given), groups=given.patient, seed=given.seed, repeats=prognosis.REPEATS)
        for name in once
    }
    again = {at(name, decision): measure for name, measure in found.items() if at(name, decision) in named}
    return in_order(found | again)
