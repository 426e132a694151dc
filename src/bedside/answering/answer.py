"""The answer: what the model says about one patient, how sure it is, and where its review stands."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from bedside.explanation import Explanation
from bedside.genome import Action
from bedside.release import estimate_name

Status = Literal["preliminary", "final", "amended", "superseded", "expired", "entered-in-error"]


class ReleaseReference(msgspec.Struct, frozen=True, kw_only=True):
    """Which bytes answered: `digest` is the candidate digest, `target` and `processor` what ran them."""

    name: str
    version: str
    digest: str
    target: str
    processor: str


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why the model abstains, as a constant `code` and as a sentence."""

    code: str
    text: str


class ValueGiven(msgspec.Struct, frozen=True, kw_only=True):
    """One predictor as it was used.

    Attributes
    ----------
    value: number in the declared unit, or category text; None where not known.
    unit: the declared unit.
    given: the value and unit as sent, where they were converted.
    time: when it was measured, where that was sent.
    """

    value: float | str | None
    unit: str | None = None
    given: str | None = None
    time: dt.datetime | None = None


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One statement about a drug that does not come from the model: of a guideline, a label, or the study's author.

    Attributes
    ----------
    about: the arm, or the drug itself. drug: as guidelines call it.
    action: ``"avoid"`` is a veto; ``"not callable"``: nothing can be said.
    because: what of the patient it follows from. text: what to do, in words.
    strength: of the recommendation, as its source gives it; ``"label"`` of a product label, ``"declared"`` by the
        study's author; None where nothing can be said.
    source: where it stands. version: of the table that it is taken from.
    veto: the model's word about `about` does not stand against it.
    counted: of a statement that changes a dose, beside a dose of the model: the model's own variables that it follows
        from, which that dose already counts; empty: the dose does not know of this. None beside no dose.
    """

    about: str
    drug: str
    action: Action
    because: str
    text: str
    strength: Literal["strong", "moderate", "optional", "label", "declared"] | None
    source: str | None
    version: str
    veto: bool
    counted: tuple[str, ...] | None = None


class PatientCourse(msgspec.Struct, frozen=True, kw_only=True):
    """One patient's course over time, as the model foresees it.

    Attributes
    ----------
    unit: UCUM unit of all times. time: ascending, from 0.
    horizons: of `time`, those at which a risk is given. decision: the one that the threshold is about.
    event: what is asked about. incidence: of each event, the probability that it has happened by each time.
    survival: probability that none of them has.
    low, high: band around the incidence of `event`; None where the release has none.
    median: time by which `event` has happened with probability one half; None where that is not within `time`.
    restricted_mean: expected time until any event, up to the last of `time`.
    """

    unit: str
    time: tuple[float, ...]
    horizons: tuple[float, ...]
    decision: float
    event: str
    incidence: dict[str, tuple[float, ...]]
    survival: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    median: float | None
    restricted_mean: float

    @property
    def estimates(self) -> tuple[str, ...]:
        """The name of the risk at each horizon, as in the answer's ``estimate``."""
        return tuple(estimate_name(self.event, horizon, self.unit) for horizon in self.horizons)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Expected outcome under one arm minus that under another, with its interval."""

    value: float
    low: float
    high: float


class PatientArms(msgspec.Struct, frozen=True, kw_only=True):
    """One patient's expected outcome under each treatment.

    Attributes
    ----------
    outcome: what is expected, in words. kind: ``"probability"`` of it, ``"mean"``, or ``"restricted-mean"`` time.
    unit: UCUM; None for a probability. until: of a restricted mean, the time up to which it is counted.
    better: which outcomes are wanted. randomised: whether a trial drew the arms. alpha: of the intervals.
    arms: their names, the control first; `control`: that one again. The ledger keeps no order of names.
    expected: by arm; None for an arm that is not judged.
    differences: of each other arm against the control, where it is judged.
    against_best: of each other judged arm against the one with the best expected outcome.
    propensity: share of such patients who got each arm. overlap: an arm that a smaller share got is not judged.
    unjudged: the arms that are not. best: the judged arm with the best expected outcome; no recommendation, and it may
        be vetoed.
    left: the arms that the data do not tell from it: those whose interval holds zero, and the unjudged ones.
    recommended: the arm that is left alone, and no guidance forbids; None: no recommendation. why: in a sentence, why
        there is none.
    vetoed: the arms that guidance forbids, whatever the model expects under them.
    """

    outcome: str
    kind: Literal["probability", "mean", "restricted-mean"]
    unit: str | None
    until: float | None
    better: Literal["lower", "higher"]
    randomised: bool
    alpha: float
    arms: tuple[str, ...]
    control: str
    expected: dict[str, float | None]
    differences: dict[str, Difference]
    against_best: dict[str, Difference]
    propensity: dict[str, float]
    overlap: float
    unjudged: tuple[str, ...]
    best: str
    left: tuple[str, ...]
    recommended: str | None
    why: str | None
    vetoed: tuple[str, ...] = ()


class PatientDose(msgspec.Struct, frozen=True, kw_only=True):
    """One patient's dose.

    Attributes
    ----------
    drug: in words. unit: UCUM. dose, low, high: the dose and its interval, which misses the therapeutic dose of a share
        `alpha` of patients; None where it is withheld. tolerance: the share of the therapeutic dose within which one
        counts as right.
    withheld: guidance forbids the drug, so no dose is told.
    """

    drug: str
    unit: str
    dose: float | None
    low: float | None
    high: float | None
    alpha: float
    tolerance: float
    withheld: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One patient's answer.

    Attributes
    ----------
    id: unique, sorts by time.
    created: when, UTC. expires: a preliminary answer is void from then on.
    patient: reference of the patient in the ledger; identity is kept apart, encrypted. None for an anonymous one.
    estimate: class → calibrated probability, or risk at each horizon, what each judged arm changes against the control,
        or the dose, by its name; None where the model abstains.
    positive: the estimate that `alert` looks at; None with more than two classes.
    prediction_set: classes that the conformal set at `alpha` does not exclude; empty where the model abstains, and
        where the estimates are no classes (`alpha` is then None).
    spread: standard deviation between ensemble members of the explained class's probability ("model spread"; never an
        interval); None with one member.
    alert: whether the estimate reaches the threshold; None where none is declared or the model abstains.
    abstained, reasons: whether and why there is no estimate.
    values: what was used, per variable.
    explanation: None where the model abstains or none was asked for.
    warnings: sentences that a reader must see, such as "not approved for care".
    guidance: what guidelines, labels and the study's author say, vetoes first; there also where the model abstains.
    record: what guidance looked at and the model never saw, by name.
    queued: whether the release's rule puts it on the worklist.
    distance: to the training population, in the unit of the manifest's ``distance_limit``; None in older answers.
    own_estimate_first: a clinician sees the estimate only after giving an own one.
    course: the whole course over time, where the question is when something happens and the model does not abstain.
    arms: what is expected under each treatment, where that is the question. dose: the dose, where that is.
    """

    id: str
    created: dt.datetime
    expires: dt.datetime
    release: ReleaseReference
    patient: str | None = None
    estimate: dict[str, float] | None
    positive: str | None
    prediction_set: tuple[str, ...]
    alpha: float | None
    spread: float | None
    threshold: float | dict[str, float] | None
    alert: bool | None
    abstained: bool
    reasons: tuple[Reason, ...]
    values: dict[str, ValueGiven]
    explanation: Explanation | None
    warnings: tuple[str, ...] = ()
    guidance: tuple[Advice, ...] = ()
    record: dict[str, ValueGiven] = {}
    queued: bool
    distance: float | None = None
    own_estimate_first: bool = False
    course: PatientCourse | None = None
    arms: PatientArms | None = None
    dose: PatientDose | None = None
    status: Status = "preliminary"
