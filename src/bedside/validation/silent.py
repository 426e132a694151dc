"""The silent report's figures: a silent release, alone and beside the live one, on patients whose outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Bool, Float
from msgspec import UNSET, UnsetType

from bedside.privacy import suppressed
from bedside.release import Course
from bedside.validation.evidence import Estimate, FollowUpFacts, Measures, Warned
from bedside.validation.given import Given
from bedside.validation.registry import measures_of

Groups = Mapping[str, Bool[np.ndarray, " patient"]]

LEAST = 10
"""Patients below which nothing but their number is told."""


@dataclass(frozen=True)
class Answered:
    """What one release answered to n patients.

    Attributes
    ----------
    columns: probability of each class, or risk by each horizon; rows of nan where it abstained.
    abstained: whether it did.
    alert: whether it reached its own threshold; None where it declares none.
    """

    columns: Float[np.ndarray, "patient estimate"]
    abstained: Bool[np.ndarray, " patient"]
    alert: Bool[np.ndarray, " patient"] | None

    def take(self, mask: Bool[np.ndarray, " patient"]) -> Answered:
        """The patients of a mask."""
        alert = None if self.alert is None else self.alert[mask]
        return Answered(self.columns[mask], self.abstained[mask], alert)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One release on one group of patients.

    Attributes
    ----------
    n, n_events: patients with an estimate, and those of them with the outcome (with more than two classes: of a class
        that has a threshold). Of a prognosis, those whose event was seen at any time; None where that, or the others,
        are 1 to 9. abstained: patients without an estimate, beside n.
    measures: over the patients with an estimate. follow_up: how long they were followed, of a prognosis.
    """

    n: int
    n_events: int | None
    abstained: int
    measures: Measures
    follow_up: FollowUpFacts | UnsetType = UNSET


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Patients by what the two releases would have had done; ``n_events`` of ``n`` had the outcome.

    Of a prognosis ``share`` is the share with the event by the horizon of the decision (Aalen-Johansen), and there is
    no ``n_events``, as some were followed for less; groups of 1 to 9 have neither, and no ``n``.
    """

    group: str
    n: int | None
    n_events: int | None
    share: Estimate | UnsetType = UNSET


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Both releases on the same patients.

    Attributes
    ----------
    n: patients whom both were asked about and whose outcome is known. n_both: those with an estimate of both.
    live_versions: which versions were live. silent, live: over those with both estimates, None where they are too few.
    difference: measures of the silent one minus those of the live one, paired: of a diagnosis AUROC, with DeLong's
        interval; of a prognosis concordance, AUC and Brier scores, with the bootstrap's.
    decisions: at each release's own threshold; empty where one declares none, or they are too few.
    abstained_silent, abstained_live, abstained_both: of the n.
    """

    n: int
    n_both: int
    live_versions: tuple[str, ...]
    silent: Figures | None
    live: Figures | None
    difference: Measures
    decisions: tuple[Decision, ...]
    abstained_silent: int
    abstained_live: int
    abstained_both: int


class SilentEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """``silent.json``.

    Attributes
    ----------
    name, version, digest: the release. classes, positive: of its outcomes. threshold: as it declares it. date: of this.
    course: horizons, unit and decision, where the question is when something happens.
    silently: whether these are silent answers; else the release was live, and its own are judged.
    with_outcome: patients whose outcome is known. without_outcome: cases that wait for one.
    left_out: reason → how many. least: patients below which nothing but their number is told.
    own: the release by itself, None where the patients are too few. compared: None where no live one was asked too.
    warned: what a reader must know.
    """

    name: str
    version: str
    digest: str
    classes: tuple[str, ...]
    positive: str | None
    threshold: float | dict[str, float] | None
    course: Course | UnsetType = UNSET
    date: str
    silently: bool
    with_outcome: int
    without_outcome: int
    left_out: dict[str, int]
    least: int = LEAST
    own: Figures | None
    compared: Comparison | None
    warned: tuple[Warned, ...] = ()


@runtime_checkable
class Question(Protocol):
    """What the answers mean; `Any` is what happened to patients, which can be masked and has a length."""

    def n_events(self, happened: Any) -> int | None:
        """How many had the outcome; None where that is not told."""

    def given(
        self, happened: Any, said: Float[np.ndarray, "patient estimate"], abstained: Bool[np.ndarray, " patient"]
    ) -> Given:
        """What was said and what happened, as validation judges them."""

    def decided(self, happened: Any, groups: Groups) -> dict[str, dict[str, Any]]:
        """How many are in each group, and how many of them had the outcome, as fields of `Decision`."""


def figures(asked: Question, happened: Any, said: Answered) -> Figures | None:
    """One release on these patients; None where those with an estimate are too few."""
    kept = ~said.abstained
    if suppressed(int(kept.sum()), LEAST):
        return None
    given = asked.given(happened, said.columns, said.abstained)
    judged = measures_of(given)
    return Figures(
        n=int(kept.sum()),
        n_events=asked.n_events(happened[kept]),
        abstained=int(said.abstained.sum()),
        measures=judged.later(given),
        **judged.about(given.answered),
    )


def cautions(asked: Question, happened: Any, said: Answered) -> list[Warned]:
    """What only this question's evidence has to be told, of the patients with an estimate."""
    given = asked.given(happened, said.columns, said.abstained)
    return measures_of(given).cautions(given.answered)


def compared(asked: Question, happened: Any, silent: Answered, live: Answered, versions: tuple[str, ...]) -> Comparison:
    """Both releases on the same patients: figures over those with both estimates, the rest counted."""
    both = ~(silent.abstained | live.abstained)
    few = suppressed(int(both.sum()), LEAST)
    first, second, known = silent.take(both), live.take(both), happened[both]
    return Comparison(
        n=len(happened),
        n_both=int(both.sum()),
        live_versions=versions,
        silent=figures(asked, known, first),
        live=figures(asked, known, second),
        difference={} if few else _difference(asked, known, first, second),
        decisions=() if few else _decisions(asked, known, first.alert, second.alert),
        abstained_silent=int(silent.abstained.sum()),
        abstained_live=int(live.abstained.sum()),
        abstained_both=int((silent.abstained & live.abstained).sum()),
    )


def _difference(asked: Question, happened: Any, silent: Answered, live: Answered) -> Measures:
    given, other = (asked.given(happened, one.columns, one.abstained) for one in (silent, live))
    return measures_of(given).difference(given, other.probability)


def _decisions(
    asked: Question,
    happened: Any,
    silent: Bool[np.ndarray, " patient"] | None,
    live: Bool[np.ndarray, " patient"] | None,
) -> tuple[Decision, ...]:
    if silent is None or live is None:
        return ()
    groups = {
        "flagged by both": silent & live,
        "newly flagged": silent & ~live,
        "no longer flagged": ~silent & live,
        "flagged by neither": ~silent & ~live,
    }
    return tuple(Decision(group=name, **facts) for name, facts in asked.decided(happened, groups).items())
