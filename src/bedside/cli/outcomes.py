"""``outcomes``: what really happened, linked to past answers; and the silent report that follows from it."""

from __future__ import annotations

import datetime as dt
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bedside.cli.evidence import require_scipy
from bedside.cli.server import open_ledger, proven
from bedside.errors import DataError, Refused

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
    entered. `AccessDenied` where `user` may not link outcomes. `Refused` for a prognosis, whose outcomes are times.
    """
    from bedside.ledger import require_linking
    from bedside.release import open_candidate, open_release
    from bedside.validation import read_outcomes

    if out is not None:
        require_scipy()
    opened = open_release(Path(release), Path(key)) if key else open_candidate(Path(release))
    outputs = opened.manifest.outputs
    if outputs.course is not None:
        raise Refused(
            "outcomes of a prognosis are times and events, which cannot be linked to answers",
            where=f"{opened.manifest.name} {opened.manifest.version}",
            remedy="Validate it on a table with both columns: bedside validate RELEASE --data FILE --out DIR",
        )

    def rows() -> Iterator[OutcomeRow]:
        return read_outcomes(Path(file), outputs.classes, outputs.codes)

    # Once before the ledger is asked, which takes longer than to find a row that cannot be right.
    given = Counter(row.outcome is not None for row in rows())
    with open_ledger(ledger) as book:
        person = proven(book, user, password)
        require_linking(person)
        facts = {"name": opened.manifest.name, "version": opened.manifest.version, "digest": opened.digest}
        with book.cases(opened.digest, opened.manifest.name) as known:
            unknown = _tell(book, known, rows(), str(file))
            entered = book.enter_outcomes(known.told(), release=facts, user=person)
            report = None if out is None else _report(book, person, opened, known, Path(out))
            done = sum(case.outcome is not None for case in known)
            waiting = len(known) - done
    return Linked(
        **facts,
        rows=given.total(),
        empty=given[False],
        linked=entered.new + entered.changed + entered.repeated,
        new=entered.new,
        changed=entered.changed,
        repeated=entered.repeated,
        unknown=unknown,
        with_outcome=done,
        without_outcome=waiting,
        report=report,
    )


def _tell(book: Ledger, known: Cases, rows: Iterable[OutcomeRow], file: str) -> int:
    """Tell each case what happened in it; how many rows are about what the release was never asked."""
    unknown = 0
    for row in rows:
        if row.outcome is not None:
            case = _case(book, known, row, file)
            if case is None:
                unknown += 1
            else:
                known.tell(case, row.outcome, row.observed)
    return unknown


def _case(book: Ledger, known: Cases, row: OutcomeRow, file: str) -> Case | None:
    """The case that a row is about; None where the release was never asked about it."""
    from bedside.ledger import asked_after, latest_before

    if row.answer is not None:
        case = known.get(row.answer)
        meant = [] if case is None else [case]
    else:
        meant = known.of_patient(book.find_patient(row.patient or "") or "")
    if meant and all(asked_after(case, row.observed) for case in meant):
        raise DataError(
            f"the outcome was observed on {row.observed}, before the answer was given",
            where=f"{file}, row {row.row}",
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

    silently, classes = any(case.silent is not None for case in known), manifest.outputs.classes
    tally = Counter(case.outcome and case.outcome in classes for case in _studied(known, digest, silently=silently))
    own, silent, live = _Told(classes), _Told(classes), _Told(classes)
    versions = set()
    judged = (case for case in _studied(known, digest, silently=silently) if case.outcome in classes)
    for case in one_per_patient(judged):
        said, outcome = case.silent if silently else case.live, classes.index(case.outcome)
        assert said is not None
        own.add(outcome, said)
        if silently and case.live is not None and _comparable(case.live, classes):
            silent.add(outcome, said)
            live.add(outcome, case.live)
            versions.add(case.live.version)
    asked = Asked(classes=classes, positive=manifest.outputs.positive, threshold=manifest.threshold)
    return SilentEvidence(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        classes=classes,
        positive=manifest.outputs.positive,
        threshold=manifest.threshold,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        silently=silently,
        with_outcome=len(own.outcomes),
        without_outcome=tally[None],
        left_out={
            "earlier answers about the same patient": tally[True] - len(own.outcomes),
            "entered in error": known.in_error,
            "erased patients": known.erased,
        },
        own=figures(asked, own.outcome(), own.answered()),
        compared=compared(asked, silent.outcome(), silent.answered(), live.answered(), tuple(sorted(versions)))
        if versions
        else None,
    )


def _studied(known: Cases, digest: str, *, silently: bool) -> Iterator[Case]:
    """A release that ran silently and went live later is judged by its silent answers: nobody acted on them."""
    for case in known:
        if case.silent is not None if silently else case.live is not None and case.live.digest == digest:
            yield case


def _comparable(live: Said, classes: tuple[str, ...]) -> bool:
    """Whether the live one knows the same classes."""
    return live.estimate is None or set(live.estimate) == set(classes)


class _Told:
    """What one release said of one patient after another, and what happened, as numbers: a million take little."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._nothing = dict.fromkeys(classes, float("nan"))
        self._probability, self._abstained, self._alert = array("d"), array("b"), array("b")
        self._declared = True
        self.outcomes = array("q")

    def add(self, outcome: int, said: Said) -> None:
        """One patient; ``outcome`` is a position among the classes."""
        self.outcomes.append(outcome)
        estimate = said.estimate or self._nothing
        self._probability.extend(estimate[name] for name in self._classes)
        self._abstained.append(said.abstained)
        self._alert.append(bool(said.alert))
        self._declared &= said.alert is not None or said.abstained

    def outcome(self) -> Any:
        """What happened."""
        return np.array(self.outcomes, dtype=np.int64)

    def answered(self) -> Answered:
        """What it said."""
        from bedside.validation import Answered

        return Answered(
            probability=np.array(self._probability, dtype=np.float64).reshape(-1, len(self._classes)),
            abstained=np.array(self._abstained, dtype=bool),
            alert=np.array(self._alert, dtype=bool) if self._declared else None,
        )
