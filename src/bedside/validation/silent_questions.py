"""What answers mean to the silent report: classes, or risks by horizons; and what happened to the patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.release import Course
from bedside.validation.diagnosis import Predictions, threshold_positions
from bedside.validation.evidence import Estimate
from bedside.validation.follow_up import counted, share_with
from bedside.validation.prognosis import Followed
from bedside.validation.silent import Groups


@dataclass(frozen=True)
class Asked:
    """The release's classes, its positive one, and its threshold. What happened is a position among the classes."""

    classes: tuple[str, ...]
    positive: str | None
    threshold: float | Mapping[str, float] | None

    def events(self, outcome: Int[np.ndarray, " patient"]) -> Bool[np.ndarray, " patient"]:
        """Whose outcome is the positive class, or one that has a threshold."""
        if self.positive is not None:
            return np.asarray(outcome == self.classes.index(self.positive))
        held = threshold_positions(self.classes, None, self.threshold)
        return np.asarray(np.isin(outcome, list(held)))

    def n_events(self, outcome: Int[np.ndarray, " patient"]) -> int:
        """How many they are."""
        return int(self.events(outcome).sum())

    def given(
        self,
        outcome: Int[np.ndarray, " patient"],
        said: Float[np.ndarray, "patient class"],
        abstained: Bool[np.ndarray, " patient"],
    ) -> Predictions:
        """The probability of each class, as validation judges it."""
        return Predictions(
            outcome=outcome,
            probability=said,
            classes=self.classes,
            positive=None if self.positive is None else self.classes.index(self.positive),
            thresholds={},
            sets=None,
            abstained=abstained,
        )

    def decided(self, outcome: Int[np.ndarray, " patient"], groups: Groups) -> dict[str, dict[str, Any]]:
        """How many are in each group, and how many of them had the outcome."""
        event = self.events(outcome)
        return {name: {"n": int(who.sum()), "n_events": int(event[who].sum())} for name, who in groups.items()}


@dataclass(frozen=True)
class FollowedUp:
    """What happened until the end of follow-up.

    Attributes
    ----------
    outcome: 0 where no event was seen, 1 for the one asked about, more for those that compete with it.
    time, entry: of the event or of the end; from when on; in the release's unit.
    """

    outcome: Int[np.ndarray, " patient"]
    time: Float[np.ndarray, " patient"]
    entry: Float[np.ndarray, " patient"]

    def __len__(self) -> int:
        return len(self.outcome)

    def __getitem__(self, mask: Bool[np.ndarray, " patient"]) -> FollowedUp:
        return FollowedUp(self.outcome[mask], self.time[mask], self.entry[mask])


@dataclass(frozen=True)
class AskedOverTime:
    """The release's horizons, and what may happen; of the course between the horizons the report knows nothing."""

    course: Course
    classes: tuple[str, ...]

    @classmethod
    def of(cls, course: Course, classes: tuple[str, ...]) -> AskedOverTime:
        """What a release asks, as far as an answer's risks tell of it."""
        edges = (0.0, *course.horizons)
        return cls(msgspec.structs.replace(course, events=course.events[:1], edges=edges, band=None), classes)

    def given(
        self,
        happened: FollowedUp,
        said: Float[np.ndarray, "patient horizon"],
        abstained: Bool[np.ndarray, " patient"],
    ) -> Followed:
        """The risk by each horizon, as validation judges it."""
        return Followed(
            outcome=happened.outcome,
            time=happened.time,
            entry=happened.entry if happened.entry.any() else None,
            probability=np.diff(np.maximum.accumulate(said, axis=1), axis=1, prepend=0.0, append=1.0),
            classes=self.classes,
            course=self.course,
            threshold=None,
            abstained=abstained,
            whole=False,
        )

    def n_events(self, happened: FollowedUp) -> int | None:
        """How many had the event asked about, whenever; None where these are few, or the others."""
        event = happened.outcome == 1
        return counted({"event": event, "others": ~event})["event"]

    def decided(self, happened: FollowedUp, groups: Groups) -> dict[str, dict[str, Any]]:
        """How many are in each group, and the share of them with the event by the horizon of the decision."""
        nothing = np.zeros((len(happened), len(self.course.horizons)))
        everybody = self.given(happened, nothing, np.zeros(len(happened), dtype=bool))

        def share(name: str) -> Estimate:
            return share_with(everybody.take(groups[name]), self.course.decision)

        return {
            # Whose number is withheld has no share either: its interval would tell the number.
            name: {"n": n, "n_events": None, "share": Estimate(value=None) if n is None else share(name)}
            for name, n in counted(groups).items()
        }
