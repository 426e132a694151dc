"""What the evidence says about the release, the patients and the machine, before any statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from platform import python_version

import msgspec
import numpy as np
from msgspec import UNSET

from bedside import measures as m
from bedside.cohort import AttritionStep, Cohort, Gate, Study, Subgroup, task
from bedside.privacy import suppressed
from bedside.release import Manifest, Model
from bedside.sources import Problem, Reading, Schema
from bedside.validation.evidence import (
    FEW,
    Abstentions,
    Asked,
    DataFacts,
    Estimate,
    GateAsked,
    Missingness,
    NetworkChoice,
    Predictor,
    ReleaseFacts,
    SubgroupAsked,
)
from bedside.validation.given import Given
from bedside.validation.registry import measures_of

LIBRARIES = ("bedside", "numpy", "scipy", "onnxruntime")


def environment() -> dict[str, str]:
    """Versions of Python and of the libraries that compute the evidence, where installed."""
    found = {"python": python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _predictors(schema: Schema) -> tuple[Predictor, ...]:
    return tuple(
        Predictor(
            name=one.name, label=one.label, kind=one.kind, unit=one.unit, range=one.range, categories=one.categories
        )
        for one in schema.variables
    )


def release_facts(model: Model) -> ReleaseFacts:
    """The release as its manifest describes it, and what ran it here."""
    manifest: Manifest = model.manifest
    network, measures = manifest.network, task(manifest.task).measures
    return ReleaseFacts(
        name=manifest.name,
        version=manifest.version,
        digest=model.digest,
        task=manifest.task,
        intended_use=manifest.intended_use,
        population=manifest.population,
        classes=manifest.outputs.classes,
        positive=manifest.outputs.positive,
        threshold=manifest.threshold,
        alpha=None if manifest.conformal is None else manifest.conformal.alpha,
        predictors=_predictors(manifest.schema),
        network=NetworkChoice(
            packed=network.packed,
            asked=network.asked,
            members=network.members,
            log_loss_difference=network.log_loss_difference,
            distilled_from=network.distilled_from,
            pruned=network.pruned,
            parameters=network.parameters,
        ),
        adopted=manifest.adopted,
        target=model.target,
        processor=model.processor,
        study_digest=manifest.study_digest,
        cohort_digest=manifest.cohort_digest,
        trained_by=manifest.trained_by,
        valid_until=None if manifest.valid_until is None else manifest.valid_until.isoformat(),
        versions=dict(manifest.versions),
        environment=environment(),
        measures=UNSET if measures == "diagnosis" else measures,
        course=manifest.outputs.course or UNSET,
        arms=manifest.outputs.arms or UNSET,
        dose=manifest.outputs.dose or UNSET,
    )


_UNREADABLE = (Problem.NOT_A_NUMBER, Problem.UNKNOWN_CATEGORY, Problem.NOT_CALLABLE)


def missingness(reading: Reading, schema: Schema) -> tuple[Missingness, ...]:
    """How often each variable was not known, and why."""
    rows = len(reading)
    found = []
    for position, variable in enumerate(schema.variables):
        problems = reading.problems[:, position]
        unknown = int(np.isnan(reading.values[:, position]).sum())
        found.append(
            Missingness(
                variable=variable.name,
                label=variable.label,
                unknown=unknown,
                share=unknown / rows if rows else None,
                implausible=int(np.sum(problems == Problem.IMPLAUSIBLE)),
                unreadable=int(np.isin(problems, _UNREADABLE).sum()),
                absent=bool(rows and np.all(problems == Problem.ABSENT)),
            )
        )
    return tuple(found)


def data_facts(
    cohort: Cohort, given: Given, schema: Schema, source: str, attrition: Sequence[AttritionStep]
) -> DataFacts:
    """Whom the evidence is about, as counts."""
    return DataFacts(
        digest=cohort.digest,
        source=source,
        n=len(given),
        n_patients=len(np.unique(cohort.patient)),
        n_events=events(given),
        class_counts=class_counts(given),
        attrition=tuple(attrition),
        missingness=missingness(cohort.reading, schema),
        **measures_of(given).about(given),
    )


def events(given: Given) -> int | None:
    """Rows of the positive class; None with more than two classes."""
    return None if given.positive is None else int(np.sum(given.outcome == given.positive))


def class_counts(given: Given) -> dict[str, int]:
    """Rows of each class."""
    return {name: int(np.sum(given.outcome == position)) for position, name in enumerate(given.classes)}


def _outcome_share(given: Given) -> Estimate | None:
    return None if suppressed(len(given), FEW) else measures_of(given).outcome_share(given)


def abstentions(given: Given, reasons: Mapping[str, int]) -> Abstentions:
    """How many patients got no estimate and why, and what the measures would be had they got one."""
    n = int(given.abstained.sum())
    return Abstentions(
        n=n,
        share=Estimate.of(m.wilson(n, len(given))),
        reasons=dict(reasons),
        outcome_answered=_outcome_share(given.answered),
        outcome_abstained=_outcome_share(given.take(given.abstained)),
        as_if_answered=measures_of(given).compute(given.as_if_answered) if n else {},
    )


def asked(study: Study) -> Asked:
    """What the study's ``[accept]`` and ``[validation] subgroups`` ask, kept so that it can be asked elsewhere too."""
    return Asked(
        gates=tuple(gate_asked(gate) for gate in study.gates),
        subgroups=tuple(
            SubgroupAsked(text=one.text, variable=one.variable, operator=one.operator, value=one.value)
            for one in study.validation.subgroups
        ),
        targets=msgspec.to_builtins(study.target_limits),
    )


def gate_asked(gate: Gate) -> GateAsked:
    """A gate as the document holds it."""
    return GateAsked(**{name: getattr(gate, name) for name in Gate.__struct_fields__})


def gates_of(wanted: Asked) -> tuple[Gate, ...]:
    """The document's gates as the study's."""
    return tuple(Gate(**{name: getattr(gate, name) for name in Gate.__struct_fields__}) for gate in wanted.gates)


def subgroups_of(wanted: Asked) -> tuple[Subgroup, ...]:
    """The document's subgroups as the study's."""
    return tuple(
        Subgroup(text=one.text, variable=one.variable, operator=one.operator, value=one.value)  # type: ignore[arg-type]
        for one in wanted.subgroups
    )
