"""The manifest: what a release says about itself, and what serving needs to know to serve it."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.errors import Refused
from bedside.release.arms import Arms
from bedside.release.course import Course
from bedside.release.dose import Dose
from bedside.sources import Schema


class Outputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the graph's first output means, and how a table states the true outcome.

    Attributes
    ----------
    classes: class names in the order of the output; empty where the outcome is a number. positive: None with more than
        two.
    column: the study's outcome column, where a table of another hospital is expected to have it too.
    codes: texts of that column → class position. others_negative: any other text means class 0 (binary).
    course: what the columns mean where the question is when something happens. Then `classes` are those of a table (no
        event seen, the event asked about, ...), and the graph has a column for each cell; else None.
    arms: what they mean where the question is which treatment; `classes` are those of a table, if it has any.
    dose: what they mean where the question is how much of a drug.
    """

    classes: tuple[str, ...]
    positive: str | None = None
    column: str | None = None
    codes: dict[str, int] = {}
    others_negative: bool = False
    course: Course | None = None
    arms: Arms | None = None
    dose: Dose | None = None

    @property
    def tensor(self) -> str:
        """Name of the graph's first output: ``probability``, whose rows sum to 1, or ``estimate``, which has a unit."""
        return "probability" if self.arms is None and self.dose is None else "estimate"

    @property
    def scale(self) -> float:
        """What a difference between two runtimes is divided by before it is held against a tolerance."""
        quantities = self.arms or self.dose
        return 1.0 if quantities is None else quantities.scale

    @property
    def width(self) -> int:
        """How many columns the graph's first output has."""
        meaning = self.course or self.arms or self.dose
        return len(self.classes) if meaning is None else meaning.width

    @property
    def estimates(self) -> tuple[str, ...]:
        """Names of what an answer estimates: the classes, the risk at each horizon, what each arm changes, the dose."""
        meaning = self.course or self.arms or self.dose
        return self.classes if meaning is None else meaning.estimates

    @property
    def decisive(self) -> str | None:
        """The estimate that a single threshold is about, or the only one; None with more than two classes or arms."""
        if self.course is not None:
            return self.course.estimate(self.course.decision)
        if self.arms is not None or self.dose is not None:
            return self.estimates[0] if len(self.estimates) == 1 else None
        return self.positive

    def estimated(self, columns: Float[np.ndarray, "patient column"]) -> Float[np.ndarray, "patient estimate"]:
        """What an answer estimates, from what the graph gives."""
        if self.course is not None:
            return self.course.risk(columns)
        if self.arms is not None:
            return self.arms.effects(columns)
        return columns if self.dose is None else columns[:, :1]

    def leading(self, columns: Float[np.ndarray, " column"]) -> int:
        """Position of the estimate that is explained where none is decisive.

        The most probable class; of several arms, the best of those that are no control.
        """
        if self.arms is None:
            return int(np.argmax(columns))
        return int(self.arms.leading(columns[None])[0])

    def problem(self, columns: Float[np.ndarray, "patient column"]) -> str:
        """What cannot be in quantities that a graph gives, in words; empty where everything can."""
        quantities = self.arms or self.dose
        if quantities is None:
            return ""
        if not np.isfinite(columns).all():
            return "an estimate is no number"
        return quantities.problem(columns)

    def one_estimated(
        self, columns: Float[np.ndarray, "patient column"], position: int
    ) -> Float[np.ndarray, " patient"]:
        """One of them alone, of as many patients as an explanation asks about."""
        if self.arms is not None:
            return np.asarray(columns[:, position + 1].astype(np.float64) - columns[:, 0])
        if self.course is None:
            return columns[:, position]
        # The cells of the event that is asked about come first.
        until = self.course.edges.index(self.course.horizons[position])
        return np.asarray(columns[:, :until].sum(axis=1, dtype=np.float64))


class Conformal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Label-conditional conformal quantiles of the score 1 - probability, per class, at error rate `alpha`."""

    alpha: float
    quantiles: tuple[float, ...]


class TargetFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file that a runtime can serve.

    Attributes
    ----------
    file: name inside the folder.
    digest: SHA-256 of the file, in hexadecimal.
    runtime: distribution name of the runtime, for example ``"onnxruntime"``.
    tolerance: largest difference of a probability on the golden cases that a serving machine may show; of a quantity,
        in its standard deviations.
    """

    file: str
    digest: str
    runtime: str
    tolerance: float


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was packed, and why.

    Attributes
    ----------
    packed: ``"residual"``, ``"plain"``, ``"floor"``, or ``"adopted"`` for a model from elsewhere.
    asked: what the study asked for; differs from `packed` where the network was worse than its floor.
    members: how many networks the estimate is the mean of.
    log_loss_difference: network minus floor, mean over folds (paired); None where no network was fitted.
    parameters: number of fitted numbers in the packed model.
    distilled_from: how many networks the packed one learned its probabilities from; None: it was not distilled.
    pruned: share of the hidden units that was taken out; None: none was.
    """

    packed: str
    asked: str
    members: int
    log_loss_difference: float | None
    parameters: int
    distilled_from: int | None = None
    pruned: float | None = None


class Equality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an adopted model's graph was held against the original; all rows were given as float32.

    Attributes
    ----------
    random: rows drawn from the declared ranges and categories. edge: rows with unknown or extreme values.
    largest: largest difference of any probability over both. tolerance: the largest that was allowed.
    boundary: rows on a tree's boundary, where the last bit of a value decides; counted apart. boundary_differing: how
        many of them differ by more.
    """

    random: int
    edge: int
    largest: float
    tolerance: float
    boundary: int
    boundary_differing: int


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from that was trained elsewhere; None stands for what nobody told.

    Attributes
    ----------
    format: kind of file. file: its name. digest: SHA-256 of the file. says: what the file says of itself.
    trained_on, trained_how: as the author of the study states it.
    unseen: whether the author states that no patient of the study's table was used to train it.
    recalibrated: whether a calibration was fitted on the study's development patients.
    proof: that the packed graph equals the original.
    """

    format: str
    file: str
    digest: str
    says: dict[str, str]
    trained_on: str | None
    trained_how: str | None
    unseen: bool
    recalibrated: bool
    proof: Equality


class ReviewRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answers queue for a physician's review, for how long they wait, and whether an own estimate comes first."""

    queue: tuple[str, ...] = ("alert", "abstained", "asked")
    expires_after_days: float = 30.0
    own_estimate_first: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.json``.

    Attributes
    ----------
    format: version of this document's format.
    schema: the declared predictors, in the order of the graph's input.
    threshold: risk at which the physician would act; per class with more than two classes; None if not declared.
    conformal: None where the estimates are no classes.
    distance_limit: a patient whose ``distance`` output exceeds it is unlike the training population.
    missing_limit: a patient with a larger share of predictors unknown gets no estimate.
    targets: by target name. files: name → SHA-256 of every other file that the candidate digest covers.
    study_digest, cohort_digest: SHA-256 of the study file and of the cohort that was used.
    versions: of the libraries that built it. trained_by: who ran the training (a person's name or log-in).
    privacy: what was spent, None where training was not differentially private.
    adopted: where the model comes from, if it was trained elsewhere; `trained_by` is then who adopted it.
    """

    format: int = 1
    name: str
    version: str
    task: str
    intended_use: str
    population: str
    schema: Schema
    outputs: Outputs
    threshold: float | dict[str, float] | None
    conformal: Conformal | None
    distance_limit: float
    missing_limit: float
    network: Network
    targets: dict[str, TargetFile]
    files: dict[str, str]
    study_digest: str
    cohort_digest: str
    seed: int
    trained_by: str
    versions: dict[str, str]
    privacy: dict[str, float] | None = None
    adopted: Origin | None = None
    review: ReviewRule = ReviewRule()
    valid_until: dt.date | None = None

    def expired(self, today: dt.date) -> bool:
        """Whether its last day is over; days are those of UTC, wherever it serves."""
        return self.valid_until is not None and today > self.valid_until

    def require_valid(self, today: dt.date) -> None:
        """Raises ``Refused`` where it has expired: it would abstain from every answer."""
        if self.expired(today):
            raise Refused(
                f"this release was valid until {self.valid_until}: it would give no estimate any more",
                where=f"{self.name} {self.version}",
                remedy="Validate and sign a newer one",
            )
