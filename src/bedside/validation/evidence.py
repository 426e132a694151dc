"""The evidence: every number that the report shows, as one document (``evidence.json``).

Aggregates only: no field can hold a patient's row, and counts that could point at a few people are withheld. A number
that is undefined on these patients is None, never 0.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from bedside.cohort import AttritionStep, Finding
from bedside.release import Arms, Course, Dose, Origin
from bedside.validation.estimate import FEW as FEW
from bedside.validation.estimate import LEVEL
from bedside.validation.estimate import Estimate as Estimate
from bedside.validation.estimate import Measures as Measures
from bedside.validation.quantity_facts import DoseCells, DosingFacts, EffectCurves, TreatmentFacts


class Predictor(msgspec.Struct, frozen=True, kw_only=True):
    """One variable that the model takes."""

    name: str
    label: str
    kind: str
    unit: str | None = None
    range: tuple[float, float] | None = None
    categories: tuple[str, ...] | None = None


class NetworkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What was packed; `log_loss_difference` is network minus floor over folds of the development patients.

    `distilled_from` and `pruned` are as in the manifest.
    """

    packed: str
    asked: str
    members: int
    log_loss_difference: float | None
    parameters: int
    distilled_from: int | None = None
    pruned: float | None = None


class ReleaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was judged. For a bare file of predictions `digest` and most of the rest are None or empty.

    Attributes
    ----------
    digest: candidate digest; the evidence belongs to these bytes and no others.
    classes: class names in the order of the model's output; positive: the class whose risk is reported (binary).
    threshold: risk at which one would act; per class with more than two classes; None where none is declared.
    alpha: share of true classes that the conformal sets may miss.
    adopted: where the model comes from, if it was trained elsewhere, and the proof that the graph equals it.
    versions: of the libraries that built the model. environment: of those that computed this evidence.
    course: events, grid, horizons and band, where the question is when something happens.
    arms: the arms and their outcome, where the question is which treatment. dose: the drug, where it is how much.
    measures: name of the set of measures; not there: that of a diagnosis.
    """

    name: str
    version: str | None = None
    digest: str | None = None
    task: str = "diagnosis"
    intended_use: str | None = None
    population: str | None = None
    classes: tuple[str, ...]
    positive: str | None
    threshold: float | dict[str, float] | None
    alpha: float | None = None
    predictors: tuple[Predictor, ...] = ()
    network: NetworkChoice | None = None
    adopted: Origin | None = None
    target: str | None = None
    processor: str | None = None
    study_digest: str | None = None
    cohort_digest: str | None = None
    trained_by: str | None = None
    valid_until: str | None = None
    versions: dict[str, str] = {}
    environment: dict[str, str] = {}
    course: Course | UnsetType = UNSET
    arms: Arms | UnsetType = UNSET
    dose: Dose | UnsetType = UNSET
    measures: str | UnsetType = UNSET


class Missingness(msgspec.Struct, frozen=True, kw_only=True):
    """How often one variable was not known, and why.

    Attributes
    ----------
    unknown: rows without a usable value, for whatever reason; share: of all rows.
    implausible: outside the declared range; unreadable: text where a number belongs, an undeclared
        category, or a genotype that is not callable.
    absent: the table has no such column.
    """

    variable: str
    label: str
    unknown: int
    share: float | None
    implausible: int
    unreadable: int
    absent: bool


class AtHorizon(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one horizon; counts of 1 to 9 are None, and so is another that would give one away.

    Attributes
    ----------
    events, competing: rows with the event asked about, or one that competes with it, by then.
    free: followed to it without any. unknown: followed for less.
    incidence: share with the event by then, estimated with those who were followed for less (Aalen-Johansen).
    """

    horizon: float
    events: int | None
    competing: int | None
    free: int | None
    unknown: int | None
    incidence: Estimate


class FollowUpFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the rows were followed.

    Attributes
    ----------
    unit: of all times. late: rows that came under observation after time 0.
    median: time by which half would have been lost to follow-up, had nobody had an event (reverse Kaplan-Meier).
    """

    unit: str
    late: int
    median: float | None
    horizons: tuple[AtHorizon, ...]


class DataFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the evidence is about.

    Attributes
    ----------
    digest: SHA-256 of the cohort (or of the file of predictions) in hexadecimal.
    source: in words, for example how the patients were held out.
    n: rows judged; n_patients: different patients among them; n_events: rows of the positive class, None with more
        than two.
    class_counts: rows of each class.
    follow_up: how long they were followed, where the question is when something happens.
    """

    digest: str | None
    source: str
    n: int
    n_patients: int | None
    n_events: int | None
    class_counts: dict[str, int]
    attrition: tuple[AttritionStep, ...] = ()
    missingness: tuple[Missingness, ...] = ()
    follow_up: FollowUpFacts | UnsetType = UNSET


class Abstentions(msgspec.Struct, frozen=True, kw_only=True):
    """Patients for whom the model gave no estimate.

    Attributes
    ----------
    n, share: how many; reasons: rows by reason, a row may have several.
    outcome_answered, outcome_abstained: share of the positive class; None with more than two classes, or for few.
    as_if_answered: the measures over all patients, as if the model had not abstained: what abstaining hides or spares.
    """

    n: int
    share: Estimate
    reasons: dict[str, int]
    outcome_answered: Estimate | None
    outcome_abstained: Estimate | None
    as_if_answered: Measures


class ConformalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Sets of classes: how often they hold the true one, in all and by true class; how large they are (size → rows)."""

    alpha: float
    coverage: Estimate
    by_class: Measures
    sizes: dict[str, int]
    mean_size: float | None


class SubgroupEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The measures in one group.

    Attributes
    ----------
    group: in words. kind: ``"declared"`` (of the study), ``"site"``, or ``"group"`` (of a file of predictions).
    n, n_events: answered patients; None where the group is suppressed (or, for events, with more than two classes).
    rarest: patients of the rarest class in the group; others_rarest: the same among all other patients.
    suppressed: the group is too small, or its size would give away a small one; nothing but its name is reported.
    others: measures that a gap gate compares with: those of all other patients together.
    curves: the group's own; a count of the risk distribution is also withheld where it would give away a small one of
        the other patients.
    """

    group: str
    kind: str
    n: int | None
    n_events: int | None
    rarest: int | None = None
    others_rarest: int | None = None
    suppressed: bool
    measures: Measures
    others: Measures = {}
    curves: Curves | None = None


class TargetEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a runtime can serve; changes are against the reference target on the same patients.

    Attributes
    ----------
    validated: whether these very bytes were run for this evidence. digest: SHA-256 of the file; size: in bytes.
    auroc_loss: AUROC of the reference minus that of this target; of a prognosis, AUC at the horizon of the decision; of
        a treatment, what its rule loses, in standard deviations of the outcome; of a dose, the share within tolerance.
    flips: share of rows with another alert, class or recommendation, or with an estimate from one of the two only; of
        a dose, with one that is within tolerance from one of the two only.
    largest_change, change_p99: of a row's risk, whichever class or horizon it changes most for, and the 99th
        percentile; of an effect or a dose, in standard deviations of the outcome.
    latency: seconds for one patient (median, one thread). memory: bytes that the runtime, the file and answering added.
    processor: class of the processor that ran it; processor_name: as the system calls it. version: of the runtime.
    date: when it was run.
    """

    validated: bool
    runtime: str
    measures: Measures
    digest: str | None = None
    size: int | None = None
    auroc_loss: float | None = None
    flips: float | None = None
    largest_change: float | None = None
    change_p99: float | None = None
    latency: float | None = None
    memory: int | None = None
    processor: str | None = None
    processor_name: str | None = None
    version: str | None = None
    date: str | None = None


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of ``[accept]`` and how it came out; an undefined value fails.

    Attributes
    ----------
    name: the gate's key, with what it was applied to. limit: in words. value: what was judged.
    bound: which end of the interval was judged, None for the point value.
    text: why it came out so, where value and limit do not say it.
    """

    name: str
    limit: str
    value: float | None
    passed: bool
    bound: str | None = None
    text: str = ""


class NotJudged(msgspec.Struct, frozen=True, kw_only=True):
    """A subgroup that a gate could not judge; it neither passed nor failed."""

    gate: str
    group: str
    reason: str


class GateAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A gate as the study declares it, so that the same can be asked of another hospital's data."""

    measure: str
    min: float | None = None
    max: float | None = None
    bound: Literal["low", "high"] | None = None
    better_than: tuple[str, ...] = ()
    subgroups: bool = False
    max_gap: float | None = None
    min_events: int = 20


class SubgroupAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A subgroup as the study declares it."""

    text: str
    variable: str
    operator: str | None = None
    value: float | str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the study asked this evidence to show."""

    gates: tuple[GateAsked, ...] = ()
    subgroups: tuple[SubgroupAsked, ...] = ()
    targets: dict[str, float] = {}


class RocCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Highest sensitivity at each false-positive rate of a fixed grid, so that no patient's own step is drawn."""

    false_positive_rate: tuple[float, ...]
    sensitivity: tuple[float, ...]


class CalibrationCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Share with the outcome against predicted risk, smooth, with pointwise band; None where the data do not reach."""

    predicted: tuple[float, ...]
    observed: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


class DecisionCurveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Net benefit against the threshold, of the model and of treating everybody; that of treating nobody is 0."""

    threshold: tuple[float, ...]
    model: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    treat_all: tuple[float | None, ...]
    floor: tuple[float | None, ...] = ()


class RiskDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """How many patients of each true class were given which risk; counts of 1 to 9 are None."""

    edges: tuple[float, ...]
    counts: dict[str, tuple[int | None, ...]]


class RiskGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to patients of similar risk, beside what was predicted for them, on the release's grid of times.

    Attributes
    ----------
    group: in words; the first is everybody. n: patients.
    predicted: mean predicted share with the event by each time.
    observed, low, high: Aalen-Johansen estimate and its pointwise band. at_risk: patients still followed. All None at
        times that would tell, alone or with the one shown before or after, of 1 to 9 patients.
    """

    group: str
    n: int
    time: tuple[float, ...]
    predicted: tuple[float, ...]
    observed: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    at_risk: tuple[int | None, ...]


class OverTime(msgspec.Struct, frozen=True, kw_only=True):
    """AUC and Brier score by each time of the grid; None where fewer than ten had the event or are still followed.

    `marginal` is the Brier score of giving everybody the share observed in all; `floor_auc` and `floor_brier` are the
    simple model's.
    """

    time: tuple[float, ...]
    auc: tuple[float | None, ...]
    brier: tuple[float | None, ...]
    marginal: tuple[float | None, ...]
    floor_auc: tuple[float | None, ...] = ()
    floor_brier: tuple[float | None, ...] = ()


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """Curves of the positive class, of each class against all others, or of the risk at each horizon.

    `groups` and `over_time` are there where the question is when something happens; `effects` of each arm against the
    control where it is which treatment; `doses` where it is how much.
    """

    roc: dict[str, RocCurve] = {}
    calibration: dict[str, CalibrationCurve] = {}
    decision: dict[str, DecisionCurveFacts] = {}
    risk: dict[str, RiskDistribution] = {}
    groups: tuple[RiskGroup, ...] | UnsetType = UNSET
    over_time: OverTime | UnsetType = UNSET
    effects: dict[str, EffectCurves] | UnsetType = UNSET
    doses: DoseCells | UnsetType = UNSET


class ThresholdRow(msgspec.Struct, frozen=True, kw_only=True):
    """What happens at one threshold.

    Attributes
    ----------
    outcome: the class looked for. declared: whether it is the study's own threshold.
    true_positive ... true_negative: answered patients. per_100: the same four, alerts and events, per 100 patients.
    """

    outcome: str
    threshold: float
    declared: bool
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    per_100: dict[str, float]
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    net_benefit: Estimate


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen at the declared threshold by one horizon, with those who were followed for less accounted for.

    Attributes
    ----------
    estimate: whose threshold it is. alert: share of patients whose risk reaches it.
    event_with_alert, event_without: share with the event by then (Aalen-Johansen) of those with and without an alert.
    per_100: of 100 patients: alert, event, and the four ways of alert and event; empty where a share is not defined.
    """

    estimate: str
    threshold: float
    alert: Estimate
    event_with_alert: Estimate
    event_without: Estimate
    per_100: dict[str, float]


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a reader must know; `code` is a constant name for scripts."""

    code: str
    text: str


class Recalibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model's risks need adjusting to these patients, by class, as a constant and in words.

    The constants are ``"none"``, ``"level"``, ``"spread"``, ``"both"`` and ``"unknown"``.
    """

    need: dict[str, str]
    text: dict[str, str]


class CaseMixRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variable here and in the population that the model was made from.

    Attributes
    ----------
    mean, reference_mean: of a number, in `unit`. shares, reference_shares: of each category; None for 1 to 9 patients.
    unknown, reference_unknown: share of rows without a usable value.
    difference: of means, in standard deviations of this population; of categories, half the sum over their shares.
    """

    variable: str
    label: str
    unit: str | None
    mean: float | None = None
    reference_mean: float | None = None
    shares: dict[str, float | None] = {}
    reference_shares: dict[str, float] = {}
    unknown: float | None
    reference_unknown: float | None = None
    difference: float | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """``evidence.json``.

    Attributes
    ----------
    kind: held-out patients of the study, another hospital's patients, or a bare file of predictions.
    measures: over the patients whom the model answered; with more than two classes the mean over classes, and beside it
        ``NAME:CLASS`` for each class against all others.
    floor: the same of the simple model on the same patients. floor_difference: model minus floor, paired.
    marginal: where the question is when something happens, what giving everybody the share observed in all would get.
        marginal_difference: model minus that, paired. acted: what would happen at the threshold, by each horizon.
    treatment, dosing: what only evidence on a treatment, or on a dose, holds.
    thresholds: the declared one and some round ones. reference: held-out measures, beside an external validation.
    development: what training reported of itself, from the development patients alone.
    warnings: sentences; `warned` has the same with their codes.
    looks: how often evidence was computed on these held-out patients, this time included.
    verdict: accepted only if there is at least one gate and all passed; verdict_text says why.
    """

    format: int = 1
    kind: Literal["held-out", "external", "predictions"]
    date: str
    level: float = LEVEL
    release: ReleaseFacts
    data: DataFacts
    measures: Measures
    floor: Measures = {}
    floor_difference: Measures = {}
    marginal: Measures | UnsetType = UNSET
    marginal_difference: Measures | UnsetType = UNSET
    acted: tuple[Acted, ...] | UnsetType = UNSET
    treatment: TreatmentFacts | UnsetType = UNSET
    dosing: DosingFacts | UnsetType = UNSET
    abstentions: Abstentions
    conformal: ConformalFacts | None = None
    subgroups: tuple[SubgroupEvidence, ...] = ()
    subgroups_withheld: dict[str, int] = {}
    targets: dict[str, TargetEvidence] = {}
    asked: Asked = Asked()
    gates: tuple[GateResult, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    curves: Curves = Curves()
    thresholds: tuple[ThresholdRow, ...] = ()
    recalibration: Recalibration | None = None
    case_mix: tuple[CaseMixRow, ...] = ()
    reference: Measures = {}
    development: dict[str, Any] = {}
    findings: tuple[Finding, ...] = ()
    looks: int | None = None
    looks_candidates: int | None = None
    study_changed: bool | None = None
    warnings: tuple[str, ...] = ()
    warned: tuple[Warned, ...] = ()
    verdict: Literal["accepted", "refused"]
    verdict_text: str


def _builtin(value: object) -> object:
    """A number of numpy's, as training may report it, in Python's own type."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} has no place in evidence")


def encode(evidence: Evidence) -> bytes:
    """The document as JSON, indented, keys in the order of the fields; nan becomes null."""
    return msgspec.json.format(msgspec.json.encode(evidence, enc_hook=_builtin), indent=1)


def as_dict(evidence: Evidence) -> dict[str, Any]:
    """The document as the builtin types that reading the JSON back gives (nan as None)."""
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(evidence, enc_hook=_builtin))
    return decoded


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of ``evidence.json``."""
    return msgspec.json.schema(Evidence)
