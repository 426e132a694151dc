"""``outcomes``: what really happened, linked to past answers; and the silent report that follows from it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bedside.cli.evidence import require_scipy
from bedside.cli.server import open_ledger, proven
from bedside.errors import DataError, UsageError

if TYPE_CHECKING:
    from bedside.ledger import Case, Cases, FollowedFor, Ledger, User
    from bedside.release import Candidate, Course
    from bedside.validation import OutcomeRow


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
    For a prognosis the release's own columns of events and of times since the answer stand in place of ``outcome``, and
    what happened to a patient belongs to the first answer. Run again, nothing is entered twice; another outcome for the
    same answer replaces the earlier one.

    Raises `UsageError` for a treatment or a dose, whose outcomes this version does not link; `DataError` naming the row
    for an unknown outcome, a time that cannot be, or what was observed before the answer: then nothing is entered.
    `AccessDenied` where `user` may not link outcomes.
    """
    from bedside.ledger import require_linking
    from bedside.release import open_candidate, open_release
    from bedside.validation import read_outcomes

    if out is not None:
        require_scipy()
    opened = open_release(Path(release), Path(key)) if key else open_candidate(Path(release))
    outputs = opened.manifest.outputs
    if outputs.tensor == "estimate":
        raise UsageError(
            f"what became of the patients of a {opened.manifest.task} cannot be linked to its answers in this version",
            where=str(release),
            remedy="Validate the release on the table of these patients: bedside validate RELEASE --data FILE",
        )

    def rows() -> Iterator[OutcomeRow]:
        return read_outcomes(Path(file), outputs)

    # Once before the ledger is asked, which takes longer than to find a row that cannot be right.
    given = Counter(row.outcome is not None for row in rows())
    with open_ledger(ledger) as book:
        person = proven(book, user, password)
        require_linking(person)
        facts = {"name": opened.manifest.name, "version": opened.manifest.version, "digest": opened.digest}
        with book.cases(opened.digest, opened.manifest.name) as known:
            unknown = _tell(book, known, rows(), outputs.course, str(file))
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


def _tell(book: Ledger, known: Cases, rows: Iterable[OutcomeRow], course: Course | None, file: str) -> int:
    """Tell each case what happened in it; how many rows are about what the release was never asked."""
    unknown = 0
    for row in rows:
        if row.outcome is not None:
            case = _case(book, known, row, file)
            if case is None:
                unknown += 1
            else:
                known.tell(case, row.outcome, row.observed, _followed(case, row, course, file))
    return unknown


def _case(book: Ledger, known: Cases, row: OutcomeRow, file: str) -> Case | None:
    """The case that a row is about; None where the release was never asked about it."""
    from bedside.ledger import asked_after, latest_before

    if row.answer is not None:
        case = known.get(row.answer)
        meant = [] if case is None else [case]
    else:
        meant = known.of_patient(book.find_patient(row.patient or "") or "")
        # Follow-up begins where the patient was first asked about: a later answer is one that they lived to get.
        meant = meant if row.spell is None else meant[:1]
    if meant and all(asked_after(case, row.observed) for case in meant):
        raise DataError(
            f"the outcome was observed on {row.observed}, before the answer was given",
            where=f"{file}, row {row.row}",
            remedy="Leave out what was known when the question was asked",
        )
    return latest_before(meant, row.observed)


def _followed(case: Case, row: OutcomeRow, course: Course | None, file: str) -> FollowedFor | None:
    """How long the patient was followed; not for longer than from the answer to the day when that was observed."""
    from bedside.cli.silent_report import longer_than
    from bedside.ledger import FollowedFor

    if course is None or row.spell is None:
        return None
    followed = FollowedFor(time=row.spell.time, entry=row.spell.entry, unit=course.unit)
    if row.observed is not None and longer_than(followed, case, dt.datetime.fromisoformat(row.observed)):
        raise DataError(
            f"{course.time} is {followed.time:g} {course.unit}, longer than from the answer to {row.observed}",
            where=f"{file}, row {row.row}",
            remedy=f"It counts from the answer, in {course.unit}",
        )
    return followed


def _report(book: Ledger, person: User, release: Candidate, known: Cases, out: Path) -> str:
    """Write both files, and enter the figures for the release's page."""
    from bedside.cli.silent_report import silent_evidence
    from bedside.validation import render_silent_report

    now = dt.datetime.fromisoformat(book.now())
    evidence = msgspec.to_builtins(silent_evidence(release.manifest, release.digest, known, now))
    out.mkdir(parents=True, exist_ok=True)
    (out / "silent.json").write_bytes(msgspec.json.format(msgspec.json.encode(evidence), indent=2) + b"\n")
    (out / "silent.html").write_text(render_silent_report(evidence), encoding="utf-8")
    book.enter_silent_report(release.manifest.name, evidence, user=person)
    return str(out / "silent.html")
