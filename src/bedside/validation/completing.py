"""Evidence that gets the row of one more target, run where its runtime is: nothing else in it changes."""

from __future__ import annotations

import datetime as dt

import msgspec

from bedside.cohort import Cohort, Study
from bedside.errors import DataError, Refused
from bedside.release import Footprint, Model
from bedside.validation import cautions
from bedside.validation.evidence import Evidence, Measures
from bedside.validation.gates import OF_TARGET, judge_targets, verdict
from bedside.validation.judging import judged
from bedside.validation.looks import Looks
from bedside.validation.registry import measures_of
from bedside.validation.targets import target_row

SAME = 1e-3
"""How far a measure of the reference may be off on another machine."""
RENEWED = {"looked-at-before", "target-not-validated", "target-gains-nothing"}


def read_evidence(content: bytes, *, where: str) -> Evidence:
    """``evidence.json`` as it was written.

    Raises
    ------
    DataError: it is not what this version writes.
    """
    try:
        found: Evidence = msgspec.json.decode(content, type=Evidence)
        return found
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=where, remedy="Validate the candidate again") from error


def complete(
    evidence: Evidence,
    reference: Model,
    model: Model,
    held_out: Cohort,
    study: Study,
    *,
    looks: Looks | None,
    cost: Footprint | None,
    today: dt.date,
) -> Evidence:
    """The same evidence with the row, the gates and the verdict that running `model` on the same patients adds.

    Parameters
    ----------
    reference: the candidate's reference target on this machine; what `model` is compared with.
    held_out: the same held-out patients. looks: with this one counted.

    Raises
    ------
    Refused: the reference does not give here what the evidence says of it.
    """
    given = judged(reference, held_out, today=today, seed=study.validation.seed).predictions
    _refuse_other_patients(evidence, held_out)
    _refuse_other_figures(evidence.targets[reference.target].measures, measures_of(given).compute(given))
    row = target_row(model, held_out, given, today=today, cost=cost)
    targets = {**evidence.targets, model.target: row}
    gates = (
        *(gate for gate in evidence.gates if not gate.name.startswith(OF_TARGET)),
        *judge_targets(study.target_limits, targets),
    )
    decided, why = verdict(gates)
    count, changed = (None, None) if looks is None else (looks.count, looks.studies > 1)
    warned = (
        *(one for one in evidence.warned if one.code not in RENEWED),
        *cautions.about_looks(count, changed),
        *cautions.about_targets(targets),
    )
    return msgspec.structs.replace(
        evidence,
        targets=targets,
        gates=gates,
        verdict=decided,
        verdict_text=why,
        looks=count,
        looks_candidates=None if looks is None else looks.candidates,
        study_changed=changed,
        warned=warned,
        warnings=tuple(one.text for one in warned),
    )


def _refuse_other_patients(evidence: Evidence, held_out: Cohort) -> None:
    if evidence.data.n != len(held_out):
        raise Refused(
            f"the evidence is about {evidence.data.n} held-out rows, and here there are {len(held_out)}",
            where="evidence.json",
            remedy="Validate the whole candidate again, without --target",
        )


def _refuse_other_figures(then: Measures, now: Measures) -> None:
    for name, before in then.items():
        after = now.get(name)
        if after is None or not _same(before.value, after.value):
            raise Refused(
                f"the reference's {name} was {before.value} and is {after and after.value} on this machine",
                where="evidence.json",
                remedy="Validate the whole candidate again, without --target",
            )


def _same(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return abs(before - after) <= SAME * max(1.0, abs(before))
