"""From the parts of a fit to a candidate: one flat folder whose bytes depend on nothing but those parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bedside.errors import Conflict, DataError
from bedside.graphs import cleaned_graph
from bedside.privacy import Prototypes
from bedside.release.candidate import REQUIRED, BackgroundFile, Candidate, candidate_of
from bedside.release.card import model_card
from bedside.release.folder import EVIDENCE, sha256, staging, write_folder
from bedside.release.golden import golden_cases, golden_document
from bedside.release.json_document import document_bytes
from bedside.release.manifest import Manifest, TargetFile
from bedside.release.sbom import sbom_bytes
from bedside.release.target import target as find_target


@dataclass(frozen=True)
class Parts:
    """What training hands to packing.

    Attributes
    ----------
    graph, floor: ONNX models that follow the graph contract: input ``values`` float32 [n, variable], ``nan`` for
        unknown; outputs ``probability`` [n, class], ``distance`` [n] and optionally ``spread`` [n, class], all float32.
    background: what explanations compare with.
    development: JSON-ready figures of the development (aggregates only), becomes ``development.json``.
    manifest: everything that only the study and the fit know; its ``files`` and ``targets`` are filled in.
    """

    graph: bytes
    floor: bytes
    background: Prototypes
    development: dict[str, Any]
    manifest: Manifest


def pack(parts: Parts, out: Path, *, card_facts: Mapping[str, str] | None = None) -> Candidate:
    """Write a candidate to `out`, whole or not at all; the same parts give the same bytes.

    An earlier candidate at `out` is replaced, with its evidence; an empty folder is filled. Anything else that is
    there is left alone.

    Parameters
    ----------
    card_facts: further lines for the card's section on training, by what they are about.

    Raises
    ------
    Conflict: `out` holds a release or something that is no candidate. DataError: a graph or the background does not
        follow its contract. MissingExtra: onnx is not installed. UsageError: `out` cannot be written.
    """
    out = Path(out).absolute()
    _refuse_foreign(out)
    files = _files(parts, out)
    files["card.md"] = model_card(parts.manifest, candidate_of(files, out).digest, facts=card_facts).encode()
    with staging(out) as stage:
        write_folder(files, stage, out)
    return candidate_of(files, out)


def _refuse_foreign(out: Path) -> None:
    """Only what is plainly an earlier candidate may be replaced."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise Conflict("is there already and is no folder", where=str(out), remedy="Choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    names = {path.name for path in out.iterdir()}
    if "signature.json" in names:
        raise Conflict("is a signed release; it is not replaced", where=str(out), remedy="Choose another --out")
    ours = REQUIRED | {"manifest.json"}
    if not ours <= names or names - ours - set(EVIDENCE):
        raise Conflict("is there already and is no candidate", where=str(out), remedy="Choose another --out")


def _files(parts: Parts, out: Path) -> dict[str, bytes]:
    manifest, target = parts.manifest, find_target("server-cpu")
    variables, classes = len(manifest.schema.variables), len(manifest.outputs.classes)
    if parts.background.values.shape[1:] != (variables,):
        raise DataError(f"the background has shape {parts.background.values.shape}", where=str(out / "background.json"))
    files = {
        "model.onnx": cleaned_graph(parts.graph, where=str(out / "model.onnx")),
        "floor.onnx": cleaned_graph(parts.floor, where=str(out / "floor.onnx")),
        "background.json": document_bytes(_background(parts.background)),
        "development.json": _development(parts.development),
    }
    cases = golden_cases(manifest.schema, parts.background, manifest.seed)
    answers = {
        name: target.load(files[name], variables=variables, classes=classes, where=str(out / name))(cases)
        for name in ("model.onnx", "floor.onnx")
    }
    for name, answered in answers.items():
        _refuse_impossible(answered.probability, answered.distance, name)
    golden = golden_document(cases, manifest.seed, target.name, target.tolerance, answers["model.onnx"])
    files["golden.json"] = document_bytes(golden)
    graphs = {name: files[name] for name in answers}
    files["sbom.cdx.json"] = sbom_bytes(manifest.name, manifest.version, graphs, manifest.versions)
    digests = {name: sha256(content) for name, content in files.items()}
    served = TargetFile(
        file="model.onnx", digest=digests["model.onnx"], runtime=target.runtime, tolerance=target.tolerance
    )
    complete = msgspec.structs.replace(manifest, files=digests, targets={target.name: served})
    return files | {"manifest.json": document_bytes(complete)}


def _refuse_impossible(probability: np.ndarray, distance: np.ndarray, name: str) -> None:
    """A graph that cannot answer plausible patients, or whose rows are no distributions, is not packed."""
    sums = probability.astype(np.float64).sum(axis=1)
    if not ((probability >= 0) & (probability <= 1)).all() or not (np.abs(sums - 1.0) <= 1e-4).all():
        raise DataError("`probability` is not a probability per class that sums to 1 on the golden cases", where=name)
    if not np.isfinite(distance).all():
        raise DataError("`distance` is not finite on the golden cases", where=name)


def _background(background: Prototypes) -> BackgroundFile:
    return BackgroundFile(
        description=background.description,
        k=background.k,
        weights=tuple(map(float, background.weights)),
        values=tuple(tuple(None if np.isnan(v) else float(v) for v in row) for row in background.values),
    )


def _development(development: dict[str, Any]) -> bytes:
    try:
        return document_bytes(development)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"cannot be written as JSON: {error}", where="development.json", remedy="Use None for nan"
        ) from error
