"""The silent report's figures: a silent release, alone and beside the live one, on patients whose outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.privacy import suppressed
from bedside.validation.diagnosis import Predictions, compute, difference, threshold_positions
from bedside.validation.evidence import Measures

MEASURES = ("auroc", "brier", "calibration_intercept", "calibration_slope")
LEAST = 10
"""Patients below which nothing but their number is told."""


@dataclass(frozen=True)
class Answered:
    """What one release answered to n patients.

    Attributes
    ----------
    probability: rows of nan where it abstained. abstained: whether it did.
    alert: whether it reached its own threshold; None where it declares none.
    """

    probability: Float[np.ndarray, "patient class"]
    abstained: Bool[np.ndarray, " patient"]
    alert: Bool[np.ndarray, " patient"] | None

    def take(self, mask: Bool[np.ndarray, " patient"]) -> Answered:
        """The patients of a mask."""
        alert = None if self.alert is None else self.alert[mask]
        return Answered(self.probability[mask], self.abstained[mask], alert)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One release on one group of patients.

    Attributes
    ----------
    n, n_events: patients with an estimate, and those of them with the outcome (with more than two classes: of a class
        that has a threshold). abstained: patients without an estimate, beside n.
    measures: over the patients with an estimate.
    """

    n: int
    n_events: int
    abstained: int
    measures: Measures


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Patients by what the two releases would have had done; ``n_events`` of ``n`` had the outcome."""

    group: str
    n: int
    n_events: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Both releases on the same patients.

    Attributes
    ----------
    n: patients whom both were asked about and whose outcome is known. n_both: those with an estimate of both.
    live_versions: which versions were live. silent, live: over those with both estimates, None where they are too few.
    difference: AUROC of the silent one minus that of the live one, with DeLong's paired interval.
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
    name, version, digest: the release. classes, positive: of its answers. threshold: as it declares it. date: of this.
    silently: whether these are silent answers; else the release was live, and its own are judged.
    with_outcome: patients whose outcome is known. without_outcome: cases that wait for one.
    left_out: reason → how many. least: patients below which nothing but their number is told.
    own: the release by itself, None where the patients are too few. compared: None where no live one was asked too.
    """

    name: str
    version: str
    digest: str
    classes: tuple[str, ...]
    positive: str | None
    threshold: float | dict[str, float] | None
    date: str
    silently: bool
    with_outcome: int
    without_outcome: int
    left_out: dict[str, int]
    least: int = LEAST
    own: Figures | None
    compared: Comparison | None


@dataclass(frozen=True)
class Asked:
    """What the answers mean: the release's classes, its positive one, and its threshold."""

    classes: tuple[str, ...]
    positive: str | None
    threshold: float | Mapping[str, float] | None

    def events(self, outcome: Int[np.ndarray, " patient"]) -> Bool[np.ndarray, " patient"]:
        """Whose outcome is the positive class, or one that has a threshold."""
        if self.positive is not None:
            return np.asarray(outcome == self.classes.index(self.positive))
        held = threshold_positions(self.classes, None, self.threshold)
        return np.asarray(np.isin(outcome, list(held)))

    def predictions(self, outcome: Int[np.ndarray, " patient"], said: Answered) -> Predictions:
        """As validation judges them."""
        return Predictions(
            outcome=outcome,
            probability=said.probability,
            classes=self.classes,
            positive=None if self.positive is None else self.classes.index(self.positive),
            thresholds={},
            sets=None,
            abstained=said.abstained,
        )


def figures(asked: Asked, outcome: Int[np.ndarray, " patient"], said: Answered) -> Figures | None:
    """One release on these patients; None where those with an estimate are too few."""
    kept = ~said.abstained
    if suppressed(int(kept.sum()), LEAST):
        return None
    return Figures(
        n=int(kept.sum()),
        n_events=int(asked.events(outcome[kept]).sum()),
        abstained=int(said.abstained.sum()),
        measures=compute(asked.predictions(outcome, said), MEASURES),
    )


def compared(
    asked: Asked, outcome: Int[np.ndarray, " patient"], silent: Answered, live: Answered, versions: tuple[str, ...]
) -> Comparison:
    """Both releases on the same patients: figures over those with both estimates, the rest counted."""
    both = ~(silent.abstained | live.abstained)
    few = suppressed(int(both.sum()), LEAST)
    first, second = silent.take(both), live.take(both)
    return Comparison(
        n=len(outcome),
        n_both=int(both.sum()),
        live_versions=versions,
        silent=figures(asked, outcome[both], first),
        live=figures(asked, outcome[both], second),
        difference={} if few else difference(asked.predictions(outcome[both], first), second.probability),
        decisions=() if few else _decisions(asked.events(outcome[both]), first.alert, second.alert),
        abstained_silent=int(silent.abstained.sum()),
        abstained_live=int(live.abstained.sum()),
        abstained_both=int((silent.abstained & live.abstained).sum()),
    )


def _decisions(
    event: Bool[np.ndarray, " patient"],
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
    return tuple(Decision(group=name, n=int(who.sum()), n_events=int(event[who].sum())) for name, who in groups.items())
