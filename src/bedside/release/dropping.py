"""A candidate without one of its targets: other bytes, so another digest, and no evidence yet."""

from __future__ import annotations

import msgspec

from bedside.errors import Conflict, NotFound, UsageError
from bedside.release.candidate import Candidate, candidate_of, open_candidate
from bedside.release.card import model_card
from bedside.release.folder import sha256, staging, write_folder
from bedside.release.golden import Golden
from bedside.release.json_document import document_bytes, read_document
from bedside.release.sbom import without_file
from bedside.release.target import REFERENCE


def drop(candidate: Candidate, target: str) -> Candidate:
    """Write the candidate again, in its place, without a target; whole or not at all.

    Its evidence goes, because it is about other bytes.

    Raises
    ------
    NotFound: it has no such target. UsageError: it is the reference. Conflict: the candidate is signed.
    Refused: it was changed since it was packed.
    """
    current = open_candidate(candidate.folder)
    if current.signed:
        raise Conflict("is signed; a release is not changed", where=str(candidate.folder))
    if target == REFERENCE:
        raise UsageError("is what every other target is compared with; it stays", where=REFERENCE)
    if target not in current.manifest.targets:
        known = ", ".join(name for name in current.manifest.targets if name != REFERENCE) or "the reference alone"
        raise NotFound(f"has no target {target!r}", where=str(candidate.folder), remedy=f"It has: {known}")
    files = _without(current, target)
    digest = candidate_of(files, candidate.folder).digest
    files["card.md"] = model_card(current.manifest, digest, guidance=current.guidance).encode()
    folder = candidate.folder.absolute()
    with staging(folder) as stage:
        write_folder(files, stage, folder)
    return open_candidate(candidate.folder)


def _without(candidate: Candidate, target: str) -> dict[str, bytes]:
    manifest = candidate.manifest
    targets = {name: listed for name, listed in manifest.targets.items() if name != target}
    file = manifest.targets[target].file
    files = {name: content for name, content in candidate.files.items() if name in manifest.files}
    if all(listed.file != file for listed in targets.values()):
        del files[file]
        files["sbom.cdx.json"] = without_file(files["sbom.cdx.json"], file)
    golden: Golden = read_document(files["golden.json"], Golden, where="golden.json")
    expected = {name: one for name, one in golden.targets.items() if name != target}
    files["golden.json"] = document_bytes(msgspec.structs.replace(golden, targets=expected))
    digests = {name: sha256(content) for name, content in files.items()}
    smaller = msgspec.structs.replace(manifest, targets=targets, files=digests)
    return files | {"manifest.json": document_bytes(smaller)}
