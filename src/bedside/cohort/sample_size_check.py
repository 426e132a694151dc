"""What the data check says about the number of patients: too few to train, and Riley's criteria."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.splitting import Split
from bedside.cohort.study import Study
from bedside.measures import SampleSize, riley, riley_survival

EXPECTED_R2 = 0.15
"""Nagelkerke R2 that is assumed of the model to come: the advice where nothing is known (Riley, BMJ 2020;368:m441)."""

FEWEST_OF_AN_OUTCOME = 5
"""Development patients with each outcome: one for each fold of training, which refuses fewer."""


class SampleSizeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What Riley's criteria ask for, and what there is.

    Attributes
    ----------
    parameters: predictor parameters, a variable of k categories counting k - 1.
    needed, needed_events: patients, and events among them, that the criteria ask for.
    available, available_events: development patients, and those of them with `outcome`.
    criteria: criterion → patients.
    r2_nagelkerke: what was assumed of the model.
    outcome: the class that counts as the event.
    """

    parameters: int
    needed: int
    needed_events: int
    available: int
    available_events: int
    criteria: dict[str, int]
    r2_nagelkerke: float
    outcome: str


def sample_sizes(study: Study, cohort: Cohort, split: Split) -> tuple[SampleSizeFacts, ...]:
    """What the criteria ask for, for each class that counts as the event; of the development patients."""
    development = cohort.take(split.development).at_first_landmark()
    parameters = sum(
        1 if variable.kind == "number" else len(variable.categories or ()) - 1 for variable in study.schema.variables
    )
    return SIZES[study.task.label](study, development, parameters)


def _by_class(study: Study, development: Cohort, parameters: int) -> tuple[SampleSizeFacts, ...]:
    """By the share of each class against all others; with two classes, of the second."""
    outcome, classes = development.outcome, study.outcome.classes
    found = []
    for code, name in enumerate(classes):
        if len(classes) == 2 and code == 0:
            continue
        events = int((outcome == code).sum())
        if 0 < events < len(outcome):
            needed = riley(events / len(outcome), parameters, r2_nagelkerke=EXPECTED_R2)
            found.append(_size_facts(needed, parameters, len(outcome), events, name))
    return tuple(found)


def _over_time(study: Study, development: Cohort, parameters: int) -> tuple[SampleSizeFacts, ...]:
    """By the rate of the event asked about; what competes with it ends the follow-up."""
    assert development.followed is not None
    seen = development.followed - (0.0 if development.entered is None else development.entered)
    events = int((development.outcome == 1).sum())
    if events == 0:
        return ()
    needed = riley_survival(
        events / float(seen.sum()),
        float(seen.mean()),
        study.decision,
        parameters,
        r2_nagelkerke=EXPECTED_R2,
    )
    return (_size_facts(needed, parameters, len(development), events, study.outcome.classes[1]),)


SIZES: Mapping[str, Callable[[Study, Cohort, int], tuple[SampleSizeFacts, ...]]] = {
    "classes": _by_class,
    "time-to-event": _over_time,
    "arms": lambda *_: (),
    "quantity": lambda *_: (),
}
"""By `bedside.cohort.study.Task.label`: from the study, the development patients and the number of parameters."""


def _size_facts(needed: SampleSize, parameters: int, available: int, events: int, outcome: str) -> SampleSizeFacts:
    criteria = {
        "shrinkage": needed.shrinkage,
        "optimism": needed.optimism,
        "overall_risk": needed.overall_risk,
        "mean_absolute_error": needed.mean_absolute_error,
    }
    return SampleSizeFacts(
        parameters=parameters,
        needed=needed.patients,
        needed_events=needed.events,
        available=available,
        available_events=events,
        criteria={name: patients for name, patients in criteria.items() if patients is not None},
        r2_nagelkerke=EXPECTED_R2,
        outcome=outcome,
    )


def size_findings(sizes: tuple[SampleSizeFacts, ...]) -> list[Finding]:
    """Where there are fewer patients than the criteria ask for."""
    found = []
    for one in sizes:
        if one.available < one.needed:
            text = (
                f"{one.available} patients with {one.available_events} events to develop with; Riley's criteria ask "
                f"for {one.needed} with {one.needed_events}, for {one.parameters} parameters and a Nagelkerke R2 of "
                f"{one.r2_nagelkerke:g}"
            )
            remedy = "Expect optimism: fewer predictors, more patients, or a model that explains more than that"
            where = f"outcome '{one.outcome}'"
            found.append(Finding(code="sample-size", severity="warning", where=where, text=text, remedy=remedy))
    return found


def outcome_findings(study: Study, cohort: Cohort, split: Split) -> list[Finding]:
    """Outcomes, of a prognosis events, that too few patients have for training to take."""
    development, found = cohort.take(split.development), []
    for code, name in enumerate(study.outcome.classes):
        count = len(set(development.patient[development.outcome == code].tolist()))
        censored = code == 0 and cohort.followed is not None
        if count < FEWEST_OF_AN_OUTCOME and not censored:
            text = f"{count} patients to develop with have it, and at least {FEWEST_OF_AN_OUTCOME} are needed"
            remedy = "Gather more such patients, join it with another outcome, or hold fewer patients out"
            where = f"outcome '{name}'"
            found.append(Finding(code="few-of-an-outcome", severity="error", where=where, text=text, remedy=remedy))
    return found
