"""A release asked from the command line: ``predict``, ``explain``."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedside.cli.progress import Progress
from bedside.errors import DataError, UsageError, ValueRefused

if TYPE_CHECKING:
    from bedside.answering import Judgement
    from bedside.release import Chosen, Manifest, Model
    from bedside.sources import Reading, Schema

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Predicted:
    """Predictions for a table: `pieces` are still to be computed where nothing was written to a file.

    `after` is the row after which a run went on that was stopped before; `anew` why it began from the first row though
    an earlier run had left something. `target` and `processor` say what computed them, `why` the reason for the target
    where ``auto`` chose it.
    """

    out: str | None
    rows: int | None
    pieces: Iterator[Columns]
    after: int = 0
    anew: str = ""
    target: str = ""
    processor: str = ""
    why: str = ""


@dataclass(frozen=True)
class Explained:
    """One explanation a patient, still to be computed: iterate over `cases`."""

    cases: Iterator[dict[str, Any]]


def open_model(release: str | Path, *, key: str | Path | None = None, target: str = "server-cpu") -> Chosen:
    """A release's model; with a key its signature is checked, without one only the digests in its manifest.

    Its golden cases are asked on this machine; raises `Refused` where they do not hold.
    """
    from bedside.release import chosen, golden_check, open_candidate, open_release

    opened = open_release(Path(release), Path(key)) if key else open_candidate(Path(release))
    found = chosen(opened, target)
    golden_check(found.model)
    return found


def predict(
    release: str | Path,
    table: str | Path,
    *,
    target: str = "server-cpu",
    out: str | Path | None = None,
    map: str | Path | None = None,  # noqa: A002 - the option's name
    key: str | Path | None = None,
    progress: Progress | None = None,
) -> Predicted:
    """Answers for a table of any size, in bounded memory.

    Columns: the patient's, then ``probability`` (or one per class), ``abstained`` and ``reasons``. A row that cannot be
    answered gets its reason in a column; nothing stops. With `out`, what is done is kept in ``OUT.part`` until the
    table is whole; a run that was killed goes on there when it is started again. With the target ``auto``, the fastest
    that computes on this machine what was signed.
    """
    found = open_model(release, key=key, target=target)
    model = found.model
    schema, recode = _translated(model.manifest, map)
    asked = _Asked(model, Path(table), schema, recode, dt.datetime.now(dt.UTC).date(), progress or _silent)
    done = Predicted(None, None, asked.pieces()) if out is None else asked.write(Path(out))
    return replace(done, target=model.target, processor=model.processor, why=found.why)


def _translated(manifest: Manifest, path: str | Path | None) -> tuple[Schema, Any]:
    from bedside.sources import apply_map, read_map, visits_mapped

    schema, course = manifest.schema, manifest.outputs.course
    if not path:
        return schema, None
    table_map = read_map(Path(path))
    if course is not None and course.visit is not None:
        schema, table_map = visits_mapped(schema, table_map, course.visit, course.unit)
    return apply_map(schema, table_map)


def _silent(what: str, done: int, total: int) -> None:
    """The progress of work that nobody watches."""


@dataclass(frozen=True)
class _Asked:
    """A table and the model that is asked about it, as of one day."""

    model: Model
    table: Path
    schema: Schema
    recode: Any
    today: dt.date
    progress: Progress

    def pieces(self, after: int = 0, what: str = "Predicting", spill: Path | None = None) -> Iterator[Columns]:
        """The predictions behind a row, in pieces."""
        from bedside.answering import predictions
        from bedside.sources import columns, open_stream

        patient = self.schema.patient if self.schema.patient in columns(self.table) else None
        extra = _extra(self.model, patient, columns(self.table))
        with open_stream(self.table, self.schema, extra=extra, recode=self.recode, spill=spill) as stream:
            self.progress(what, after, stream.total)
            for reading in stream.pieces(after=after):
                found = predictions(self.model, reading, today=self.today)
                yield {patient or "row": reading.extra[patient] if patient else reading.rows} | found
                self.progress(what, after := after + len(reading), stream.total)

    def write(self, out: Path) -> Predicted:
        """All predictions in a file, from where an earlier run was stopped."""
        from bedside.sources import parts

        with parts(out, self.run()) as written:
            after, what = written.done, "Predicting"
            if after:
                what = f"Predicting, going on after row {after}"
            elif written.anew:
                what = f"Predicting from the first row again: {written.anew}"
            try:
                for piece in self.pieces(after, what, written.spill):
                    written.append(piece)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"{written.done} rows are kept; the same command goes on there") from None
            return Predicted(str(out), written.finish(), iter(()), after, written.anew)

    def run(self) -> dict[str, str]:
        """All that decides what stands in the predictions."""
        from importlib.metadata import version

        from bedside.sources import fingerprint

        model = self.model
        read = hashlib.sha256(msgspec.json.encode((self.schema, self.recode), order="sorted")).hexdigest()
        return {
            "the table": fingerprint(self.table),
            "the release": model.digest,
            "the target": model.target,
            "the map": read,
            "the release's validity": "expired" if model.manifest.expired(self.today) else "valid",
            "the processor": model.processor,
            "bedside": version("bedside"),
        }


def _extra(model: Model, patient: str | None, there: Iterable[str]) -> tuple[str, ...]:
    """Further columns to read: the patient's, and what only guidance looks at, where the table has it."""
    asked: frozenset[str] = frozenset() if model.guidance is None else model.guidance.asked
    return tuple(dict.fromkeys((*([patient] if patient else []), *(name for name in there if name in asked))))


def explain(
    release: str | Path,
    input: str | Path,  # noqa: A002 - the argument's name
    *,
    method: str = "shap",
    horizon: float | None = None,
    arm: str | None = None,
    key: str | Path | None = None,
    progress: Progress | None = None,
) -> Explained:
    """How much each variable moved each patient's estimate.

    `input` is a table, or a JSON file with one patient's values (as in ``{"values": {...}}`` of the HTTP interface).
    `horizon`: of a course, explain the risk at this one of its horizons, not at that of the decision. `arm`: of several
    treatments, explain what this one changes against the control, not what the best of them does.
    """
    from bedside.answering import asked_about
    from bedside.explanation import explainer

    explainer(method)  # a method that is not installed is refused before anything is computed
    model = open_model(release, key=key).model
    path, how = Path(input), _How(method, asked_about(model, horizon, arm))
    return Explained(
        _from_json(model, path, how) if path.suffix == ".json" else _from_table(model, path, how, progress)
    )


@dataclass(frozen=True)
class _How:
    """By which method, and what.

    `about`: position of the estimate; None: the one that matters most. `forbidden`: guidance forbids the drug; then its
    dose is not told, nor its explanation, which adds up to it.
    """

    method: str
    about: int | None
    forbidden: bool = False


def _from_json(model: Model, path: Path, how: _How) -> Iterator[dict[str, Any]]:
    from bedside.answering import answer_patient, judge, read_with_record

    try:
        sent = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except msgspec.DecodeError as error:
        raise DataError(f"is not JSON: {error}", where=str(path)) from error
    if not isinstance(sent, dict):
        raise DataError("must hold one JSON object", where=str(path), remedy='Write {"values": {...}}')
    values = sent.get("values", sent)
    if not isinstance(values, dict):
        raise DataError("values must be one JSON object", where=str(path), remedy='Write {"values": {...}}')
    now = dt.datetime.now(dt.UTC)
    reading, record = read_with_record(model, values, now)
    told = None if record is None else answer_patient(model, values, now=now, explain=False).dose
    how = replace(how, forbidden=told is not None and told.withheld)
    patient = sent.get("patient")
    judged = judge(model, reading, today=now.date())
    yield _case(model, reading, judged, 0, patient.get("id") if isinstance(patient, dict) else None, how)


def _from_table(model: Model, path: Path, how: _How, progress: Progress | None) -> Iterator[dict[str, Any]]:
    from bedside.answering import judge, vetoes
    from bedside.sources import columns, open_stream

    schema, today = model.manifest.schema, dt.datetime.now(dt.UTC).date()
    patient = schema.patient if schema.patient in columns(path) else None
    with open_stream(path, schema, extra=_extra(model, patient, columns(path))) as stream:
        for reading in stream.pieces():
            judged = judge(model, reading, today=today)
            vetoed = vetoes(model, reading) if model.manifest.outputs.dose is not None else None
            for row in range(len(reading)):
                identifier = reading.extra[patient][row] if patient else str(reading.rows[row])
                forbidden = vetoed is not None and bool(vetoed[row, 0])
                yield _case(model, reading, judged, row, identifier, replace(how, forbidden=forbidden))
                if progress:
                    progress("Explaining", int(reading.rows[row]), stream.total)


def _case(
    model: Model, reading: Reading, judged: Judgement, row: int, patient: str | None, how: _How
) -> dict[str, Any]:
    from bedside.answering import explain_row, explained_estimate, reason_texts

    if judged.abstained[row]:
        texts = reason_texts(model, reading, judged, row)
        return {"patient": patient, "abstained": True, "reasons": [reason.text for reason in texts]}
    if how.forbidden:
        return {"patient": patient, "abstained": False, "reasons": ["Guidance forbids the drug: its dose is not told"]}
    try:
        position = explained_estimate(model, judged, row, how.about)
    except ValueRefused as error:  # of this patient only
        return {"patient": patient, "abstained": False, "reasons": list(error.problems.values())}
    explained: dict[str, Any] = msgspec.to_builtins(explain_row(model, reading.values[row], position, how.method))
    return {"patient": patient} | explained
