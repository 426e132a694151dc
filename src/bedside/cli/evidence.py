"""Evidence, three ways: for a candidate, for a release at another hospital, for a bare file of predictions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedside.cli.progress import Progress
from bedside.cli.study import HeldOut, local_folder
from bedside.errors import DataError, MissingExtra, UsageError

if TYPE_CHECKING:
    from bedside.cohort import Cohort, FollowUp, Outcome, Quantity, Study, Treatment
    from bedside.release import Candidate, Model, Outputs
    from bedside.validation import Evidence, Looks
    from bedside.validation.evidence import TargetEvidence

HEADLINE = (
    "auroc", "average_precision", "c_ipcw", "auc_t", "ibs", "brier", "log_loss", "calibration_intercept",
    "observed_over_expected", "calibration_slope", "ici", "sensitivity", "specificity", "net_benefit",
    "conformal_coverage", "band_coverage", "policy_gain", "policy_value", "autoc", "recommended", "mae",
    "within_tolerance", "r2", "interval_coverage",
)  # fmt: skip


@dataclass(frozen=True)
class Validated:
    """The evidence, and where its report was written."""

    evidence: Evidence
    report: str

    def headline(self) -> list[tuple[str, Any]]:
        """Names and values of the measures that a terminal shows."""
        return [(name, self.evidence.measures[name]) for name in HEADLINE if name in self.evidence.measures]

    def gates(self) -> list[str]:
        """Each gate with its limit and value."""
        return [
            f"{'passed' if gate.passed else 'FAILED'}  {gate.name} {gate.limit}: "
            + ("not defined on these data" if gate.value is None else f"{gate.value:.4g}")
            for gate in self.evidence.gates
        ]


def validate(
    path: str | Path | None = None,
    *,
    target: str | None = None,
    study: str | Path | None = None,
    data: str | Path | None = None,
    map: str | Path | None = None,  # noqa: A002 - the option's name
    key: str | Path | None = None,
    predictions: str | Path | None = None,
    threshold: float | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Validated:
    """Compute evidence and write ``evidence.json`` and ``report.html``.

    With `path` alone: a candidate, on its own held-out patients, every target whose runtime is here; the documents go
    into the candidate. With `target`: evidence that is there gets the row of this target, and keeps the rest. `study`
    says where the study file lies, if not where it was at training. With `data`: a
    release (or candidate) on another hospital's table; they go to `out`, only aggregates. With `predictions`: a bare
    table with columns ``outcome``, ``probability`` and maybe ``group``.

    Raises `DataError` where the study or its table changed since training, and `MissingExtra` where the runtime of
    `target` is not installed here.
    """
    require_scipy()
    if predictions is not None:
        if path is not None or data is not None:
            raise UsageError("--predictions is judged alone", remedy="Leave out the candidate and --data")
        return _of_predictions(Path(predictions), threshold, _folder(out, "--predictions"))
    if path is None:
        raise UsageError("nothing to validate", remedy="Name a candidate, or give --predictions FILE")
    if threshold is not None:
        raise UsageError("--threshold goes with --predictions", remedy="A candidate's threshold stands in its study")
    if data is not None:
        if study is not None:
            raise UsageError("--study goes with a candidate alone", remedy="Leave it out")
        return _elsewhere(Path(path), Path(data), map, key, target, _folder(out, "--data"), progress)
    if out is not None or map is not None:
        raise UsageError("--out and --map go with --data", remedy="A candidate's evidence goes into the candidate")
    return _of_candidate(Path(path), target, study, progress)


def require_scipy() -> None:
    """Raises `MissingExtra` where the tools of reports are not installed."""
    from importlib.util import find_spec

    for package in ("scipy", "matplotlib"):
        if find_spec(package) is None:
            raise MissingExtra(package, "validate")


def _folder(out: str | Path | None, option: str) -> Path:
    if out is None:
        raise UsageError(f"{option} needs --out DIR", remedy="Evidence from outside never goes into a release")
    return Path(out)


def _of_candidate(path: Path, target: str | None, study: str | Path | None, progress: Progress | None) -> Validated:
    from bedside.release import REFERENCE, attach, model_card, open_candidate
    from bedside.validation import as_dict, encode, render_report

    candidate = open_candidate(path)
    held_out = _held_out(path, candidate)
    asked = _study(held_out, study, candidate)
    cohort = _unchanged(asked, candidate)
    rows = cohort.take(np.flatnonzero(np.isin(cohort.reading.rows, held_out.rows)))
    if target in (None, REFERENCE) or "evidence.json" not in candidate.files:
        evidence = _whole(candidate, path, held_out, asked, cohort, rows, target, progress)
    else:
        evidence = _completed(candidate, path, held_out, asked, rows, target)
    document = as_dict(evidence)
    attach(
        candidate,
        encode(evidence),
        render_report(document),
        model_card(candidate.manifest, candidate.digest, guidance=candidate.guidance, evidence=document),
    )
    return Validated(evidence, str(path / "report.html"))


def _study(held_out: HeldOut, given: str | Path | None, candidate: Candidate) -> Study:
    from bedside.cohort import read_study

    path = Path(held_out.study if given is None else given)
    if given is None and not path.is_file():
        raise DataError("the study is not where it was at training", where=str(path), remedy="Use --study FILE")
    study = read_study(path)
    if study.digest != candidate.manifest.study_digest:
        raise DataError("the study changed since this candidate was trained", where=str(path), remedy="Train again")
    return study


def _whole(
    candidate: Candidate,
    path: Path,
    held_out: HeldOut,
    study: Study,
    cohort: Cohort,
    rows: Cohort,
    target: str | None,
    progress: Progress | None,
) -> Evidence:
    """All of the evidence, with every target that runs here."""
    from bedside.cohort import split
    from bedside.release import REFERENCE, footprint
    from bedside.validation import evidence_for_candidate

    loaded = {name: _checked(candidate, name) for name in _runnable(candidate, target)}
    development = candidate.document("development.json")
    findings, attrition = _data_check(development)
    return evidence_for_candidate(
        loaded.pop(REFERENCE),
        candidate.load(floor=True),
        rows,
        study,
        further=loaded,
        kept=_kept(candidate, rows),
        costs={name: cost for name in (REFERENCE, *loaded) if (cost := footprint(candidate, name)) is not None},
        looks=_look(candidate, held_out, study, path),
        source=held_out.description or split(study, cohort).description,
        development=development,
        findings=findings,
        attrition=attrition,
        today=dt.datetime.now(dt.UTC).date(),
        progress=progress,
    )


def _completed(
    candidate: Candidate, path: Path, held_out: HeldOut, study: Study, rows: Cohort, target: str
) -> Evidence:
    """The evidence that is there, with the row of one more target."""
    from bedside.release import REFERENCE, evidence_digest, footprint
    from bedside.validation import complete, read_evidence

    where = path / "evidence.json"
    if evidence_digest(candidate.document("evidence.json")) != candidate.digest:
        raise DataError("is about other bytes", where=str(where), remedy="Validate it again, without --target")
    evidence = read_evidence(candidate.files["evidence.json"], where=str(where))
    reference, model = _checked(candidate, REFERENCE), _checked(candidate, target)
    return complete(
        evidence,
        reference,
        model,
        rows,
        study,
        looks=_look(candidate, held_out, study, path),
        cost=footprint(candidate, target),
        today=dt.datetime.now(dt.UTC).date(),
    )


def _checked(candidate: Candidate, target: str) -> Model:
    """A target, loaded, that reproduces its golden cases on this machine."""
    from bedside.release import golden_check

    model = candidate.load(target)
    golden_check(model)
    return model


def _runnable(candidate: Candidate, asked: str | None) -> list[str]:
    """The reference, the target asked for, and every other whose runtime is here."""
    from bedside.release import REFERENCE, runs_here

    listed = candidate.manifest.targets
    return [name for name in listed if name in (REFERENCE, asked) or runs_here(name, listed[name].runtime)]


def _kept(candidate: Candidate, rows: Cohort) -> dict[str, TargetEvidence]:
    """What earlier evidence, if it can be read, found of the same bytes on the same patients where they could run."""
    from bedside.release import evidence_digest
    from bedside.validation import read_evidence

    if "evidence.json" not in candidate.files:
        return {}
    try:
        if evidence_digest(candidate.document("evidence.json")) != candidate.digest:
            return {}
        earlier = read_evidence(candidate.files["evidence.json"], where=str(candidate.folder / "evidence.json"))
    except DataError:  # it is about to be replaced
        return {}
    same = (earlier.data.digest, earlier.data.n) == (rows.digest, len(rows))
    return {name: row for name, row in earlier.targets.items() if row.validated} if same else {}


def _held_out(path: Path, candidate: Candidate) -> HeldOut:
    record = local_folder(path.resolve()) / "split.json"
    try:
        held_out = msgspec.json.decode(record.read_bytes(), type=HeldOut)
    except FileNotFoundError as error:
        raise DataError(
            "there is no record of who was held out",
            where=str(record),
            remedy="Validate where it was trained, or with --data",
        ) from error
    except msgspec.MsgspecError as error:
        raise DataError(f"cannot be read: {error}", where=str(record), remedy="Train again") from error
    if held_out.candidate_digest != candidate.digest:
        raise DataError("belongs to another candidate", where=str(record), remedy="Train again")
    return held_out


def _unchanged(study: Any, candidate: Candidate) -> Cohort:
    from bedside.cohort import assemble

    cohort = assemble(study)
    if cohort.digest != candidate.manifest.cohort_digest:
        raise DataError(
            "the table changed since this candidate was trained", where=str(study.data.table), remedy="Train again"
        )
    return cohort


def _look(candidate: Candidate, held_out: HeldOut, study: Study, path: Path) -> Looks:
    from bedside.validation import Look, note_look

    look = Look(
        at=dt.datetime.now(dt.UTC),
        candidate=candidate.digest,
        study=candidate.manifest.study_digest,
        held_out=held_out.held_out_digest,
    )
    return note_look(look, local=local_folder(path.resolve()), study_folder=study.path.parent)


def _data_check(development: Mapping[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    from bedside.cohort import AttritionStep, Finding

    check = development["data_check"]
    findings = msgspec.convert(check["findings"], tuple[Finding, ...])
    return findings, msgspec.convert(check["attrition"], tuple[AttritionStep, ...])


def _elsewhere(
    path: Path,
    data: Path,
    map: str | Path | None,  # noqa: A002
    key: str | Path | None,
    target: str | None,
    out: Path,
    progress: Progress | None,
) -> Validated:
    from bedside.cohort import external_cohort
    from bedside.release import REFERENCE, open_candidate, open_release
    from bedside.sources import read_map
    from bedside.validation import evidence_external

    release = open_release(path, Path(key)) if key else open_candidate(path)
    table_map = read_map(Path(map)) if map else None
    cohort = external_cohort(release.manifest.schema, _outcome(release.manifest.outputs), data, table_map)
    evidence = evidence_external(
        release.load(target or REFERENCE),
        cohort,
        source=f"another hospital's table ({data.name})",
        reference=release.document("evidence.json") if "evidence.json" in release.files else None,
        today=dt.datetime.now(dt.UTC).date(),
        progress=progress,
    )
    return _write(evidence, out)


def _outcome(outputs: Outputs) -> Outcome:
    from bedside.cohort import Outcome

    return Outcome(
        column=outputs.column or "outcome",
        classes=outputs.classes,
        positive=outputs.positive,
        codes=outputs.codes,
        others_negative=outputs.others_negative,
        follow_up=_follow_up(outputs),
        quantity=_quantity(outputs),
        treatment=_treatment(outputs),
    )


def _follow_up(outputs: Outputs) -> FollowUp | None:
    from bedside.cohort import FollowUp

    course, arms = outputs.course, outputs.arms
    if arms is not None and arms.time is not None and arms.until is not None:
        return FollowUp(time=arms.time, unit=arms.unit or "", horizons=(arms.until,))
    if course is None:
        return None
    return FollowUp(
        time=course.time,
        unit=course.unit,
        horizons=course.horizons,
        entry=course.entry,
        landmarks=course.landmarks,
        visit=course.visit,
    )


def _quantity(outputs: Outputs) -> Quantity | None:
    from bedside.cohort import Quantity

    arms, dose = outputs.arms, outputs.dose
    if dose is not None:
        return Quantity(name=dose.drug, unit=dose.unit, tolerance=dose.tolerance)
    return Quantity(name=arms.outcome, unit=arms.unit or "") if arms is not None and arms.kind == "mean" else None


def _treatment(outputs: Outputs) -> Treatment | None:
    """How patients came to their arms is the other hospital's own: nothing here looks at it."""
    from bedside.cohort import Treatment

    arms = outputs.arms
    if arms is None:
        return None
    return Treatment(
        column=arms.column,
        arms=arms.arms,
        codes=arms.codes,
        better=arms.better,
        propensity=None,
        overlap=arms.overlap,
    )


def _of_predictions(path: Path, threshold: float | None, out: Path) -> Validated:
    from bedside.validation import evidence_for_predictions, read_predictions

    today = dt.datetime.now(dt.UTC).date()
    return _write(evidence_for_predictions(read_predictions(path), threshold=threshold, today=today), out)


def _write(evidence: Evidence, out: Path) -> Validated:
    from bedside.release import write_file
    from bedside.validation import as_dict, encode, render_report

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", where=str(out)) from error
    if (out / "manifest.json").exists():
        raise UsageError("is a candidate or a release", where=str(out), remedy="Evidence from outside goes elsewhere")
    write_file(out / "report.html", render_report(as_dict(evidence)).encode())
    write_file(out / "evidence.json", encode(evidence))
    return Validated(evidence, str(out / "report.html"))
