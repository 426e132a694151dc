"""A candidate: a packed folder, held to its own manifest each time it is opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bedside.errors import Conflict, DataError, Refused, UsageError
from bedside.privacy import Prototypes
from bedside.release.course import Course
from bedside.release.folder import EVIDENCE, SIGNED, digest_of, read_files, sha256, write_file
from bedside.release.golden import Golden, check_golden
from bedside.release.guidance import FILE as GUIDANCE
from bedside.release.guidance import Guidance
from bedside.release.json_document import read_document
from bedside.release.manifest import Manifest
from bedside.release.model import Model
from bedside.release.quantities import wrong_quantities
from bedside.release.target import REFERENCE
from bedside.release.target import target as find_target

FORMAT = 1
REQUIRED = frozenset(
    {"model.onnx", "floor.onnx", "background.json", "golden.json", "sbom.cdx.json", "development.json"}
)


class BackgroundFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``background.json``: prototypes in the schema's order, None where a value is unknown for most."""

    description: str
    k: int
    weights: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Candidate:
    """A candidate or a release as it was read from disk, once.

    Attributes
    ----------
    folder: where it was read from (a folder, or a zip).
    manifest: ``manifest.json``. digest: the candidate digest. files: every file's bytes by name.
    background: what explanations compare with. guidance: what stands beside the answers; None where it has none.
    """

    folder: Path
    manifest: Manifest
    digest: str
    background: Prototypes
    guidance: Guidance | None
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def signed(self) -> bool:
        """Whether a signature lies in the folder; whether it holds only `verify` says."""
        return "signature.json" in self.files

    def load(self, target: str = REFERENCE, *, floor: bool = False) -> Model:
        """Open the graph (or the floor's, which only ``server-cpu`` runs) with the target's runtime.

        Raises
        ------
        UsageError: the manifest lists no such target. MissingExtra: its runtime is not installed here.
        DataError: the runtime cannot load the graph.
        """
        listed = self.manifest.targets.get(target)
        if listed is None:
            known = ", ".join(sorted(self.manifest.targets))
            raise UsageError(
                f"was not packed for the target {target!r}", where=str(self.folder), remedy=f"It has: {known}"
            )
        name = "floor.onnx" if floor else listed.file
        runs = find_target(REFERENCE) if floor else find_target(target, listed.runtime)
        missing = runs.missing_to_run()
        if missing is not None:
            raise missing
        predict = runs.load(
            self.files[name],
            variables=len(self.manifest.schema.variables),
            classes=self.manifest.outputs.width,
            where=str(self.folder / name),
        )
        return Model(
            manifest=self.manifest,
            digest=self.digest,
            target=target,
            processor=runs.processor(),
            background=self.background,
            compared_with=self.background.description,
            predict=predict,
            guidance=self.guidance,
            golden=self.files["golden.json"],
            sizes={name: len(self.files[one.file]) for name, one in self.manifest.targets.items()},
        )

    def document(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON files, for example ``evidence.json``.

        Raises
        ------
        DataError: there is no such file, or it does not hold one JSON object.
        """
        if name not in self.files:
            raise DataError("is not there", where=str(self.folder / name))
        content: dict[str, Any] = read_document(self.files[name], dict[str, Any], where=str(self.folder / name))
        return content


def golden_check(model: Model) -> None:
    """Ask a loaded model its release's golden cases; serving does so on each machine before it is ready.

    Raises
    ------
    Refused: an output differs by more than the target's tolerance; the message names the case and the difference.
    DataError: ``golden.json`` cannot be read.
    """
    check_golden(read_document(model.golden, Golden, where="golden.json"), model)


def open_candidate(folder: Path) -> Candidate:
    """Read a candidate (or a release, without looking at its signature) and hold every file to the manifest.

    Raises
    ------
    NotFound: there is nothing. Refused: a file was changed, added or removed, or is a folder or a link; it is named.
    DataError: the manifest or the background cannot be read.
    """
    return candidate_of(read_files(folder), folder)


def candidate_of(files: Mapping[str, bytes], folder: Path) -> Candidate:
    """The same from files that were already read."""
    if "manifest.json" not in files:
        raise Refused("has no manifest.json; this is no candidate and no release", where=str(folder))
    manifest: Manifest = read_document(files["manifest.json"], Manifest, where=str(folder / "manifest.json"))
    _check_manifest(manifest, folder / "manifest.json")
    _check_files(files, manifest, folder)
    return Candidate(
        folder=folder,
        manifest=manifest,
        digest=digest_of(files),
        background=_background(files["background.json"], manifest, folder / "background.json"),
        files=dict(files),
        guidance=_guidance(files, manifest, folder / GUIDANCE),
    )


def _check_files(files: Mapping[str, bytes], manifest: Manifest, folder: Path) -> None:
    missing = sorted(manifest.files.keys() - files.keys())
    added = sorted(files.keys() - manifest.files.keys() - {"manifest.json", *EVIDENCE, *SIGNED})
    changed = sorted(n for n, digest in manifest.files.items() if n in files and sha256(files[n]) != digest)
    found = [("missing", missing), ("not in the manifest", added), ("changed since it was packed", changed)]
    problems = [f"{what}: {', '.join(names)}" for what, names in found if names]
    if problems:
        raise Refused("; ".join(problems), where=str(folder), remedy="Train or copy it again")


def _check_manifest(manifest: Manifest, where: Path) -> None:
    """What serving relies on and types cannot say."""
    if manifest.format != FORMAT:
        raise DataError(
            f"is of format {manifest.format}; this version of bedside reads format {FORMAT}", where=str(where)
        )
    schema = manifest.schema
    lost = REQUIRED - manifest.files.keys()
    wrong = {
        "schema: no variables, or one of them twice": not schema.names or len(set(schema.names)) != len(schema.names),
        "schema: a category without categories": any(
            (v.kind == "category") != bool(v.categories) for v in schema.variables
        ),
        **(_wrong_classes(manifest) if manifest.outputs.tensor == "probability" else wrong_quantities(manifest)),
        f"files: {', '.join(sorted(lost))} not listed": bool(lost),
        f"targets: {REFERENCE} is not among them": REFERENCE not in manifest.targets,
        "targets: a file that is not listed in files, or with another digest": not manifest.targets
        or any(manifest.files.get(t.file) != t.digest for t in manifest.targets.values()),
    }
    for problem, holds in wrong.items():
        if holds:
            raise DataError(problem, where=str(where))


def _wrong_classes(manifest: Manifest) -> dict[str, bool]:
    """Of a graph that gives probabilities, of classes or of the cells of a course."""
    classes, threshold, course = manifest.outputs.classes, manifest.threshold, manifest.outputs.course
    return {
        "outputs: fewer than two classes, or one of them twice": len(classes) < 2 or len(set(classes)) != len(classes),
        "outputs: `positive` must be the second of two classes, or of those of a course": (
            manifest.outputs.positive is None
        )
        != (len(classes) > 2 and course is None)
        or (manifest.outputs.positive is not None and manifest.outputs.positive != classes[1]),
        "outputs: the events of the course are not its classes": course is not None and course.events != classes[1:],
        "outputs: the edges of the course must rise from 0 and hold every horizon": course is not None
        and not _rises(course),
        "threshold: a number for two classes or a course, one per class for more": threshold is not None
        and isinstance(threshold, dict) != (manifest.outputs.decisive is None),
        "threshold: names a class that is not in outputs": isinstance(threshold, dict)
        and not threshold.keys() <= set(classes),
        "conformal: one quantile per class is needed, and none for a course": (manifest.conformal is None)
        != (course is not None)
        or (manifest.conformal is not None and len(manifest.conformal.quantiles) != len(classes)),
    }


def _rises(course: Course) -> bool:
    edges = (*course.edges, math.inf)
    rising = course.edges[:1] == (0.0,) and all(low < high for low, high in pairwise(edges))
    inside = set(course.edges[1:])
    return rising and len(edges) > 2 and {course.decision} <= set(course.horizons) <= inside


def _guidance(files: Mapping[str, bytes], manifest: Manifest, where: Path) -> Guidance | None:
    """The release's guidance, held to its schema: what it looks at must be there."""
    if GUIDANCE not in files:
        return None
    read: Guidance = read_document(files[GUIDANCE], Guidance, where=str(where))
    named = {variable.name for variable in read.record} | set(manifest.schema.names)
    lost = {condition.variable for one in read.contraindications for condition in one.when} - named
    twice = read.asked & set(manifest.schema.names)
    unknown = {v.gene for v in (*manifest.schema.variables, *read.record) if v.gene is not None} - read.genes.keys()
    quoted = {row.source for row in read.rows} | {row.source for row in read.interactions}
    for what, names in (
        ("no variable", lost),
        ("a predictor, too", twice),
        ("no gene", unknown),
        ("no source", quoted - read.sources.keys()),
    ):
        if names:
            raise DataError(f"names {', '.join(sorted(names))}, which is {what} of it", where=str(where))
    return read


def _background(content: bytes, manifest: Manifest, where: Path) -> Prototypes:
    read: BackgroundFile = read_document(content, BackgroundFile, where=str(where))
    variables = len(manifest.schema.variables)
    if not read.values or len(read.weights) != len(read.values) or any(len(row) != variables for row in read.values):
        raise DataError(f"must hold prototypes of {variables} variables and a weight for each", where=str(where))
    weights = np.array(read.weights, dtype=np.float64)
    if (weights < 0).any() or abs(weights.sum() - 1.0) > 1e-9:
        raise DataError("weights must be positive and sum to 1", where=str(where))
    values = np.array([[np.nan if v is None else v for v in row] for row in read.values], dtype=np.float64)
    return Prototypes(values=values, weights=weights, k=read.k)


def attach(candidate: Candidate, evidence: bytes, report: str, card: str) -> Candidate:
    """Put the evidence, its report and the card into a candidate's folder, replacing older ones.

    Raises
    ------
    Conflict: it is signed already. DataError: the evidence is not JSON. Refused: the evidence is about other bytes,
        or the folder was changed since it was opened.
    """
    current = open_candidate(candidate.folder)
    if current.signed:
        raise Conflict(
            "is signed; evidence cannot be changed any more", where=str(candidate.folder), remedy="Use --out DIR"
        )
    if current.digest != candidate.digest:
        raise Refused("was changed while it was validated", where=str(candidate.folder), remedy="Validate it again")
    quoted = evidence_digest(read_document(evidence, dict[str, Any], where="evidence.json"))
    if quoted != current.digest:
        raise Refused(
            f"the evidence is about {quoted or 'no digest'}, not about {current.digest}", where="evidence.json"
        )
    # Evidence last: where it is there, the report and the card belong to it.
    for name, content in (("report.html", report.encode()), ("card.md", card.encode()), ("evidence.json", evidence)):
        write_file(candidate.folder / name, content)
    return open_candidate(candidate.folder)


def evidence_digest(evidence: Mapping[str, Any]) -> str:
    """The candidate digest that an evidence document quotes; empty where it quotes none."""
    release = evidence.get("release")
    digest = release.get("digest") if isinstance(release, dict) else None
    return digest if isinstance(digest, str) else ""
