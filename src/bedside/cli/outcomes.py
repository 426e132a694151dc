"""``outcomes``: what really happened, linked to past answers; and the silent report that follows from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedside.cli.evidence import require_scipy
from bedside.cli.server import open_ledger, proven
from bedside.errors import DataError

if TYPE_CHECKING:
    from bedside.ledger import Case, Cases, Ledger, Said, User
    from bedside.release import Candidate, Manifest
    from bedside.validation import Answered, OutcomeRow, SilentEvidence


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file of outcomes.

    Attributes
    ----------
    name, version, digest: the release. rows: of the file. empty: rows without an outcome.
    linked: outcomes that now stand with an answer; of them ``new``, ``changed`` (another stood there) and ``repeated``
        (it stood there already). unknown: rows whose answer or patient this release has never answered.
    with_outcome, without_outcome: answers of this release that have an outcome by now, and those that have none yet.
    report: path of the report, None without ``--out``.
    """

    name: str
    version: str
    digest: str
    rows: int
    empty: int
    linked: int
    new: int
    changed: int
    repeated: int
    unknown: int
    with_outcome: int
    without_outcome: int
    report: str | None


def outcomes(
    release: str | Path,
    file: str | Path,
    *,
    user: str,
    key: str | Path | None = None,
    out: str | Path | None = None,
    ledger: str | None = None,
    password: str | None = None,
) -> Linked:
    """Link outcomes to a release's answers, live or silent; with `out`, write ``silent.json`` and ``silent.html``.

    `file` is CSV or Parquet with the columns ``answer`` (an id) or ``patient`` (the hospital's), ``outcome`` in the
    release's classes or codes, and maybe ``observed``. An outcome of a patient belongs to the last answer before it.
    Run again, nothing is entered twice; another outcome for the same answer replaces the earlier one.

    Raises `DataError` naming the row for an unknown outcome or one that was observed before the answer: then nothing is
    entered. `AccessDenied` where `user` may not link outcomes.
    """
    from bedside.ledger import require_linking
    from bedside.release import open_candidate, open_release
    from bedside.validation import read_outcomes

    if out is not None:
        require_scipy()
    opened = open_release(Path(release), Path(key)) if key else open_candidate(Path(release))
    outputs = opened.manifest.outputs
    rows = read_outcomes(Path(file), outputs.classes, outputs.codes)
    with open_ledger(ledger) as book:
        person = proven(book, user, password)
        require_linking(person)
        name, version = opened.manifest.name, opened.manifest.version
        known = book.cases(opened.digest, name)
        ways = _Ways(book, known, str(file))
        found = [(row, ways.case(row)) for row in rows if row.outcome is not None]
        linked = [(case, row.outcome or "", row.observed) for row, case in found if case is not None]
        facts = {"name": name, "version": version, "digest": opened.digest}
        entered = book.enter_outcomes(linked, release=facts, user=person)
        known = book.cases(opened.digest, name)
        report = None if out is None else _report(book, person, opened, known, Path(out))
    done = sum(case.outcome is not None for case in known.cases)
    return Linked(
        **facts,
        rows=len(rows),
        empty=sum(row.outcome is None for row in rows),
        linked=len(linked),
        new=entered.new,
        changed=entered.changed,
        repeated=entered.repeated,
        unknown=len(found) - len(linked),
        with_outcome=done,
        without_outcome=len(known.cases) - done,
        report=report,
    )


class _Ways:
    """From a row to the case that it is about."""

    def __init__(self, book: Ledger, known: Cases, file: str) -> None:
        self.book = book
        self.file = file
        self.by_id = {case.id: case for case in known.cases}
        self.by_patient: dict[str, list[Case]] = {}
        for case in known.cases:
            if case.patient is not None:
                self.by_patient.setdefault(case.patient, []).append(case)

    def case(self, row: OutcomeRow) -> Case | None:
        """The case; None where the release was never asked about it."""
        from bedside.ledger import asked_after, latest_before

        if row.answer is not None:
            meant = [self.by_id[row.answer]] if row.answer in self.by_id else []
        else:
            meant = self.by_patient.get(self.book.find_patient(row.patient or "") or "", [])
        if meant and all(asked_after(case, row.observed) for case in meant):
            raise DataError(
                f"the outcome was observed on {row.observed}, before the answer was given",
                where=f"{self.file}, row {row.row}",
                remedy="Leave out what was known when the question was asked",
            )
        return latest_before(meant, row.observed)


def _report(book: Ledger, person: User, release: Candidate, known: Cases, out: Path) -> str:
    """Write both files, and enter the figures for the release's page."""
    from bedside.validation import render_silent_report

    evidence = msgspec.to_builtins(silent_evidence(release.manifest, release.digest, known))
    out.mkdir(parents=True, exist_ok=True)
    (out / "silent.json").write_bytes(msgspec.json.format(msgspec.json.encode(evidence), indent=2) + b"\n")
    (out / "silent.html").write_text(render_silent_report(evidence), encoding="utf-8")
    book.enter_silent_report(release.manifest.name, evidence, user=person)
    return str(out / "silent.html")


def silent_evidence(manifest: Manifest, digest: str, known: Cases) -> SilentEvidence:
    """The figures of one release from its cases: of each patient the last one with an outcome."""
    from bedside.ledger import one_per_patient
    from bedside.validation import Asked, SilentEvidence, compared, figures

    of_silent = [case for case in known.cases if case.silent is not None and case.silent.digest == digest]
    silently, classes = bool(of_silent), manifest.outputs.classes
    # A release that ran silently and went live later is judged by its silent answers: nobody acted on them.
    studied = of_silent or [case for case in known.cases if case.live is not None and case.live.digest == digest]
    judged = [case for case in studied if case.outcome in classes]
    last = one_per_patient(judged)
    pairs = [case for case in last if silently and _comparable(case, classes)]
    asked = Asked(classes=classes, positive=manifest.outputs.positive, threshold=manifest.threshold)
    said = [case.silent if silently else case.live for case in last]
    own = figures(asked, _classes(last, classes), _answered(said, classes))
    return SilentEvidence(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        classes=classes,
        positive=manifest.outputs.positive,
        threshold=manifest.threshold,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        silently=silently,
        with_outcome=len(last),
        without_outcome=sum(case.outcome is None for case in studied),
        left_out={
            "earlier answers about the same patient": len(judged) - len(last),
            "entered in error": known.in_error,
            "erased patients": known.erased,
        },
        own=own,
        compared=None
        if not pairs
        else compared(
            asked,
            _classes(pairs, classes),
            _answered([case.silent for case in pairs], classes),
            _answered([case.live for case in pairs], classes),
            tuple(sorted({case.live.version for case in pairs if case.live is not None})),
        ),
    )


def _comparable(case: Case, classes: tuple[str, ...]) -> bool:
    """Whether both were asked, and the live one knows the same classes."""
    if case.silent is None or case.live is None:
        return False
    return case.live.estimate is None or set(case.live.estimate) == set(classes)


def _classes(cases: Sequence[Case], classes: tuple[str, ...]) -> Any:
    return np.array([classes.index(case.outcome or "") for case in cases], dtype=np.int64)


def _answered(said: Sequence[Said | None], classes: tuple[str, ...]) -> Answered:
    from bedside.validation import Answered

    given = [one for one in said if one is not None]
    nothing = dict.fromkeys(classes, float("nan"))
    rows = [[(one.estimate or nothing)[name] for name in classes] for one in given]
    abstained = np.array([one.abstained for one in given], dtype=bool)
    alerts = [bool(one.alert) for one in given]
    declared = all(one.alert is not None or one.abstained for one in given)
    return Answered(
        probability=np.array(rows, dtype=np.float64).reshape(len(given), len(classes)),
        abstained=abstained,
        alert=np.array(alerts, dtype=bool) if declared else None,
    )
