"""What is expected of a patient under each treatment, as words and figures; every number comes from the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.answering import Difference, PatientArms
from bedside.review.figures import listed, percent, points, share, unit_text
from bedside.review.quantities import digit, number
from bedside.review.words import Translate


@dataclass(frozen=True)
class ArmRow:
    """One treatment.

    Attributes
    ----------
    expected: what is expected, in words; empty where the arm is not judged. hundred: of 100 such patients, those with
        the outcome; None unless it is a probability. got: share of such patients who got it.
    mark: ``"vetoed"`` by guidance, ``"recommended"``, ``"best"`` or empty. note: why there is no number.
    """

    name: str
    control: bool
    expected: str
    hundred: int | None
    got: str
    mark: str
    note: str


@dataclass(frozen=True)
class DifferenceRow:
    """A difference against another arm; places from 0 to 100, of the whole picture's width."""

    name: str
    value: str
    interval: str
    low: float
    middle: float
    high: float
    clear: bool


@dataclass(frozen=True)
class Differences:
    """Differences against one arm, drawn over one scale: `zero` is where both would be equal.

    Attributes
    ----------
    unit: what the differences are in. left, right: which side favours whom. against: the arm compared with.
    """

    against: str
    unit: str
    zero: float
    left: str
    right: str
    rows: tuple[DifferenceRow, ...]


@dataclass(frozen=True)
class ArmsView:
    """An answer about treatments.

    Attributes
    ----------
    title: the recommended arm, or that there is none. why: in a sentence, why there is none, in English, as stored.
    frequencies: what is expected, in one sentence. better: which outcomes are wanted. carries: what the data can carry.
    """

    recommended: bool
    title: str
    why: str
    frequencies: str
    better: str
    carries: str
    rows: tuple[ArmRow, ...]
    differences: tuple[Differences, ...]
    interval: str


def arms_view(arms: PatientArms, t: Translate) -> ArmsView:
    """The answer of one patient whom the model answered."""
    figures = Figures(arms, t)
    return ArmsView(
        recommended=arms.recommended is not None,
        title=arms.recommended or t("No recommendation"),
        why=arms.why or "",
        frequencies=figures.sentence(),
        better=_better(arms, t),
        carries=_carries(arms, t),
        rows=tuple(_row(arms, name, figures, t) for name in arms.arms),
        differences=tuple(_differences(arms, figures, t)),
        interval=t("{share} interval", share=share(1 - arms.alpha, t)),
    )


class Figures:
    """Outcomes of one answer in words, with no more digits than its intervals allow."""

    def __init__(self, arms: PatientArms, t: Translate) -> None:
        self.arms, self.t = arms, t
        reach = [(one.high - one.low) / 2 for one in (*arms.differences.values(), *arms.against_best.values())]
        self.step = digit(min(reach)) if reach else 0.0

    @property
    def unit(self) -> str:
        """What differences are in."""
        return self.t("percentage points") if self.arms.kind == "probability" else unit_text(self.arms.unit, self.t)

    def expected(self, value: float) -> str:
        """An expected outcome: of 100 patients, or with its unit."""
        if self.arms.kind == "probability":
            return self.t("{count} of 100", count=hundred_words(value, self.t))
        return f"{number(value, self.step)} {self.unit}".rstrip()

    def difference(self, value: float) -> str:
        """A signed difference, without its unit."""
        return points(value) if self.arms.kind == "probability" else number(value, self.step, signed=True)

    def _one(self, value: str, arm: str) -> str:
        if arm in self.arms.vetoed:
            return self.t("{value} with {arm} (guidance forbids it)", value=value, arm=arm)
        return self.t("{value} with {arm}", value=value, arm=arm)

    def sentence(self) -> str:
        """What is expected under each judged arm, the best one first, but vetoed ones last and marked so."""
        arms, t = self.arms, self.t
        known = {name: value for name in arms.arms if (value := arms.expected[name]) is not None}
        ordered = sorted(known, key=lambda name: (name in arms.vetoed, name != arms.best))
        plain = {name: hundred_words(value, t) for name, value in known.items()}
        if arms.kind != "probability":
            plain = {name: self.expected(value) for name, value in known.items()}
        said = [self._one(plain[name], name) for name in ordered]
        against = t("{first} against {others}", first=said[0], others=listed(said[1:], t))
        if arms.kind == "probability":
            return t(
                "Of 100 such patients, “{outcome}” is expected in {numbers}.", outcome=arms.outcome, numbers=against
            )
        if arms.kind == "mean":
            return t("“{outcome}” is expected to be {numbers}.", outcome=arms.outcome, numbers=against)
        until = f"{arms.until:g} {self.unit}"
        return t(
            "Such patients are expected to be without “{outcome}” for {numbers}, counted up to {until}.",
            outcome=arms.outcome,
            numbers=against,
            until=until,
        )


def hundred_words(probability: float, t: Translate) -> str:
    """How many of 100, and never as certain as none or all."""
    if probability < 0.005:
        return t("fewer than 1")
    return t("more than 99") if probability > 0.995 else f"{probability * 100:.0f}"


def _better(arms: PatientArms, t: Translate) -> str:
    higher = arms.better == "higher"
    if arms.kind == "probability":
        return (
            t("The more of them with “{outcome}”, the better.", outcome=arms.outcome)
            if higher
            else t("The fewer of them with “{outcome}”, the better.", outcome=arms.outcome)
        )
    return t("More is better.") if higher else t("Less is better.")


def _carries(arms: PatientArms, t: Translate) -> str:
    if arms.randomised:
        return t("From a randomised trial: chance decided who got which treatment.")
    return t("Observational: assumes that nothing unmeasured drives both the treatment and the outcome.")


def _row(arms: PatientArms, name: str, figures: Figures, t: Translate) -> ArmRow:
    value = arms.expected[name]
    mark = "recommended" if name == arms.recommended else "best" if name == arms.best else ""
    few = t("fewer than {share} of such patients got it: nothing can be said", share=share(arms.overlap, t))
    return ArmRow(
        name=name,
        control=name == arms.control,
        expected="" if value is None else figures.expected(value),
        hundred=None if value is None or arms.kind != "probability" else round(100 * value),
        got=percent(arms.propensity[name], t),
        mark="vetoed" if name in arms.vetoed else mark,  # nothing of it may read as advice to give it
        note=few if value is None else "",
    )


def _differences(arms: PatientArms, figures: Figures, t: Translate) -> list[Differences]:
    """Against the control; and, where that is not what a recommendation rests on, against the best arm."""
    found = [_drawn(arms, arms.control, arms.differences, figures, t)]
    if len(arms.against_best) > 1 and arms.best != arms.control:
        found.append(_drawn(arms, arms.best, arms.against_best, figures, t))
    return found


def _drawn(
    arms: PatientArms, against: str, differences: Mapping[str, Difference], figures: Figures, t: Translate
) -> Differences:
    ends = [end for one in differences.values() for end in (one.low, one.high)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * ((high - low) or 1.0)
    low, width = low - margin, (high - low) + 2 * margin

    def place(value: float) -> float:
        return round(100 * (value - low) / width, 2)

    sides = t("better with {arm}", arm=against), t("better with the other")
    left, right = sides if arms.better == "higher" else sides[::-1]
    return Differences(
        against=against,
        unit=figures.unit,
        zero=place(0.0),
        left=left,
        right=right,
        rows=tuple(
            DifferenceRow(
                name=name,
                value=figures.difference(one.value),
                interval=t("{low} to {high}", low=figures.difference(one.low), high=figures.difference(one.high)),
                low=place(one.low),
                middle=place(one.value),
                high=place(one.high),
                clear=one.low > 0 or one.high < 0,
            )
            for name in arms.arms
            if (one := differences.get(name)) is not None
        ),
    )
