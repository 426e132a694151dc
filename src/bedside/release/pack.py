"""From the parts of a fit to a candidate: one flat folder whose bytes depend on nothing but those parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.errors import Conflict, DataError
from bedside.graphs import cleaned_graph
from bedside.privacy import Prototypes
from bedside.release.candidate import REQUIRED, BackgroundFile, Candidate, candidate_of
from bedside.release.card import model_card
from bedside.release.folder import EVIDENCE, sha256, staging, write_folder
from bedside.release.golden import golden_cases, golden_document
from bedside.release.guidance import FILE as GUIDANCE
from bedside.release.guidance import Guidance
from bedside.release.json_document import document_bytes
from bedside.release.making import Made, made_target, reference, refuse_impossible
from bedside.release.manifest import Manifest
from bedside.release.sbom import sbom_bytes
from bedside.release.target import REFERENCE, Material


@dataclass(frozen=True)
class Parts:
    """What training hands to packing.

    Attributes
    ----------
    graph, floor: ONNX models that follow the graph contract: input ``values`` float32 [n, variable], ``nan`` for
        unknown; outputs ``probability`` [n, class] (or ``estimate`` [n, column] where the answer is a quantity),
        ``distance`` [n] and optionally ``spread`` [n, class], all float32.
    background: what explanations compare with.
    development: JSON-ready figures of the development (aggregates only), becomes ``development.json``.
    manifest: everything that only the study and the fit know; its ``files`` and ``targets`` are filled in.
    targets: what to make beside the reference, by name.
    guidance: what stands beside the answers; becomes ``guidance.json``.
    calibration: values [patient, variable] of development patients, for targets that take ranges from them; they are
        stored nowhere.
    """

    graph: bytes
    floor: bytes
    background: Prototypes
    development: dict[str, Any]
    manifest: Manifest
    targets: tuple[str, ...] = ()
    guidance: Guidance | None = None
    calibration: Float[np.ndarray, "patient variable"] | None = None


def pack(parts: Parts, out: Path, *, card_facts: Mapping[str, str] | None = None) -> Candidate:
    """Write a candidate to `out`, whole or not at all; the same parts give the same bytes.

    An earlier candidate at `out` is replaced, with its evidence; an empty folder is filled. Anything else that is
    there is left alone. A target that has nothing to gain from this graph is left out: the manifest's ``targets`` say
    what is there.

    Parameters
    ----------
    card_facts: further lines for the card's section on training, by what they are about.

    Raises
    ------
    Conflict: `out` holds a release or something that is no candidate. DataError: a graph or the background does not
        follow its contract. MissingExtra: onnx, or what a target is made with, is not installed. UsageError: `out`
        cannot be written, or there is no such target.
    """
    out = Path(out).absolute()
    _refuse_foreign(out)
    files = _files(parts, out)
    digest = candidate_of(files, out).digest
    files["card.md"] = model_card(parts.manifest, digest, guidance=parts.guidance, facts=card_facts).encode()
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
    ours = REQUIRED | {"manifest.json"} | _listed(out / "manifest.json")
    if not ours <= names or names - ours - set(EVIDENCE):
        raise Conflict("is there already and is no candidate", where=str(out), remedy="Choose another --out")


def _listed(manifest: Path) -> set[str]:
    """The files that an earlier candidate's manifest lists; none where it cannot be read."""
    try:
        return set(msgspec.json.decode(manifest.read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _files(parts: Parts, out: Path) -> dict[str, bytes]:
    manifest = parts.manifest
    if parts.background.values.shape[1:] != (len(manifest.schema.variables),):
        raise DataError(f"the background has shape {parts.background.values.shape}", where=str(out / "background.json"))
    files = {
        "model.onnx": cleaned_graph(parts.graph, where=str(out / "model.onnx")),
        "floor.onnx": cleaned_graph(parts.floor, where=str(out / "floor.onnx")),
        "background.json": document_bytes(_background(parts.background)),
        "development.json": _development(parts.development),
    }
    if parts.guidance is not None:
        files[GUIDANCE] = document_bytes(parts.guidance)
    cases = golden_cases(manifest.schema, parts.background, manifest.seed)
    refuse_impossible(
        reference(files["floor.onnx"], manifest, out / "floor.onnx")(cases), manifest.outputs, "floor.onnx"
    )
    made = _made(parts, files, cases, out)
    files |= {one.listed.file: one.content for one in made.values()}
    files["golden.json"] = document_bytes(
        golden_document(cases, manifest.seed, {name: one.expected for name, one in made.items()})
    )
    runs = {name: content for name, content in files.items() if not name.endswith(".json")}
    targets = {name: one.listed for name, one in made.items()}
    files["sbom.cdx.json"] = sbom_bytes(manifest.name, manifest.version, runs, manifest.versions, targets)
    digests = {name: sha256(content) for name, content in files.items()}
    complete = msgspec.structs.replace(manifest, files=digests, targets=targets)
    return files | {"manifest.json": document_bytes(complete)}


def _made(parts: Parts, files: dict[str, bytes], cases: np.ndarray, out: Path) -> dict[str, Made]:
    """The reference first, then each target that has something to gain."""
    material = Material(files["model.onnx"], parts.manifest, parts.calibration, files)
    answered = reference(material.graph, parts.manifest, out / "model.onnx")(cases)
    names = (REFERENCE, *(name for name in parts.targets if name != REFERENCE))
    found = {name: made_target(name, material, cases, answered, out) for name in names}
    return {name: one for name, one in found.items() if one is not None}


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
