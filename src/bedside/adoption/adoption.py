"""From a file of some framework to what `train` gives: the verb `adopt` and its noun."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.formats import format_of
from bedside.adoption.inputs import Inputs, fit_inputs, plan_of
from bedside.adoption.joining import Joined, joined_graph, model_rows
from bedside.adoption.meaning import Meaning, meaning_of, probabilities, refuse_no_probabilities
from bedside.adoption.original import Asked, Format, Original
from bedside.adoption.proof import edge_rows, proved, random_rows, refuse_company
from bedside.cohort import AdoptionPlan, Cohort, Study, not_adoptable
from bedside.errors import DataError, StudyError, UsageError
from bedside.measures import auroc, auroc_multiclass, conformal_quantiles
from bedside.preparation import NUMPY
from bedside.training import choice
from bedside.training.calibration import calibration_facts, fit_calibration
from bedside.training.cross_fitting import Fitted, OutOfFold, cross_fit, fit_without_network
from bedside.training.extras import require, versions
from bedside.training.model import Model, graph
from bedside.training.sample import Sample, sample_of
from bedside.training.usual import usual

Progress = Callable[[str, int, int], None]
STEPS = 4
COMPANY = 16
"""Patients who are asked about alone and together."""


@dataclass(frozen=True)
class Adopted:
    """An adopted model and a floor fitted beside it, with everything that was decided on development patients.

    The attributes that a fit has too mean the same; `packed` and `asked` are ``"adopted"``.

    Attributes
    ----------
    origin: what is known of the model, and what is unknown; JSON-ready.
    """

    joined: Joined
    packed_graph: bytes
    floor: Model
    quantiles: tuple[float, ...]
    distance_limit: float
    missing_limit: float
    development: dict[str, Any]
    versions: dict[str, str]
    origin: dict[str, Any]
    packed: str = "adopted"
    asked: str = "adopted"
    members: int = 1
    log_loss_difference: float | None = None
    distilled_from: int | None = None
    pruned: float | None = None

    @property
    def parameters(self) -> int:
        """Fitted numbers of the model, and of the calibration where there is one."""
        calibration = self.joined.calibration
        return self.joined.original.parameters + (0 if calibration is None else calibration.parameters)

    def graph(self) -> bytes:
        """The packed graph: preparation, the model, its meaning, calibration and distance."""
        return self.packed_graph

    def floor_graph(self) -> bytes:
        """Logistic regression fitted on the development patients, to compare with."""
        return graph(self.floor, variables=self.joined.preparation.variables)


def adopt(
    model: Path,
    study: Study,
    development: Cohort,
    *,
    recalibrate: bool = False,
    module: str | None = None,
    progress: Progress | None = None,
) -> Adopted:
    """Read a model without executing anything that its file holds, and prove that its graph equals it.

    Conformal quantiles, the limits of abstention, the floor and the background come from the development patients.
    Whether the model was trained on some of them cannot be seen from a file: the candidate says that it is unknown.

    Parameters
    ----------
    recalibrate: fit a calibration on the development patients.
    module: ``PATH:NAME`` of the user's own module, for formats that hold weights only.

    Raises
    ------
    UsageError: the file is of no format that can be adopted, or a pickle; or it needs no `module`.
    MissingExtra: its framework is not installed.
    DataError: it takes or gives something that cannot be adopted, or its graph does not equal it.
    StudyError: ``[adoption]`` does not fit the model, or the study asks what no such model can answer.
    """
    if (why := not_adoptable(study.outcome)) is not None:
        raise StudyError(
            why,
            where=f"{study.path}, study.task",
            remedy="Train one on the study with bedside train",
        )
    require("sklearn", "scipy", "onnx")
    plan, sample = plan_of(study), sample_of(study, development)
    _told(progress, "Reading the model", 0)
    kind = format_of(model)
    if module is not None and not kind.takes_module:
        raise UsageError(f"{kind.name} files hold the whole model", where="--module", remedy="Leave --module out")
    original = kind.read(model, _asked(plan, module))
    _refuse_width(original, plan, model)
    meaning = meaning_of(study, plan, original.columns)
    inputs = fit_inputs(study, plan, sample.values, takes_nan=original.takes_nan)
    given = _given(study, original, inputs, meaning, sample)
    refuse_company(original.graph, model_rows(inputs, sample.values[:COMPANY]), where=str(model))
    _told(progress, "Fitting the floor and the distance", 1)
    seed = study.validation.seed
    out_of_fold = cross_fit(sample, study.scales, None, (seed, 20))
    fitted = fit_without_network(sample, study.scales, (seed, 30, 1))
    calibration = fit_calibration(sample.y, given) if recalibrate else None
    joined = Joined(original, inputs, meaning, calibration, fitted.preparation, fitted.distance)
    _told(progress, "Proving that the graph equals the model", 2)
    packed = joined_graph(joined, where=str(model))
    proof = proved(joined, packed, study.schema, sample.values, seed, where=str(model))
    _told(progress, "Proving that the graph equals the model", STEPS)
    unseen = choice.cross_calibrated(sample, given, out_of_fold.fold) if recalibrate else given
    quantiles = tuple(float(q) for q in conformal_quantiles(sample.y, unseen, study.validation.alpha))
    far = choice.distance_limit(out_of_fold.distance, out_of_fold.novel)
    missing = choice.missing_limit(sample.values) if inputs.complete else 0.0
    origin = _origin(model, kind, original, plan) | {"recalibrated": recalibrate, "proof": proof.as_dict()}
    return Adopted(
        joined=joined,
        packed_graph=packed,
        floor=_floor(sample, fitted, out_of_fold),
        quantiles=quantiles,
        distance_limit=far,
        missing_limit=missing,
        development=_population(study, sample)
        | {
            "calibration": None if calibration is None else calibration_facts(calibration),
            "conformal": {"alpha": study.validation.alpha, "quantiles": list(quantiles)},
            "distance": {"limit": far, "share": choice.DISTANCE_SHARE},
            "missing_limit": missing,
            "adoption": origin,
        },
        versions=versions() | dict(original.versions),
        origin=origin,
    )


def _told(progress: Progress | None, what: str, done: int) -> None:
    if progress:
        progress(what, done, STEPS)


def _asked(plan: AdoptionPlan, module: str | None) -> Asked:
    codes = {name: one.codes for name, one in plan.prepared.items() if one.codes is not None}
    whole = {name for name, numbers in codes.items() if all(float(one).is_integer() for one in numbers.values())}
    return Asked(
        width=len(plan.columns),
        columns=tuple(column.predictor for column in plan.columns),
        whole=tuple(column.category is not None or column.predictor in whole for column in plan.columns),
        output=plan.output,
        module=module,
    )


def _refuse_width(original: Original, plan: AdoptionPlan, model: Path) -> None:
    if original.width != len(plan.columns):
        raise DataError(
            f"the model takes {original.width} numbers for each patient, and the study gives it {len(plan.columns)}",
            where=str(model),
            remedy="List its inputs as order = [...] in [adoption], categories as one_hot or codes",
        )


def _given(
    study: Study, original: Original, inputs: Inputs, meaning: Meaning, sample: Sample
) -> Float[np.ndarray, "row class"]:
    """Probabilities for the development patients, once what the model gives is held to what the study says of it."""
    rng = np.random.default_rng(study.validation.seed)
    invented = [random_rows(study.schema, sample.values, rng), edge_rows(study.schema, sample.values)]
    rows = np.concatenate([sample.values, *invented])
    outputs = original.predict(model_rows(inputs, rows)).astype(np.float64)
    refuse_no_probabilities(study, meaning, outputs)
    given = np.asarray(probabilities(NUMPY, meaning, outputs[: len(sample.y)]))
    _refuse_turned_round(study, sample, given)
    return given


def _refuse_turned_round(study: Study, sample: Sample, given: Float[np.ndarray, "row class"]) -> None:
    area = auroc(sample.y, given[:, 1]) if sample.classes == 2 else auroc_multiclass(sample.y, given)
    if area.high is not None and area.high < 0.5:
        raise StudyError(
            f"the model ranks the development patients the wrong way round: AUROC {area.value:.3f}",
            where=f"{study.path}, adoption.classes",
            remedy="Check which class each output is (classes), and the order, units and codes of the inputs",
        )


def _floor(sample: Sample, fitted: Fitted, out_of_fold: OutOfFold) -> Model:
    calibration = fit_calibration(sample.y, out_of_fold.floor)
    return Model(fitted.preparation, fitted.floor, calibration, fitted.distance, sample.head)


def _origin(model: Path, kind: Format, original: Original, plan: AdoptionPlan) -> dict[str, Any]:
    return {
        "format": kind.name,
        "file": model.name,
        "digest": digest_of(model),
        "says": dict(original.facts),
        "trained_on": plan.trained_on,
        "trained_how": plan.trained_how,
        "unseen": plan.unseen,
    }


def digest_of(model: Path) -> str:
    """SHA-256 of a file; of a folder, over its files' names and digests in the order of their names."""
    if model.is_file():
        return hashlib.sha256(model.read_bytes()).hexdigest()
    files = sorted(one for one in model.rglob("*") if one.is_file())
    lines = [f"{one.relative_to(model).as_posix()} {hashlib.sha256(one.read_bytes()).hexdigest()}\n" for one in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _population(study: Study, sample: Sample) -> dict[str, Any]:
    counts = np.bincount(sample.y, minlength=sample.classes)
    return {
        "asked": "adopted",
        "packed": "adopted",
        "rows": len(sample.y),
        "patients": sample.patients,
        "classes": {name: int(count) for name, count in zip(study.outcome.classes, counts, strict=True)},
        "usual": usual(sample),
        "seed": study.validation.seed,
    }
