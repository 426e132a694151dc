"""From an accepted candidate to a release: the same bytes, with a signature over every one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bedside.errors import Conflict, GateFailed
from bedside.release.candidate import Candidate, evidence_digest, open_candidate
from bedside.release.folder import SIGNED, publish, sha256, staging, write_files
from bedside.release.json_document import document_bytes
from bedside.release.keys import read_private_key


class Signing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``signing.json``: who signed what, when; the signature covers it.

    Attributes
    ----------
    by: who signed. at: when, UTC. trained_by: who ran the training.
    signer_is_trainer: whether they are the same person; such a release was checked by nobody else.
    candidate_digest: of the candidate that was signed. evidence_digest: SHA-256 of its ``evidence.json``.
    """

    by: str
    at: dt.datetime
    trained_by: str
    signer_is_trainer: bool
    candidate_digest: str
    evidence_digest: str


def sign(
    candidate: Candidate, key: Path, out: Path, by: str, *, login: str | None = None, now: dt.datetime | None = None
) -> Path:
    """Copy a candidate to `out`, a new folder, and sign it; the candidate itself is not touched.

    The signature is OpenSSF model signing's (a Sigstore bundle) with a local key, made offline over every file.

    Parameters
    ----------
    by: name of the person who signs. login: the signer's log-in name, where known: training notes the trainer's.
    now: when; default the clock's time.

    Raises
    ------
    GateFailed: there is no evidence, or it belongs to other bytes, or its verdict is not "accepted", or it judged no
        gate, or a gate failed (each is named with limit and value), or a target is not validated or failed (it is
        named); or nobody wrote what the release is for.
    Conflict: `out` is there already, or the candidate is signed. UsageError: the key cannot be used.
    Refused: the candidate was changed since it was packed.
    """
    current = open_candidate(candidate.folder)
    if current.signed:
        raise Conflict("is signed already", where=str(candidate.folder))
    _refuse_unwritten(current)
    _refuse_gates(current)
    read_private_key(key)  # refused here, before anything is written
    out = Path(out).absolute()
    if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
        raise Conflict("is there already", where=str(out), remedy="Choose another --out")
    signing = _signing(current, by, login, now or dt.datetime.now(dt.UTC))
    with staging(out) as stage:
        draft = stage / out.name
        write_files(dict(current.files) | {"signing.json": document_bytes(signing)}, draft)
        _seal(draft, key, stage / SIGNED[1])
        (stage / SIGNED[1]).rename(draft / SIGNED[1])
        publish(draft, stage, out)
    return out


def _refuse_unwritten(candidate: Candidate) -> None:
    """A drafted study says "To be written" where its author must say whom the answer is for, and for what."""
    for name in ("intended_use", "population"):
        text = getattr(candidate.manifest, name)
        if not text.strip() or text.startswith("To be written"):
            raise GateFailed(
                f"{name} was never written", where=str(candidate.folder), remedy="Write it in [study], train again"
            )


def _refuse_gates(candidate: Candidate) -> None:
    where = str(candidate.folder / "evidence.json")
    if "evidence.json" not in candidate.files:
        raise GateFailed(
            "there is no evidence", where=where, remedy="Validate the candidate first: bedside validate CANDIDATE"
        )
    evidence = candidate.document("evidence.json")
    if evidence_digest(evidence) != candidate.digest:
        raise GateFailed(
            f"the evidence belongs to other bytes: it quotes {evidence_digest(evidence) or 'no digest'}, "
            f"the candidate's is {candidate.digest}",
            where=where,
            remedy="Validate the candidate again",
        )
    gates = evidence.get("gates")
    if not isinstance(gates, list) or not gates:
        raise GateFailed("no gate was judged", where=where, remedy="Declare gates in [accept] of the study")
    _refuse_targets(candidate, evidence, where)
    failed = [_gate(gate) for gate in gates if not (isinstance(gate, dict) and gate.get("passed") is True)]
    if failed:
        raise GateFailed(f"{len(failed)} of {len(gates)} gates failed: {'; '.join(failed)}", failed=failed, where=where)
    _refuse_one_arm_for_all(candidate, evidence, where)
    if evidence.get("verdict") != "accepted":
        why = evidence.get("verdict_text")
        raise GateFailed(
            f"the verdict is {evidence.get('verdict')!r}, not 'accepted'{f': {why}' if why else ''}",
            where=where,
            remedy="Declare gates in [accept] of the study, and train and validate again",
        )


def _refuse_one_arm_for_all(candidate: Candidate, evidence: Mapping[str, Any], where: str) -> None:
    """A rule that was not shown to be better than the best single arm is no rule, whatever the study asked for."""
    if candidate.manifest.outputs.arms is None:
        return
    measures = evidence.get("measures")
    gain = measures.get("policy_gain") if isinstance(measures, dict) else None
    low = gain.get("low") if isinstance(gain, dict) else None
    if not isinstance(low, int | float) or not low > 0:
        raise GateFailed(
            "the rule was not shown to be better than the best single arm: one arm for all",
            failed=[f"policy_gain above 0, lower end of the interval: {low}"],
            where=where,
        )


def _refuse_targets(candidate: Candidate, evidence: Mapping[str, Any], where: str) -> None:
    """Every file that can serve was run on the held-out patients, and lost no more than ``[accept] targets`` allows."""
    rows = evidence.get("targets")
    gates = [gate for gate in evidence.get("gates", []) if isinstance(gate, dict)]
    for name in candidate.manifest.targets:
        row = rows.get(name) if isinstance(rows, dict) else None
        if not isinstance(row, dict) or row.get("validated") is not True:
            raise GateFailed(
                f"the target {name} is not validated",
                failed=[name],
                where=where,
                remedy=f"Run it where its runtime is: bedside validate CANDIDATE --target {name}. "
                f"Or pack without it: bedside drop CANDIDATE {name}",
            )
        own = [gate for gate in gates if str(gate.get("name")).startswith(f"targets.{name}: ")]
        lost = [_gate(gate) for gate in own if gate.get("passed") is not True]
        if lost:
            raise GateFailed(
                f"the target {name} failed: {'; '.join(lost)}",
                failed=lost,
                where=where,
                remedy=f"Pack without it: bedside drop CANDIDATE {name}",
            )


def _gate(gate: Any) -> str:
    if not isinstance(gate, Mapping):
        return f"{gate!r} is no gate"
    value = gate.get("value")
    shown = f"{value:.4g}" if isinstance(value, (int, float)) else "not defined"
    why = f": {gate.get('text')}" if gate.get("text") else ""
    return f"{gate.get('name')} (limit {gate.get('limit')}, value {shown}){why}"


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _signing(candidate: Candidate, by: str, login: str | None, now: dt.datetime) -> Signing:
    trainer = candidate.manifest.trained_by
    return Signing(
        by=by,
        at=now.astimezone(dt.UTC),
        trained_by=trainer,
        signer_is_trainer=_plain(trainer) in {_plain(by), _plain(login or by)},
        candidate_digest=candidate.digest,
        evidence_digest=sha256(candidate.files["evidence.json"]),
    )


def _seal(folder: Path, key: Path, signature: Path) -> None:
    """Sign every file: nothing is ignored, git's files neither, and no link is followed."""
    from model_signing import hashing, signing

    strict = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    signing.Config().set_hashing_config(strict).use_elliptic_key_signer(private_key=key).sign(folder, signature)
