"""From the development patients to a fitted model: the verb `fit` and its noun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from bedside.cohort import Cohort, Scale, Study
from bedside.errors import StudyError, UsageError
from bedside.network import Members, Settings, plain, residual
from bedside.training import choice
from bedside.training.choice import Choice, choose
from bedside.training.cross_fitting import Fitted, OutOfFold, Progress, cross_fit, fit_network, fit_without_network
from bedside.training.extras import require, versions
from bedside.training.head import ArmFacts, Course, DoseFacts
from bedside.training.learning_curve import learning_curve
from bedside.training.model import Model, graph, predicted
from bedside.training.sample import Sample, sample_of
from bedside.training.tuning import Tuned
from bedside.training.tuning import tune as search
from bedside.training.usual import usual


@dataclass(frozen=True)
class Fit:
    """A fitted model and its floor, with everything that was decided on development patients.

    Attributes
    ----------
    floor: the simple model. network: the one that was asked for; None where that is the floor.
    packed: ``"residual"``, ``"plain"`` or ``"floor"``. asked: what the study asked for.
    members: how many networks the estimate is the mean of; 1 for the floor.
    log_loss_difference: out-of-fold loss of the network minus the floor's; None where no network was fitted.
    parameters: fitted numbers of the packed model.
    distilled_from, pruned: how the packed network was made smaller; None where it was not, and for the floor.
    quantiles: label-conditional conformal quantiles, per class; empty where estimates are no classes.
    distance_limit, missing_limit: of abstention.
    course: where the question is when something happens, its edges and its band; else None.
    arms, dose: where the question is which treatment, or how much of a drug; else None.
    development: what was measured and decided, ready for JSON; aggregates only.
    versions: of the packages it depends on.
    """

    floor: Model
    network: Model | None
    packed: str
    asked: str
    members: int
    log_loss_difference: float | None
    parameters: int
    quantiles: tuple[float, ...]
    distance_limit: float
    missing_limit: float
    development: dict[str, Any]
    versions: dict[str, str]
    variables: int
    distilled_from: int | None = None
    pruned: float | None = None
    course: Course | None = None
    arms: ArmFacts | None = None
    dose: DoseFacts | None = None

    @property
    def model(self) -> Model:
        """What is packed: the network, or the floor where that was asked for or was better."""
        return self.floor if self.packed == "floor" or self.network is None else self.network

    def graph(self) -> bytes:
        """The packed model as an ONNX graph."""
        return graph(self.model, variables=self.variables)

    def floor_graph(self) -> bytes:
        """The floor as an ONNX graph; without ``spread``."""
        return graph(self.floor, variables=self.variables)

    def predict(self, values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient column"]:
        """Calibrated probabilities in double precision, as a reference for the graph."""
        return predicted(self.model, values)


def fit(
    study: Study,
    development: Cohort,
    *,
    tune: int = 0,
    workdir: Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Prepare, fit, calibrate and choose, on the development patients alone.

    Parameters
    ----------
    study: what is asked. development: the patients that may be used; held-out patients are not among them.
    tune: how many trials of a search for hyper-parameters; 0: none.
    workdir: folder of the search's store; needed where `tune` is not 0.
    progress: called with what is done, how much of it and of how much.

    Raises
    ------
    MissingExtra: a package of the extra ``train`` is not installed.
    DataError: there are too few patients, in all or with one outcome.
    StudyError: a scale does not suit its variable, or there is nothing to tune.
    UsageError: `tune` is negative, or lacks a `workdir`.
    """
    require("torch", "sklearn", "scipy", "onnx")
    _check_tune(study, tune, workdir)
    sample = sample_of(study, development)
    settings = asked_settings(study)
    tuned = None
    if tune and settings is not None and workdir is not None:
        tuned = search(sample, study.scales, settings, tune, workdir, (study.validation.seed, 10), progress)
        settings = tuned.settings
    return fit_sample(study, sample, settings, tuned=tuned, progress=progress)


def asked_settings(study: Study) -> Settings | None:
    """The network that a study asks for; None for the floor alone. ``plain`` is one network whatever `members` says."""
    asked = study.training
    if asked.network == "floor":
        return None
    settings = plain() if asked.network == "plain" else residual(asked.members)
    return replace(settings, distil=asked.distil, prune=asked.prune)


def fit_sample(
    study: Study,
    sample: Sample,
    settings: Settings | None,
    *,
    tuned: Tuned | None = None,
    progress: Progress | None = None,
) -> Fit:
    """`fit` with settings of one's own."""
    seed = study.validation.seed
    out_of_fold = cross_fit(sample, study.scales, settings, (seed, 20), progress)
    decided = choose(sample, out_of_fold, study.validation.alpha)
    final = _fit_on_all(sample, study.scales, settings, (seed, 30), progress)
    alpha = study.validation.alpha
    floor = _model(sample, final, final.floor, (out_of_fold.floor, decided.floor), out_of_fold.fold, alpha)
    network = None
    if final.network is not None and out_of_fold.network is not None and decided.network is not None:
        unseen = (out_of_fold.network, decided.network)
        network = _model(sample, final, final.network.members, unseen, out_of_fold.fold, alpha)
    model = network if decided.network_wins and network is not None else floor
    points, last_step = learning_curve(sample, study.scales, final.strength, (seed, 40), progress)
    limits = choice.distance_limit(out_of_fold.distance, out_of_fold.novel), choice.missing_limit(sample.values)
    used = settings if decided.network_wins else None
    packed = "floor" if used is None else used.name
    return Fit(
        floor=floor,
        network=network,
        packed=packed,
        asked=study.training.network,
        members=model.members.count,
        log_loss_difference=None if decided.difference is None else decided.difference.value,
        parameters=model.parameters,
        quantiles=decided.packed.quantiles,
        distance_limit=limits[0],
        missing_limit=limits[1],
        development={
            "asked": study.training.network,
            "packed": packed,
            **_population(study, sample),
            **_comparison(sample, out_of_fold, decided),
            "compression": _compression(sample, out_of_fold, decided, final, settings),
            "calibration": sample.head.calibration_facts(model.calibration),
            **decided.packed.facts,
            **({} if model.finish is None else model.finish.facts),
            "learning_curve": points,
            "learning_curve_last_step": last_step,
            "hyper_parameters": _hyper_parameters(settings, final),
            "tuning": None if tuned is None else {"trials": tuned.trials, sample.head.scored: tuned.loss},
            "scales": dict(final.preparation.scales),
            "distance": _distance(out_of_fold, limits[0]),
            "usual": usual(sample),
            "missing_limit": limits[1],
            "seed": seed,
        },
        versions=versions(),
        variables=sample.values.shape[1],
        distilled_from=used.members if used is not None and used.distil else None,
        pruned=used.prune or None if used is not None else None,
        course=decided.packed.course,
        arms=decided.packed.arms,
        dose=decided.packed.dose,
    )


def _check_tune(study: Study, tune: int, workdir: Path | None) -> None:
    if tune < 0:
        raise UsageError(f"{tune} trials", where="--tune", remedy="Give a number of trials of 0 or more")
    if tune and study.training.network != "residual":
        raise StudyError(
            f"there is nothing to tune in the network {study.training.network!r}",
            where=f"{study.path}: training.network",
            remedy='Leave --tune out, or set network = "residual"',
        )
    if tune and workdir is None:
        raise UsageError("a search needs a folder to keep its trials in", where="--tune", remedy="Give a workdir")


def _fit_on_all(
    sample: Sample,
    scales: Mapping[str, Scale],
    settings: Settings | None,
    seed: tuple[int, ...],
    progress: Progress | None,
) -> Fitted:
    """Fit on all development patients; early stopping still keeps some from each member."""
    what = "Fitting on all development patients"
    if progress:
        progress(what, 0, 1)
    fitted = fit_without_network(sample, scales, (*seed, 1))
    if settings is not None:
        fitted = fit_network(sample, fitted, settings, (*seed, 2))
    if progress:
        progress(what, 1, 1)
    return fitted


def _model(
    sample: Sample,
    fitted: Fitted,
    members: Members,
    unseen: tuple[Float[np.ndarray, "row column"], Float[np.ndarray, "row column"]],
    fold: Int[np.ndarray, " row"],
    alpha: float,
) -> Model:
    """A model with the calibration map of all out-of-fold predictions, and what comes last.

    ``unseen``: out-of-fold columns as the members gave them, and each fold's calibrated on the others.
    """
    raw, calibrated = unseen
    calibration = sample.head.fit_calibration(sample, raw, fold)
    finish = sample.head.finish(sample, fitted.preparation.transform(sample.values), calibrated, alpha, members)
    return Model(fitted.preparation, members, calibration, fitted.distance, sample.head, finish)


def _population(study: Study, sample: Sample) -> dict[str, object]:
    described = sample.head.described(sample, study.outcome.classes)
    return {"rows": len(sample.y), "patients": sample.patients, **described}


def _comparison(sample: Sample, out_of_fold: OutOfFold, decided: Choice) -> dict[str, object]:
    network = decided.network
    return {
        "folds": len(np.unique(out_of_fold.fold)),
        "floor": choice.measured(sample, decided.floor, out_of_fold),
        "network": None if network is None else choice.measured(sample, network, out_of_fold),
        "log_loss_difference": None if decided.difference is None else decided.difference.as_dict(),
    }


def _compression(
    sample: Sample, out_of_fold: OutOfFold, decided: Choice, final: Fitted, settings: Settings | None
) -> dict[str, object] | None:
    """What the network was compressed from and what that cost; None where nothing was compressed."""
    if settings is None or final.network is None or final.larger is None or decided.larger is None:
        return None
    assert decided.compression is not None
    before, after = final.larger.members, final.network.members
    return {
        "distilled_from": before.count if settings.distil else None,
        "pruned": settings.prune or None,
        "parameters": {"before": before.parameters, "after": after.parameters},
        "log_loss_difference": decided.compression.as_dict(),
        "larger": choice.measured(sample, decided.larger, out_of_fold),
    }


def _hyper_parameters(settings: Settings | None, final: Fitted) -> dict[str, object]:
    network = None
    if settings is not None and final.network is not None:
        network = asdict(settings) | {"hidden": list(settings.hidden), "stopped_at": list(final.network.epochs)}
    return {"network": network, "floor": {"penalty": "l2", "C": final.strength}}


def _distance(out_of_fold: OutOfFold, limit: float) -> dict[str, object]:
    return {
        "limit": limit,
        "share": choice.DISTANCE_SHARE,
        "median": float(np.median(out_of_fold.distance)),
    }
