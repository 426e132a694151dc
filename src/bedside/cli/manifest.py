"""The manifest of a candidate: what the study declares, and what fitting or adoption decided."""

from __future__ import annotations

import getpass
import platform
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bedside.adoption import Adopted
    from bedside.cohort import Cohort, Study
    from bedside.release import Arms, Course, Dose, Manifest, Outputs
    from bedside.training import Fit


def manifest_of(study: Study, cohort: Cohort, fitted: Fit | Adopted) -> Manifest:
    """Everything but targets and files, which packing adds."""
    from bedside.release import Conformal, Manifest, Network, Origin, ReviewRule

    told = getattr(fitted, "origin", None)
    origin = None if told is None else msgspec.convert(told, Origin)
    return Manifest(
        name=study.name,
        version=_recalibrated(study.version) if origin and origin.recalibrated else study.version,
        task=study.task.name,
        intended_use=study.intended_use,
        population=study.population,
        schema=study.schema,
        outputs=outputs_of(study, fitted),
        threshold=study.validation.threshold,
        conformal=Conformal(alpha=study.validation.alpha, quantiles=fitted.quantiles) if fitted.quantiles else None,
        distance_limit=fitted.distance_limit,
        missing_limit=fitted.missing_limit,
        network=Network(
            packed=fitted.packed,
            asked=fitted.asked,
            members=fitted.members,
            log_loss_difference=fitted.log_loss_difference,
            parameters=fitted.parameters,
            distilled_from=fitted.distilled_from,
            pruned=fitted.pruned,
        ),
        targets={},
        files={},
        study_digest=study.digest,
        cohort_digest=cohort.digest,
        seed=study.validation.seed,
        trained_by=getpass.getuser(),
        versions={"python": platform.python_version()} | fitted.versions,
        review=ReviewRule(
            queue=study.review.queue,
            expires_after_days=study.review.expires_after_days,
            own_estimate_first=study.review.own_estimate_first,
        ),
        valid_until=study.valid_until,
        adopted=origin,
    )


def outputs_of(study: Study, fitted: Fit | Adopted) -> Outputs:
    """What the graph's columns mean, and how a table states the outcome."""
    from bedside.release import Outputs

    return Outputs(
        classes=study.outcome.classes,
        positive=study.outcome.positive,
        column=study.outcome.column,
        codes=dict(study.outcome.codes),
        others_negative=study.outcome.others_negative,
        course=course_of(study, fitted),
        arms=_arms(study, fitted),
        dose=_dose(study, fitted),
    )


def course_of(study: Study, fitted: Fit | Adopted) -> Course | None:
    """What the graph's columns mean where the question is when something happens."""
    from bedside.release import Band, Course

    found, asked = getattr(fitted, "course", None), study.outcome.follow_up
    if found is None or asked is None:
        return None
    band = found.band
    return Course(
        events=study.outcome.classes[1:],
        edges=found.edges,
        unit=asked.unit,
        horizons=asked.horizons,
        decision=found.decision,
        time=asked.time,
        entry=asked.entry,
        landmarks=asked.landmarks,
        visit=asked.visit,
        band=None if band is None else Band(half_width=band.half_width, alpha=band.alpha, group=band.group),
    )


def _arms(study: Study, fitted: Fit | Adopted) -> Arms | None:
    """What they mean where the question is which treatment."""
    from bedside.release import Arms

    found, asked, outcome = getattr(fitted, "arms", None), study.outcome.treatment, study.outcome
    if found is None or asked is None:
        return None
    quantity, followed = outcome.quantity, outcome.follow_up
    return Arms(
        arms=asked.arms,
        column=asked.column,
        codes=dict(asked.codes),
        outcome=quantity.name if quantity is not None else outcome.positive or "",
        unit=quantity.unit if quantity is not None else followed.unit if followed is not None else None,
        kind=outcome.compared,
        better=asked.better,
        randomised=asked.randomised,
        alpha=study.validation.alpha,
        overlap=asked.overlap,
        scale=found.scale,
        single=found.single,
        until=None if followed is None else followed.horizons[-1],
        time=None if followed is None else followed.time,
    )


def _dose(study: Study, fitted: Fit | Adopted) -> Dose | None:
    """What they mean where the question is how much of a drug."""
    from bedside.release import Dose

    found, quantity = getattr(fitted, "dose", None), study.outcome.quantity
    if found is None or quantity is None or quantity.tolerance is None:
        return None
    return Dose(
        drug=quantity.name,
        column=study.outcome.column,
        unit=quantity.unit,
        tolerance=quantity.tolerance,
        alpha=study.validation.alpha,
        lowest=found.lowest,
        highest=found.highest,
        scale=found.scale,
    )


def _recalibrated(version: str) -> str:
    """A version of its own, so that nobody takes one for the other: 1.0.0 → 1.0.0+recalibrated."""
    return f"{version}{'.' if '+' in version else '+'}recalibrated"
