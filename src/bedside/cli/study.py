"""From a table, or a model from elsewhere, to a candidate: ``init``, ``check``, ``train``, ``adopt``."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bedside.cli.manifest import course_of, manifest_of
from bedside.cli.progress import Progress
from bedside.errors import DataError
from bedside.release.manifest import Equality

if TYPE_CHECKING:
    from bedside.adoption import Adopted
    from bedside.cohort import Cohort, DataCheck, Split, Study
    from bedside.privacy import Prototypes
    from bedside.release import Candidate, Guidance
    from bedside.training import Fit

STUDY_FILE = "study.toml"


class Drafted(msgspec.Struct, frozen=True):
    """What `init` wrote; `confirm` counts the guesses that wait for the user's word."""

    study: str
    confirm: int


class Trained(msgspec.Struct, frozen=True):
    """What `train` or `adopt` wrote.

    Attributes
    ----------
    candidate, local: the candidate's folder, and the folder beside it that must never travel.
    digest: candidate digest. packed, asked: the model packed and the one that the study asked for.
    log_loss_difference: network minus floor over folds; None where no network was fitted.
    patients, held_out: rows used for fitting, calibration and conformal sets; rows kept for evidence.
    warnings: findings of the data check that a reader must see.
    adopted: of a model from elsewhere, how its graph was held against the original; else None.
    """

    candidate: str
    local: str
    digest: str
    packed: str
    asked: str
    log_loss_difference: float | None
    patients: int
    held_out: int
    warnings: tuple[str, ...]
    adopted: Equality | None = None


class HeldOut(msgspec.Struct, frozen=True):
    """``split.json`` in ``DIR.local``: which rows of which table the evidence may be computed on."""

    study: str
    study_digest: str
    cohort_digest: str
    candidate_digest: str
    held_out_digest: str
    rows: tuple[int, ...]
    description: str


def init(data: str | Path, *, task: str = "diagnosis", dir: str | Path = ".") -> Drafted:  # noqa: A002 - the option's name
    """Draft a study file from a table; every guess in it is marked for the user to confirm.

    Raises `DataError` where the table cannot be read and `Conflict` where the folder already holds a study.
    """
    from bedside.cohort import draft_study

    path = draft_study(Path(data), task, Path(dir))
    return Drafted(str(path), path.read_text().count("# CONFIRM"))


def check(study: str | Path) -> DataCheck:
    """Read a study's data and report attrition, missingness, leakage, coding and sample size.

    Raises `StudyError` or `DataError` where they cannot be read; what is found in data that can be read is returned.
    """
    from bedside.cohort import assemble, check, read_study, split

    asked = read_study(Path(study))
    cohort = assemble(asked)
    return check(asked, cohort, split(asked, cohort))


def local_folder(candidate: Path) -> Path:
    """``DIR.local``: split, tuning and logs, which must never travel with the candidate in ``DIR``."""
    return candidate.with_name(candidate.name + ".local")


def train(
    study: str | Path, *, out: str | Path | None = None, tune: int = 0, progress: Progress | None = None
) -> Trained:
    """Fit, calibrate, pack and compress: writes a candidate to `out` and what must not travel to ``out.local``.

    Raises `DataError` where the data check finds leakage that the study does not name as known.
    """
    from bedside.training import fit

    start = _start(study, out)
    fitted = fit(start.study, start.development, tune=tune, workdir=start.local, progress=progress)
    return _packed(start, fitted, start.found)


def adopt(
    model: str | Path,
    study: str | Path,
    *,
    out: str | Path | None = None,
    recalibrate: bool = False,
    module: str | None = None,
    progress: Progress | None = None,
) -> Trained:
    """The same candidate from a model trained elsewhere; nothing that its file brings along is executed.

    With `recalibrate`, a calibration is fitted on the study's development patients and the version gets the build mark
    ``+recalibrated``. `module` is ``PATH:NAME`` of the user's own code, for a file that holds weights only.

    Raises `DataError` or `StudyError` where the model cannot be adopted, does not fit the study, or where the packed
    graph does not equal it; `UsageError` for a file of no known format, and for a pickle.
    """
    from bedside.adoption import adopt as read
    from bedside.adoption import format_of

    format_of(Path(model))  # a wrong file is told before a large table is read
    start = _start(study, out)
    adopted = read(
        Path(model), start.study, start.development, recalibrate=recalibrate, module=module, progress=progress
    )
    return _packed(start, adopted, _of_development(start.found))


class _Start(NamedTuple):
    """A study with its patients, split and checked, before anything is fitted."""

    study: Study
    cohort: Cohort
    parts: Split
    found: DataCheck
    folder: Path
    local: Path

    @property
    def development(self) -> Cohort:
        return self.cohort.take(self.parts.development)


def _start(study: str | Path, out: str | Path | None) -> _Start:
    from bedside.cohort import assemble, read_study, split
    from bedside.cohort import check as check_data
    from bedside.release import refuse_unmakeable

    asked = read_study(Path(study))
    refuse_unmakeable(asked.targets)
    folder = Path(out) if out is not None else asked.path.parent / "candidate"
    cohort = assemble(asked)
    parts = split(asked, cohort)
    found = check_data(asked, cohort, parts)
    _refuse_errors(found, asked.path)
    local = local_folder(folder)
    local.mkdir(parents=True, exist_ok=True)
    return _Start(asked, cohort, parts, found, folder, local)


def _of_development(found: DataCheck) -> DataCheck:
    """Without the question whether there are patients enough to develop a model: this one is there already."""
    findings = tuple(finding for finding in found.findings if finding.code != "sample-size")
    return msgspec.structs.replace(found, findings=findings, sample_size=())


def _packed(start: _Start, fitted: Fit | Adopted, found: DataCheck) -> Trained:
    """What `train` and `adopt` have in common: pack, and remember who was held out."""
    from bedside.release import Parts, pack

    candidate = pack(
        Parts(
            graph=fitted.graph(),
            floor=fitted.floor_graph(),
            background=_background(start.study, start.development),
            development=_development(start, fitted) | {"data_check": _travelling(found)},
            manifest=manifest_of(start.study, start.cohort, fitted),
            targets=start.study.targets,
            guidance=_guidance(start.study),
            calibration=start.development.reading.values,
        ),
        start.folder,
    )
    (start.local / "data_check.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    _remember(start.local, start.study, start.cohort, start.parts, candidate)
    return _trained(start.study, candidate, fitted, start.parts, found, start.local)


def _guidance(study: Study) -> Guidance | None:
    from bedside.release import guidance_of

    plan = study.guidance
    if plan is None:
        return None
    return guidance_of(
        plan.drugs,
        indications=plan.indications,
        genes=plan.genes,
        record=plan.record,
        medications=plan.medications,
        contraindications=plan.contraindications,
    )


def _development(start: _Start, fitted: Fit | Adopted) -> dict[str, Any]:
    """What the fit reports of itself; and of a prognosis what happened to the development patients, as an aggregate."""
    from bedside.cohort import marginal_course

    course = course_of(start.study, fitted)
    if course is None:
        return fitted.development
    first = (course.decision, *course.horizons)
    told = marginal_course(start.development, course.events, course.edges, first)
    return fitted.development | {"course": {**fitted.development.get("course", {}), **told}}


def _refuse_errors(found: DataCheck, where: Path) -> None:
    if found.errors:
        listed = "; ".join(f"{finding.where}: {finding.text}" for finding in found.errors)
        raise DataError(listed, where=str(where), remedy=found.errors[0].remedy)


def _travelling(found: DataCheck) -> dict[str, Any]:
    """What of the data check goes into the candidate; its figures per site and class could point at a few people."""
    return {name: msgspec.to_builtins(getattr(found, name)) for name in ("findings", "attrition", "sample_size")}


def _background(study: Study, development: Cohort) -> Prototypes:
    import numpy as np

    from bedside.privacy import prototypes

    categorical = np.array([variable.kind == "category" for variable in study.schema.variables])
    seed = study.validation.seed
    return prototypes(development.reading.values, categorical, seed=seed, patient=development.patient)


def _remember(local: Path, study: Study, cohort: Cohort, parts: Split, candidate: Candidate) -> None:
    rows = tuple(int(row) for row in cohort.reading.rows[parts.held_out])
    patients = "\n".join(sorted({str(patient) for patient in cohort.patient[parts.held_out]}))
    held_out = HeldOut(
        study=str(study.path),
        study_digest=study.digest,
        cohort_digest=cohort.digest,
        candidate_digest=candidate.digest,
        held_out_digest=hashlib.sha256(patients.encode()).hexdigest(),
        rows=rows,
        description=parts.description,
    )
    (local / "split.json").write_bytes(msgspec.json.format(msgspec.json.encode(held_out)))
    with (local / "train.log").open("a") as log:
        log.write(f"{dt.datetime.now(dt.UTC).isoformat()} packed {candidate.digest}\n")


def _trained(
    asked: Study, candidate: Candidate, fitted: Fit | Adopted, parts: Split, found: DataCheck, local: Path
) -> Trained:
    return Trained(
        candidate=str(candidate.folder),
        local=str(local),
        digest=candidate.digest,
        packed=fitted.packed,
        asked=fitted.asked,
        log_loss_difference=fitted.log_loss_difference,
        patients=len(parts.development),
        held_out=len(parts.held_out),
        warnings=(
            *(f"{f.where}: {f.text}" for f in found.findings if f.severity == "warning"),
            *_left_out(asked, candidate),
        ),
        adopted=None if candidate.manifest.adopted is None else candidate.manifest.adopted.proof,
    )


def _left_out(asked: Study, candidate: Candidate) -> list[str]:
    """Targets that the study names and the candidate does not hold."""
    return [
        f"targets: {name} was left out: the packed model has no inner layer that it could make smaller"
        for name in asked.targets
        if name not in candidate.manifest.targets
    ]
