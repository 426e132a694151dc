"""What is asked, of whom, and what would count as good enough: the study file as frozen data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from bedside.cohort.adoption_plan import AdoptionPlan
from bedside.cohort.guidance_plan import GuidancePlan
from bedside.sources import Schema

Scale = Literal["standard", "minmax", "log", "none"]
Compared = Literal["probability", "mean", "restricted-mean"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of question, as names that each layer resolves in its own registry.

    Attributes
    ----------
    name: as in ``[study] task``.
    label: the study's ``[outcome]`` is read by the reader of this name.
    head: how the network's outputs become an estimate.
    loss: what training minimises.
    measures: the set of measures in the evidence.
    floor: the simple model that a network must not be worse than.
    """

    name: str
    label: str
    head: str
    loss: str
    measures: str
    floor: str


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """How long each patient was followed, where the question is when something happens.

    Attributes
    ----------
    time: column with the time from the index time to the event or to the end of follow-up.
    unit: UCUM unit of all times: ``d``, ``wk``, ``mo`` or ``a``.
    horizons: times at which a risk is given, ascending.
    entry: column with the time from which on a patient was under observation (left truncation); None: all from 0.
    end: the time, or the column with each patient's time, at which follow-up ends: what happens later does not count.
    landmarks: times at which each patient who is then at risk is asked about, ascending; all follow-up and horizons
        count from them. Empty: once, at the index time.
    visit: with landmarks: the column with the time of each row's visit.
    """

    time: str
    unit: str
    horizons: tuple[float, ...]
    entry: str | None = None
    end: str | float | None = None
    landmarks: tuple[float, ...] = ()
    visit: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is read from."""
        named = (self.time, self.entry, self.end, self.visit)
        return tuple(column for column in named if isinstance(column, str))


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome that is a number.

    Attributes
    ----------
    name: how people read it. unit: UCUM. range: lowest and highest plausible value; others are errors.
    tolerance: of a dose, the share of the therapeutic one within which it counts as right; else None.
    """

    name: str
    unit: str
    range: tuple[float, float] | None = None
    tolerance: float | None = None


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """Which treatments are compared, and how patients came to them.

    Attributes
    ----------
    column: the table's column of arms. arms: how people read them, the control first. codes: texts → position.
    better: which outcomes are wanted.
    propensity: of a randomised trial, with what probability each arm was drawn; None: observational records, where it
        is estimated.
    overlap: an arm that a smaller share of patients like this one got is not judged.
    """

    column: str
    arms: tuple[str, ...]
    codes: Mapping[str, int]
    better: Literal["lower", "higher"]
    propensity: tuple[float, ...] | None
    overlap: float = 0.05

    @property
    def randomised(self) -> bool:
        """Whether a trial drew the arms."""
        return self.propensity is not None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Which column answers the question, and how its texts map to classes, or in which unit it is a number.

    Attributes
    ----------
    column: the table's outcome column.
    classes: class names in the order of the graph's output. Binary: (negative, positive).
    positive: the class whose probability is *the* probability; None with more than two classes.
    codes: canonical texts of the column → class position; every text of the study's own table is here.
    others_negative: any other text means class 0 (binary). `read_study` leaves it False: a text that nobody declared
        may as well mean "not known yet".
    follow_up: where the question is when something happens: `classes` are then (no event seen, the event asked about,
        events that compete with it, ...), and `positive` is the second; else None.
    quantity: where the outcome is a number: `classes` and `codes` are then empty; else None.
    treatment: where the question is which arm. With a `follow_up`, the outcome is the restricted mean time until the
        event, up to its one horizon; with a `quantity` its mean; else the probability of `positive`.
    comparators: of a dose, what other rules would give: name → column, in the unit of the dose.
    """

    column: str
    classes: tuple[str, ...]
    positive: str | None
    codes: Mapping[str, int]
    others_negative: bool = False
    follow_up: FollowUp | None = None
    quantity: Quantity | None = None
    treatment: Treatment | None = None
    comparators: Mapping[str, str] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the answer is read from."""
        arm = () if self.treatment is None else (self.treatment.column,)
        followed = () if self.follow_up is None else self.follow_up.columns
        return (self.column, *followed, *arm, *self.comparators.values())

    @property
    def compared(self) -> Compared:
        """What treatments are compared by."""
        if self.follow_up is not None:
            return "restricted-mean"
        return "probability" if self.quantity is None else "mean"

    @property
    def probabilities(self) -> bool:
        """Whether probabilities are given, so that there may be a threshold; else quantities that have a unit."""
        return self.quantity is None and self.treatment is None

    @property
    def horizons(self) -> tuple[float, ...]:
        """Times at which a risk is given; none where the question has no time."""
        return self.follow_up.horizons if self.follow_up is not None else ()


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """Where the table is and which columns it may be judged by.

    Attributes
    ----------
    table: absolute path of the CSV or Parquet file.
    leakage_known: predictors that the leakage check lets pass; each is named in the report.
    """

    table: Path
    leakage_known: tuple[str, ...] = ()


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How the candidate is fitted.

    Attributes
    ----------
    network: what is asked for. members: networks that are averaged.
    distil: one student learns the members' mean probability and is packed in their place.
    prune: share of the hidden units that is taken out.
    """

    network: Literal["residual", "plain", "floor"] = "residual"
    members: int = 5
    distil: bool = False
    prune: float = 0.0


class Subgroup(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``[validation] subgroups``: a categorical variable, or a condition such as ``age >= 65``.

    Attributes
    ----------
    text: as written in the study.
    variable: the variable it looks at.
    operator, value: the condition; both None for "each category of the variable".
    """

    text: str
    variable: str
    operator: Literal["<", "<=", ">", ">=", "==", "!="] | None = None
    value: float | str | None = None


class ValidationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Who is held out, and what the evidence is computed at.

    Exactly one of `holdout`, `by`, `after` decides who is held out.

    Attributes
    ----------
    holdout: share of patients held out at random (stratified by outcome).
    by: a column; one of its sites is held out whole.
    held_out: with `by`: the site that is held out; None: the one nearest to a quarter of the patients.
    after: patients with an index date from this day on are held out.
    threshold: risk at which the physician would act. Binary: a number; multi-class: per class; None: not declared.
    decision: the horizon that `threshold` is about; None where the question has no time.
    alpha: conformal sets miss at most this share.
    subgroups: groups for which everything is repeated.
    seed: of the split and of everything random that follows.
    """

    holdout: float | None = 0.25
    by: str | None = None
    held_out: str | None = None
    after: dt.date | None = None
    threshold: float | dict[str, float] | None = None
    decision: float | None = None
    alpha: float = 0.1
    subgroups: tuple[Subgroup, ...] = ()
    seed: int = 0


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of ``[accept]``.

    Attributes
    ----------
    measure: name of the measure.
    min, max: limits on the value, or on the interval's end named by `bound`.
    bound: ``"low"`` or ``"high"``: judge that end of the interval; None: the point value.
    better_than: for ``net_benefit``: the strategies that it must exceed.
    subgroups: this gate is about gaps between subgroups.
    max_gap: largest allowed difference between a subgroup's value and the value of all others together.
    min_events: subgroups with fewer events, or fewer non-events, are not judged by `max_gap`.
    """

    measure: str
    min: float | None = None
    max: float | None = None
    bound: Literal["low", "high"] | None = None
    better_than: tuple[str, ...] = ()
    subgroups: bool = False
    max_gap: float | None = None
    min_events: int = 20


class ReviewPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``[review]``: how the release's answers are to be read; the manifest carries it.

    Attributes
    ----------
    queue: which answers wait for a physician: ``alert``, ``abstained``, ``asked`` (by a person), ``all``.
    expires_after_days: an answer that nobody signed is void after so many days.
    own_estimate_first: a clinician gives an own estimate before the model's is shown.
    """

    queue: tuple[str, ...] = ("alert", "abstained", "asked")
    expires_after_days: float = 30.0
    own_estimate_first: bool = False


class TargetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a compressed target may lose against ``server-cpu``: ``[accept] targets``.

    Attributes
    ----------
    auroc_loss: AUROC of the reference minus that of the target. flips: share of patients with another decision.
    largest_change: of any patient's probability.
    """

    auroc_loss: float = 0.005
    flips: float = 0.01
    largest_change: float = 0.1


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """A study file, read, checked and resolved.

    Attributes
    ----------
    path: absolute path of the study file; `digest`: SHA-256 of its bytes, in hexadecimal.
    scales: per variable, the scale that the study asks for; a variable that is not here gets one by its skewness.
    gates: empty where the study declares none; such a study trains and validates but cannot be signed.
    adoption: what is said about a model from elsewhere; None where there is no ``[adoption]``.
    guidance: what stands beside the answers; None where there is no ``[guidance]``.
    """

    path: Path
    digest: str
    name: str
    version: str
    task: Task
    intended_use: str
    population: str
    valid_until: dt.date | None
    data: Data
    schema: Schema
    scales: Mapping[str, Scale]
    outcome: Outcome
    training: Training
    validation: ValidationPlan
    gates: tuple[Gate, ...]
    target_limits: TargetLimits
    targets: tuple[str, ...]
    review: ReviewPlan = ReviewPlan()
    adoption: AdoptionPlan | None = None
    guidance: GuidancePlan | None = None

    @property
    def decision(self) -> float:
        """The horizon that the threshold is about: of a question with time, the last where the plan names none."""
        return self.validation.decision or self.outcome.horizons[-1]
