"""The results of the verbs in words, for a terminal; each function has the name of its verb."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from bedside.cli.patients import Explained, Predicted

if TYPE_CHECKING:
    from bedside.browser import Site
    from bedside.cli.environment import Environment
    from bedside.cli.evidence import Validated
    from bedside.cli.ledger import Checkpointed
    from bedside.cli.outcomes import Linked
    from bedside.cli.server import Added
    from bedside.cli.service_keys import ListedKeys, MadeKey
    from bedside.cli.signing import Keys, Signed
    from bedside.cli.standing import Deployed, Reinstated
    from bedside.cli.study import Drafted, Trained
    from bedside.cli.targets import Dropped
    from bedside.cohort import DataCheck, FollowUpFacts
    from bedside.ledger import (
        Approval,
        BackedUp,
        Erasure,
        Exported,
        Key,
        Migrated,
        Restored,
        Suspension,
        User,
        Verification,
    )
    from bedside.release import Received, Sent, Verified


class Shown(msgspec.Struct, frozen=True):
    """Where the demo's results are, and the clinician's log-in with a one-time password."""

    study: str
    release: str
    report: str
    ledger: str
    user: str
    password: str
    seconds: float
    served: bool
    serve_command: str


def document(result: Any) -> Any:
    """What ``--json`` prints for a result."""
    if isinstance(result, Predicted):
        rows = [dict(zip(piece, row, strict=True)) for piece in result.pieces for row in _rows(piece)]
        ran = {"target": result.target, "processor": result.processor}
        written = {"out": result.out, "rows": result.rows, "after": result.after, "anew": result.anew}
        return written | ran if result.out else {"predictions": rows} | ran
    if isinstance(result, Explained):
        return {"explanations": list(result.cases)}
    if hasattr(result, "evidence"):
        return result.evidence
    return {} if result is None else msgspec.to_builtins(result)


def _rows(piece: dict[str, Any]) -> Any:
    columns = [[None if cell != cell else cell for cell in column.tolist()] for column in piece.values()]
    return zip(*columns, strict=True)


def status(result: Any) -> int:
    """Exit status that a result means: 1 where it is a refusal, else 0."""
    evidence = getattr(result, "evidence", None)
    gate_failed = evidence is not None and bool(evidence.gates) and evidence.verdict == "refused"
    return int(gate_failed or getattr(result, "holds", True) is False or bool(getattr(result, "errors", ())))


def demo(result: Shown) -> str:
    """Where everything is."""
    return "" if result.served else f"Not serving (--no-serve). To serve it:\n  {result.serve_command}"


def init(result: Drafted) -> str:
    """What to do with the draft."""
    return (
        f"Wrote {result.study}\n{result.confirm} guesses in it are marked CONFIRM: check each against what you know "
        f"of the data, then run\n  bedside check {result.study}"
    )


def check(result: DataCheck) -> str:
    """Attrition, then what was found, gravest first."""
    lines = ["Patients"]
    lines += [
        f"  {step.rows:>7}  {step.step}" + (f" ({step.removed} removed)" if step.removed else "")
        for step in result.attrition
    ]
    lines += [] if result.follow_up is None else _follow_up(result.follow_up)
    lines += [f"  {rows:>7}  got {name}" for name, rows in result.treatments.items()]
    if (told := result.amounts) is not None:
        half = f"half of them from {told.lower_quartile:g} to {told.upper_quartile:g}"
        lines.append(f"Outcome: median {told.median:g} {told.unit}, {half}")
    order = {"error": 0, "warning": 1, "note": 2}
    for finding in sorted(result.findings, key=lambda finding: order[finding.severity]):
        lines.append(f"{finding.severity.upper():<8} {finding.where}: {finding.text}")
        if finding.remedy:
            lines.append(f"         {finding.remedy}")
    errors = sum(finding.severity == "error" for finding in result.findings)
    lines.append(f"{errors} errors: training would refuse" if errors else "No errors: ready to train")
    return "\n".join(lines)


def _follow_up(facts: FollowUpFacts) -> list[str]:
    events = ", ".join(f"{rows} {name}" for name, rows in facts.events.items())
    median = "not reached" if facts.median is None else f"{facts.median:g} {facts.unit}"
    lines = ["Follow-up", f"  events: {events}; {facts.censored:.0%} censored; median follow-up {median}"]
    for one in facts.horizons:
        risk = "not known" if one.risk is None else f"{one.risk:.1%}"
        lines.append(f"  by {one.horizon:g} {facts.unit}: {one.events} events, risk {risk}; {one.at_risk} at risk")
    return lines


def train(result: Trained) -> str:
    """What was packed, and what comes next."""
    lines = [f"warning: {text}" for text in result.warnings]
    lines.append(f"Candidate in {result.candidate} ({result.patients} rows fitted, {result.held_out} held out)")
    if result.log_loss_difference is not None:
        size = f"{abs(result.log_loss_difference):.4f} {'below' if result.log_loss_difference <= 0 else 'above'}"
        lines.append(f"Packed: {result.packed}. The network's loss over folds was {size} its floor's")
    lines += [f"Digest {result.digest}", f"Next: bedside validate {result.candidate}"]
    return "\n".join(lines)


def adopt(result: Trained) -> str:
    """That it equals the original, and what comes next."""
    lines = [f"warning: {text}" for text in result.warnings]
    proof = result.adopted
    if proof is not None:
        lines.append(
            f"Equal to the original: {proof.random} random and {proof.edge} edge rows, largest difference "
            f"{proof.largest:.2g}{_on_boundaries(proof)}"
        )
    lines.append(f"Candidate in {result.candidate} ({result.held_out} rows held out)")
    return "\n".join([*lines, f"Digest {result.digest}", f"Next: bedside validate {result.candidate}"])


def _on_boundaries(proof: Any) -> str:
    if not proof.boundary:
        return ""
    return f"; {proof.boundary} rows on a tree's boundary counted apart, {proof.boundary_differing} of them differ"


def validate(result: Validated) -> str:
    """Headline measures, gates, verdict."""
    lines = [f"{name:<24} {_measure(measure)}" for name, measure in result.headline()]
    lines += [f"gate {gate}" for gate in result.gates()]
    lines += [f"warning: {text}" for text in result.evidence.warnings]
    if result.evidence.gates:
        lines.append(f"Verdict: {result.evidence.verdict}")
    lines.append(f"Report: {result.report}")
    return "\n".join(lines)


def _measure(measure: Any) -> str:
    if measure.value is None:
        return "not defined on these data"
    interval = "" if measure.low is None else f"  ({measure.low:.3f} to {measure.high:.3f})"
    return f"{measure.value:7.3f}{interval}"


def drop(result: Dropped) -> str:
    """What is left, and that it must be validated again."""
    return (
        f"{result.candidate} has {', '.join(result.targets)}. Digest {result.digest}\n"
        f"Next: bedside validate {result.candidate}"
    )


def environment(result: Environment) -> str:
    """Where the tool is."""
    return f"{result.name} is in {result.folder}"


def keygen(result: Keys) -> str:
    """Where the keys are."""
    return f"{result.private} (keep it secret)\n{result.public} (give it to everyone who verifies)"


def sign(result: Signed) -> str:
    """What was signed by whom."""
    remark = "; the signer also trained or adopted it, and the release says so" if result.signer_is_trainer else ""
    return f"Signed by {result.signed_by}{remark}\nRelease in {result.release}\nDigest {result.digest}"


def verify(result: Verified) -> str:
    """That it holds."""
    return f"Verified: {result.name} {result.version}, signed by {result.signed_by}\nDigest {result.digest}"


def send(result: Sent) -> str:
    """Where it is, and what to tell the receiver."""
    kind = "release" if result.signed else "candidate, NOT SIGNED"
    return (
        f"{result.name} {result.version} ({kind}): {result.files} files, {result.size / 1e6:.1f} MB in {result.file}\n"
        f"SHA-256 of the file {result.sha256}\nDigest {result.digest}"
    )


def receive(result: Received) -> str:
    """Where it is, and who vouches for it."""
    if result.signed:
        first = f"Received release {result.name} {result.version}, signed by {result.signed_by}: the signature holds"
    else:
        first = (
            f"Received candidate {result.name} {result.version}\n"
            "NOT SIGNED: each file is what its own manifest lists, and nobody vouches for that"
        )
    return f"{first}\n{result.files} files in {result.folder}\nDigest {result.digest}"


def page(result: Site) -> str:
    """Where it is, whose key it carries, and what to do with it."""
    return (
        f"Wrote {result.out} ({result.size / 1e6:.1f} MB): {result.name} {result.version}\nKey {result.key}\n"
        "Next: unpack it on a file server (https), open it there, and compare the key that it shows"
    )


def predict(result: Predicted) -> str:
    """The table itself on standard output, or where it went."""
    ran = f"Computed as {result.target} on {result.processor}" + (f" ({result.why})" if result.why else "")
    if result.out:
        anew = f" (from row {result.after + 1} on)" if result.after else ""
        return f"Wrote {result.rows} rows to {result.out}{anew}\n{ran}"
    from bedside.sources import write_csv

    write_csv(sys.stdout, result.pieces)
    sys.stderr.write(f"{ran}\n")
    return ""


def explain(result: Explained) -> str:
    """One JSON object a line."""
    for case in result.cases:
        sys.stdout.write(msgspec.json.encode(case).decode() + "\n")
    return ""


def serve(_result: None) -> str:
    """Nothing: the server has said what there was to say."""
    return ""


def approve(result: Approval) -> str:
    """Whose approval was entered."""
    return f"Approved {result.name} {result.version} ({result.digest}) by {result.approver}"


def deploy(result: Deployed) -> str:
    """What was decided, and what a server made of it."""
    what = {"live": "is to answer", "silent": "is to run silently", "withdrawn": "is out of service"}[result.mode]
    lines = [f"Entered: {result.name} {result.version} {what} (entry {result.entry}, by {result.by})"]
    if result.refused is not None:
        lines.append(f"A server refused it, and what answered before goes on answering: {result.refused}")
    elif result.taken_over_by is not None:
        lines.append(f"Taken over by {result.taken_over_by}")
    elif result.mode != "withdrawn" and result.followed:
        lines.append("No server has said yet that it took it over: its log says why, or wait longer with --wait")
    elif result.mode != "withdrawn":
        lines.append("No server runs on this ledger: it takes effect when one starts")
    return "\n".join([*lines, f"Digest {result.digest}"])


rollback = deploy


def suspend(result: Suspension) -> str:
    """Who stopped what."""
    return f"Suspended {result.name} {result.version} ({result.digest}) by {result.by}: {result.reason}"


def reinstate(result: Reinstated) -> str:
    """Whether it may answer again."""
    state = "It may answer again" if result.lifted else "One more person has to say so; one of the two is a clinician"
    return f"{result.by} reinstates {result.name} {result.version} ({result.digest})\n{state}"


def outcomes(result: Linked) -> str:
    """How many outcomes were linked, and what came of the others."""
    lines = [
        f"{result.name} {result.version}: {result.linked} of {result.rows} outcomes linked "
        f"({result.new} new, {result.changed} changed, {result.repeated} entered before)"
    ]
    if result.unknown:
        lines.append(f"{result.unknown} rows are about answers or patients that this release was never asked about")
    if result.empty:
        lines.append(f"{result.empty} rows have no outcome")
    lines.append(f"Answers with an outcome: {result.with_outcome}; without one yet: {result.without_outcome}")
    return "\n".join([*lines, f"Report: {result.report}"] if result.report else lines)


def user_add(result: Added) -> str:
    """The secret, once."""
    return f"Added {result.role} {result.name}\n{_secret(result)}"


def user_link(result: User) -> str:
    """Who may now log in through the provider."""
    return f"Linked: {result.name} ({result.role}) may log in through the provider"


def user_renew(result: Added) -> str:
    """The new secret, once."""
    return f"Renewed for {result.role} {result.name}\n{_secret(result)}"


def key_add(result: MadeKey) -> str:
    """The secret, once."""
    return f"Made key {result.number} of {result.service}, {_end(result.expires)}\nAPI key (shown once): {result.key}"


def key_list(result: ListedKeys) -> str:
    """One line a key."""
    lines = [
        f"{key.service}  key {key.number}  made {key.made[:10]}  "
        + (f"EXPIRED {key.expires}" if key.expired else _end(key.expires))
        for key in result.keys
    ]
    return "\n".join(lines) or "There are no keys"


def key_revoke(result: Key) -> str:
    """Which one is gone."""
    return f"Revoked key {result.number} of {result.service}"


def _end(expires: str | None) -> str:
    return f"expires {expires}" if expires else "does not expire"


def _secret(added: Added) -> str:
    if added.key:
        return f"API key (shown once): {added.key}"
    return f"One-time password (to be changed at the first log-in): {added.password}"


def ledger_migrate(result: Migrated) -> str:
    """From which revision to which."""
    was = "new" if result.before is None else f"was {result.before}"
    granted = f"\n{result.granted} may serve: it adds entries and changes none" if result.granted else ""
    return f"Ledger {result.place} has revision {result.after} ({was}){granted}"


def ledger_verify(result: Verification) -> str:
    """Whether the chain holds, and where not."""
    if result.holds:
        counts = {"Checkpoints that hold": result.checkpoints, "Patients erased": result.erased}
        more = "".join(f"\n{what}: {number}" for what, number in counts.items() if number)
        return f"The ledger holds: {result.entries} entries, head {result.head}{more}"
    return "\n".join(["The ledger does not hold:", *result.problems])


def ledger_checkpoint(result: Checkpointed) -> str:
    """Where it is, and what to do with it."""
    return f"Signed entry {result.seq} ({result.digest})\n{result.out}: keep it away from the ledger"


def ledger_export(result: Exported) -> str:
    """How many events, and of which entries."""
    return f"Wrote {result.events} AuditEvents (entries {result.first} to {result.last}) to {result.out}"


def ledger_backup(result: BackedUp) -> str:
    """Where it is, and what it needs beside it."""
    return (
        f"Backed up {result.seq} entries, head {result.digest}\n{result.out} ({result.size / 1e6:.1f} MB): "
        "keep the master key and its .erased list elsewhere; without them it cannot be restored"
    )


def ledger_restore(result: Restored) -> str:
    """What is there again, and what is not."""
    return (
        f"Restored {result.place}: {result.seq} entries as of {result.at}, head {result.digest}; it holds\n"
        f"Patients erased since: {result.erased}. Nobody is logged in"
    )


def ledger_erase(result: Erasure) -> str:
    """What is gone, and what is left to do."""
    lines = [f"Erased patient {result.ref} (entry {result.seq}); {result.answers} answers can no longer be read"]
    if not result.wiped:
        lines.append("The database still holds the bytes that it deleted: run VACUUM FULL patients, as its owner")
    return "\n".join(lines)
