"""What the validation site can say about an estimate and a threshold: words and pictures of the signed evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bedside.answering import Observed, observed
from bedside.review.answer_view import ClassRisk
from bedside.review.figures import percent, share
from bedside.review.words import Translate


@dataclass(frozen=True)
class Frequency:
    """How often the outcome was there among those with such an estimate: a sentence, where it comes from, the figures.

    ``found`` is None where too few held-out patients were near; then the sentence says so.
    """

    sentence: str
    source: str
    found: Observed | None


@dataclass(frozen=True)
class AtThreshold:
    """What acting at the declared threshold meant for 100 patients of the validation site.

    ``true_positive`` ... ``true_negative`` are those of the picture, per 100; ``facts``: name, value, interval.
    """

    name: str
    sentences: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float


def frequency(evidence: Mapping[str, Any], risk: ClassRisk, t: Translate) -> Frequency:
    """The estimate as it turned out at the validation site."""
    found = observed(evidence, risk.estimate or risk.name, risk.probability)
    if found is None:
        text = t(
            "Too few patients of the validation had an estimate near {percent}: how often “{name}” was there cannot be "
            "told, so no number is given.",
            percent=percent(risk.probability, t),
            name=risk.name,
        )
        return Frequency(text, "", None)
    source = _source(found, evidence, risk.name, t) if not risk.estimate else _followed(found, t)
    return Frequency(_often(found, risk.name, t), source, found)


def _often(found: Observed, name: str, t: Translate) -> str:
    tens, hundreds = round(found.share * 10), round(found.share * 100)
    if found.n is not None and found.events in (0, found.n):
        none = found.events == 0
        all_text = t("Of the patients given such an estimate at the validation site, all had “{name}”.", name=name)
        none_text = t("Of the patients given such an estimate at the validation site, none had “{name}”.", name=name)
        return none_text if none else all_text
    if 0.1 <= found.share <= 0.9:
        return t(
            "Of 10 patients given such an estimate at the validation site, about {tens} had “{name}”.",
            tens=tens,
            name=name,
        )
    if hundreds < 1:
        return t("Of 100 patients given such an estimate at the validation site, fewer than 1 had “{name}”.", name=name)
    return t(
        "Of 100 patients given such an estimate at the validation site, about {hundreds} had “{name}”.",
        hundreds=hundreds,
        name=name,
    )


def _followed(found: Observed, t: Translate) -> str:
    """Of a course nobody can be counted: some were followed for less."""
    return t(
        "From the calibration curve of the validation at this estimate, which allows for patients who were followed "
        "for less (95 % interval {low} to {high}).",
        low=share(round(found.low, 3), t),
        high=share(round(found.high, 3), t),
    )


def _source(found: Observed, evidence: Mapping[str, Any], name: str, t: Translate) -> str:
    limits = {"low": share(round(found.low, 3), t), "high": share(round(found.high, 3), t), "name": name}
    if found.n is None:
        return t(
            "From the calibration curve of the validation at this estimate (95 % interval {low} to {high}); the counts "
            "behind it are small and withheld.",
            **limits,
        )
    return t(
        "{n} of {all} held-out patients had an estimate between {lowest} and {highest}; {events} of the {n} had "
        "“{name}” (95 % interval {low} to {high}).",
        n=found.n,
        all=answered(evidence),
        events=found.events,
        lowest=share(found.lowest, t),
        highest=share(found.highest, t),
        **limits,
    )


def answered(evidence: Mapping[str, Any]) -> int:
    """Held-out patients who were given an estimate."""
    return int(evidence["data"]["n"]) - int((evidence.get("abstentions") or {}).get("n") or 0)


def at_threshold(evidence: Mapping[str, Any], t: Translate) -> list[AtThreshold]:
    """For each class with a declared threshold, what it meant at the validation site."""
    rows = [row for row in evidence.get("thresholds") or [] if row["declared"] and row["per_100"]]
    return [_at_threshold(evidence, row, t) for row in rows]


def _at_threshold(evidence: Mapping[str, Any], row: Mapping[str, Any], t: Translate) -> AtThreshold:
    of_100, name = row["per_100"], row["outcome"]
    facts = {
        t("Found of those with “{name}” (sensitivity)", name=name): row["sensitivity"],
        t("Left alone of those without (specificity)"): row["specificity"],
        t("With “{name}” among alerts (positive predictive value)", name=name): row["ppv"],
        t("Without among the others (negative predictive value)"): row["npv"],
    }
    return AtThreshold(
        name=name,
        sentences=(
            t(
                "Of 100 patients like those of the validation site, about {alert} reach {limit} and give an alert: "
                "about {true_positive} of these have “{name}”, about {false_positive} do not.",
                limit=share(row["threshold"], t),
                name=name,
                alert=_about(of_100["alert"]),
                true_positive=_about(of_100["true_positive"]),
                false_positive=_about(of_100["false_positive"]),
            ),
            t(
                "About {missed} of the 100 have “{name}” and give no alert.",
                missed=_about(of_100["false_negative"]),
                name=name,
            ),
            *_worth(evidence, row, t),
        ),
        facts=tuple((label, _percent(one["value"], t), _interval(one, t)) for label, one in facts.items()),
        **{cell: of_100[cell] for cell in ("true_positive", "false_positive", "false_negative", "true_negative")},
    )


def _about(per_100: float) -> str:
    return f"{per_100:.0f}" if per_100 >= 1.5 or per_100 == 0 else f"{per_100:g}"


def _worth(evidence: Mapping[str, Any], row: Mapping[str, Any], t: Translate) -> list[str]:
    """Net benefit in words, and against acting on everybody."""
    benefit = row["net_benefit"]["value"]
    if benefit is None:
        return []
    said = [_net(benefit, t)]
    gain = (evidence.get("measures") or {}).get("net_benefit_gain:treat-all") or {}
    if gain.get("value") is not None and gain.get("low") is not None and not isinstance(row["threshold"], dict):
        said.append(
            t(
                "Compared with acting on everybody: {gain} in 100 (95 % interval {low} to {high}); above 0 is better.",
                gain=_signed(gain["value"]),
                low=_signed(gain["low"]),
                high=_signed(gain["high"]),
            )
        )
    return said


def _net(benefit: float, t: Translate) -> str:
    if round(100 * benefit) < 0:
        return t(
            "Net benefit: acting on alerts was worse than acting on nobody, by {loss} rightly treated patients in 100, "
            "as the harm of needless treatment weighs at the threshold's own rate.",
            loss=_in_hundred(-benefit),
        )
    return t(
        "Net benefit: acting on alerts is worth {benefit} rightly treated patients in 100, the harm of needless "
        "treatment taken off at the threshold's own rate.",
        benefit=_in_hundred(benefit),
    )


def _in_hundred(part: float) -> str:
    """A whole number, so never ``-0``."""
    return str(round(100 * part))


def _signed(part: float) -> str:
    number = round(100 * part)
    return f"{number:+d}".replace("-", "\N{MINUS SIGN}") if number else "0"


def _percent(value: float | None, t: Translate) -> str:
    return t("not defined") if value is None else share(round(value, 3), t)


def _interval(one: Mapping[str, Any], t: Translate) -> str:
    if one.get("low") is None or one.get("high") is None:
        return ""
    return t("{low} to {high}", low=share(round(one["low"], 3), t), high=share(round(one["high"], 3), t))
