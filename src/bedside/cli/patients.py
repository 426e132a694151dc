"""A release asked from the command line: ``predict``, ``explain``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedside.cli.progress import Progress
from bedside.errors import DataError, UsageError

if TYPE_CHECKING:
    from bedside.answering import Judgement
    from bedside.release import Model
    from bedside.sources import Reading, Schema

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Predicted:
    """Predictions for a table: `pieces` are still to be computed where nothing was written to a file."""

    out: str | None
    rows: int | None
    pieces: Iterator[Columns]


@dataclass(frozen=True)
class Explained:
    """One explanation a patient, still to be computed: iterate over `cases`."""

    cases: Iterator[dict[str, Any]]


def open_model(release: str | Path, *, key: str | Path | None = None, target: str = "server-cpu") -> Model:
    """A release's model; with a key its signature is checked, without one only the digests in its manifest."""
    from bedside.release import open_candidate, open_release

    opened = open_release(Path(release), Path(key)) if key else open_candidate(Path(release))
    return opened.load(target)


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
    answered gets its reason in a column; nothing stops.
    """
    from bedside.sources import write_table

    model = open_model(release, key=key, target=target)
    schema, recode = _translated(model.manifest.schema, map)
    pieces = _predictions(model, Path(table), schema, recode, progress)
    if out is None:
        return Predicted(None, None, pieces)
    return Predicted(str(out), write_table(Path(out), pieces), iter(()))


def _translated(schema: Schema, path: str | Path | None) -> tuple[Schema, Any]:
    from bedside.sources import apply_map, read_map

    return apply_map(schema, read_map(Path(path))) if path else (schema, None)


def _predictions(
    model: Model, table: Path, schema: Schema, recode: Any, progress: Progress | None
) -> Iterator[Columns]:
    from bedside.answering import predictions
    from bedside.sources import columns, count_rows, stream_table

    patient = schema.patient if schema.patient in columns(table) else None
    total, done = count_rows(table) if progress else 0, 0
    for reading in stream_table(table, schema, extra=(patient,) if patient else (), recode=recode):
        found = predictions(model, reading, today=dt.datetime.now(dt.UTC).date())
        name = patient or "row"
        yield {name: reading.extra[patient] if patient else reading.rows} | found
        done += len(reading)
        if progress:
            progress("Predicting", done, total)


def explain(
    release: str | Path,
    input: str | Path,  # noqa: A002 - the argument's name
    *,
    method: str = "shap",
    key: str | Path | None = None,
    progress: Progress | None = None,
) -> Explained:
    """How much each variable moved each patient's estimate.

    `input` is a table, or a JSON file with one patient's values (as in ``{"values": {...}}`` of the HTTP interface).
    """
    from bedside.explanation import explainer

    explainer(method)  # a method that is not installed is refused before anything is computed
    model = open_model(release, key=key)
    path = Path(input)
    return Explained(
        _from_json(model, path, method) if path.suffix == ".json" else _from_table(model, path, method, progress)
    )


def _from_json(model: Model, path: Path, method: str) -> Iterator[dict[str, Any]]:
    from bedside.answering import judge
    from bedside.sources import read_patient

    try:
        sent = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except msgspec.DecodeError as error:
        raise DataError(f"is not JSON: {error}", where=str(path)) from error
    if not isinstance(sent, dict):
        raise DataError("must hold one JSON object", where=str(path), remedy='Write {"values": {...}}')
    values = sent.get("values", sent)
    reading = read_patient(model.manifest.schema, values, now=dt.datetime.now(dt.UTC))
    patient = sent.get("patient")
    judged = judge(model, reading, today=dt.datetime.now(dt.UTC).date())
    yield _case(model, reading, judged, 0, patient.get("id") if isinstance(patient, dict) else None, method)


def _from_table(model: Model, path: Path, method: str, progress: Progress | None) -> Iterator[dict[str, Any]]:
    from bedside.answering import judge
    from bedside.sources import columns, count_rows, stream_table

    schema = model.manifest.schema
    patient = schema.patient if schema.patient in columns(path) else None
    total = count_rows(path)
    for reading in stream_table(path, schema, extra=(patient,) if patient else ()):
        judged = judge(model, reading, today=dt.datetime.now(dt.UTC).date())
        for row in range(len(reading)):
            identifier = reading.extra[patient][row] if patient else str(reading.rows[row])
            yield _case(model, reading, judged, row, identifier, method)
            if progress:
                progress("Explaining", int(reading.rows[row]), total)


def _case(
    model: Model, reading: Reading, judged: Judgement, row: int, patient: str | None, method: str
) -> dict[str, Any]:
    from bedside.answering import explain_row, reason_texts

    if judged.abstained[row]:
        texts = reason_texts(model, reading, judged, row)
        return {"patient": patient, "abstained": True, "reasons": [reason.text for reason in texts]}
    explained: dict[str, Any] = msgspec.to_builtins(explain_row(model, reading.values[row], judged, row, method))
    return {"patient": patient} | explained
