"""The figures of a silent report, from the cases that the ledger knows."""

from __future__ import annotations

import datetime as dt
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET

if TYPE_CHECKING:
    from bedside.ledger import Case, Cases, FollowedFor, Said
    from bedside.release import Manifest, Outputs
    from bedside.validation import Answered, Asked, AskedOverTime, SilentEvidence, Warned


def silent_evidence(manifest: Manifest, digest: str, known: Cases, now: dt.datetime) -> SilentEvidence:
    """The figures of one release: of each patient the last answer with an outcome; of a prognosis, the first.

    ``known``: its cases. ``now``: no patient can have been followed for longer than until then.
    """
    from bedside.ledger import one_per_patient
    from bedside.validation import SilentEvidence, compared, figures

    silently, outputs = any(case.silent is not None for case in known), manifest.outputs
    course = outputs.course
    tally = Counter(case.outcome and _told(case, outputs) for case in _studied(known, digest, silently=silently))
    own, silent, live = _Told(outputs), _Told(outputs), _Told(outputs)
    versions, longer = set(), 0
    judged = (case for case in _studied(known, digest, silently=silently) if _told(case, outputs))
    for case in one_per_patient(judged, first=course is not None):
        said = case.silent if silently else case.live
        assert said is not None
        own.add(case, said)
        longer += case.followed is not None and longer_than(case.followed, case, now)
        if silently and case.live is not None and _comparable(case.live, outputs):
            silent.add(case, said)
            live.add(case, case.live)
            versions.add(case.live.version)
    asked = _asked(manifest)
    return SilentEvidence(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        classes=outputs.classes,
        positive=outputs.positive,
        threshold=manifest.threshold,
        course=UNSET if course is None else course,
        date=now.date().isoformat(),
        silently=silently,
        with_outcome=len(own.outcomes),
        without_outcome=tally[None],
        left_out={
            f"{'earlier' if course is None else 'later'} answers about the same patient": tally[True]
            - len(own.outcomes),
            "entered in error": known.in_error,
            "erased patients": known.erased,
        }
        | ({"an outcome that this release does not know": tally[False]} if tally[False] else {}),
        own=figures(asked, own.happened(), own.answered()),
        compared=compared(asked, silent.happened(), silent.answered(), live.answered(), tuple(sorted(versions)))
        if versions
        else None,
        warned=tuple(_warned(asked, own, longer)),
    )


SLACK = 2.0
"""Days by which a follow-up may seem too long: dates have no hours, and months not the same days."""


def longer_than(followed: FollowedFor, case: Case, until: dt.datetime) -> bool:
    """Whether a follow-up took longer than there was time for between the question and a moment."""
    from bedside.ledger import passed
    from bedside.sources import convert

    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    return convert(followed.time - followed.entry, followed.unit, "d") > passed(case, until) + SLACK


def _asked(manifest: Manifest) -> Asked | AskedOverTime:
    from bedside.validation import Asked, AskedOverTime

    outputs = manifest.outputs
    if outputs.course is not None:
        return AskedOverTime.of(outputs.course, outputs.classes)
    return Asked(classes=outputs.classes, positive=outputs.positive, threshold=manifest.threshold)


def _studied(known: Cases, digest: str, *, silently: bool) -> Iterator[Case]:
    """A release that ran silently and went live later is judged by its silent answers: nobody acted on them."""
    for case in known:
        if case.silent is not None if silently else case.live is not None and case.live.digest == digest:
            yield case


def _told(case: Case, outputs: Outputs) -> bool:
    """Whether what is known of a case answers the release's question."""
    return case.outcome in outputs.classes and (case.followed is not None) == (outputs.course is not None)


def _comparable(live: Said, outputs: Outputs) -> bool:
    """Whether the live one knows the same classes, or gives a risk by each of the horizons."""
    if live.estimate is None:
        return True
    asked = set(outputs.estimates)
    return asked == set(live.estimate) if outputs.course is None else asked <= set(live.estimate)


def _warned(asked: Asked | AskedOverTime, own: _Told, longer: int) -> Iterator[Warned]:
    """What a reader must know: how far the patients were followed, and follow-up that cannot be as it is told."""
    from bedside.validation import LEAST, Warned, cautions

    said = own.answered()
    if (~said.abstained).sum() >= LEAST:
        yield from cautions(asked, own.happened(), said)
    if longer:
        yield Warned(
            code="follow-up-too-long",
            text=f"{longer} patients were followed for longer than has passed since their answer: it was known before "
            "what happened to them, or their times are in another unit or do not count from the answer.",
        )


class _Told:
    """What one release said of one patient after another, and what happened, as numbers: a million take little."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs, self._names = outputs, outputs.estimates
        self._nothing = dict.fromkeys(self._names, float("nan"))
        self._columns, self._abstained, self._alert = array("d"), array("b"), array("b")
        self._declared = True
        self._time, self._entry = array("d"), array("d")
        self.outcomes = array("q")

    def add(self, case: Case, said: Said) -> None:
        """One patient, whose outcome is one of the classes."""
        self.outcomes.append(self._outputs.classes.index(str(case.outcome)))
        if case.followed is not None and self._outputs.course is not None:
            self._follow(case.followed, self._outputs.course.unit)
        estimate = said.estimate or self._nothing
        self._columns.extend(estimate[name] for name in self._names)
        self._abstained.append(said.abstained)
        self._alert.append(bool(said.alert))
        self._declared &= said.alert is not None or said.abstained

    def _follow(self, followed: FollowedFor, unit: str) -> None:
        from bedside.sources import convert

        self._time.append(convert(followed.time, followed.unit, unit))
        self._entry.append(convert(followed.entry, followed.unit, unit))

    def happened(self) -> Any:
        """What happened, as the question takes it."""
        from bedside.validation import FollowedUp

        outcome = np.array(self.outcomes, dtype=np.int64)
        if self._outputs.course is None:
            return outcome
        return FollowedUp(outcome, np.array(self._time, dtype=np.float64), np.array(self._entry, dtype=np.float64))

    def answered(self) -> Answered:
        """What it said."""
        from bedside.validation import Answered

        return Answered(
            columns=np.array(self._columns, dtype=np.float64).reshape(-1, len(self._names)),
            abstained=np.array(self._abstained, dtype=bool),
            alert=np.array(self._alert, dtype=bool) if self._declared else None,
        )
