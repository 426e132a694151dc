"""What a reader must know beside the numbers: each caution has a constant code and one sentence with its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bedside.release import FASTER, carried
from bedside.validation.evidence import (
    Abstentions,
    DataFacts,
    Estimate,
    Measures,
    Missingness,
    NotJudged,
    ReleaseFacts,
    SubgroupEvidence,
    TargetEvidence,
    Warned,
)
from bedside.validation.registry import TaskMeasures

FEWEST_FOR_PRECISION = 100
"""Patients of each class, or with and without the event, to validate on, at least.

Vergouwe et al., J Clin Epidemiol 2005;58:475-483; Collins, Ogundimu and Altman, Stat Med 2016;35:214-226.
"""
MANY_ABSTENTIONS = 0.20
MOSTLY = 0.5


def about_data(data: DataFacts, sizes: Mapping[str, int], repeated: str) -> list[Warned]:
    """Too few patients of a kind, repeated patients, columns that are not there or hold next to nothing."""
    found = []
    rare = {name: count for name, count in sizes.items() if count < FEWEST_FOR_PRECISION}
    if rare:
        text = ", ".join(f"{count} {name}" for name, count in rare.items())
        found.append(
            Warned(
                code="few-patients", text=f"Only {text}: below {FEWEST_FOR_PRECISION} of each, figures are imprecise."
            )
        )
    if data.n_patients is not None and data.n_patients < data.n:
        found.append(
            Warned(
                code="repeated-patients",
                text=f"{data.n} rows come from {data.n_patients} patients; {repeated}.",
            )
        )
    absent = [one.label for one in data.missingness if one.absent]
    if absent:
        found.append(Warned(code="column-absent", text=f"The table has no column for: {', '.join(absent)}."))
    unknown = [f"{one.label} ({one.share:.0%})" for one in data.missingness if _mostly_unknown(one)]
    if unknown:
        text = f"Mostly unknown in these patients: {', '.join(unknown)}. There the model rests on what it imputes."
        found.append(Warned(code="mostly-unknown", text=text))
    implausible = sum(one.implausible for one in data.missingness)
    if implausible:
        found.append(
            Warned(
                code="implausible-values", text=f"{implausible} values outside their declared range were set missing."
            )
        )
    return found


def _mostly_unknown(one: Missingness) -> bool:
    return not one.absent and one.share is not None and one.share > MOSTLY


def about_abstentions(abstained: Abstentions) -> list[Warned]:
    """More abstentions than one would silently accept."""
    share = abstained.share.value
    if share is None or share <= MANY_ABSTENTIONS:
        return []
    return [
        Warned(
            code="many-abstentions",
            text=f"The model gave no estimate for {100 * share:.0f} % of the patients; the measures are about the "
            "others. See the figures as if it had answered everybody.",
        )
    ]


def _inverted(name: str, estimate: Estimate) -> Warned | None:
    if estimate.high is None or estimate.high >= 0.5:
        return None
    return Warned(
        code="inverted-labels",
        text=f"{name} is {estimate.value:.3f}, with its whole interval below 0.5: the outcome is probably coded the "
        "other way round here (the classes swapped).",
    )


def about_measures(measures: Measures, subgroups: Sequence[SubgroupEvidence], task: TaskMeasures) -> list[Warned]:
    """Labels that look inverted, here or in one group; calibration that cannot be told."""
    name = f"The {task.ranking_name}"
    if not task.chance:
        return []
    places = [(name, measures)] + [(f"{name} in {one.group}", one.measures) for one in subgroups]
    found = [_inverted(where, one[task.ranking]) for where, one in places if task.ranking in one]
    slope, area = measures.get("calibration_slope"), measures.get(task.ranking)
    if area is not None and area.value is not None and slope is not None and slope.value is None:
        found.append(
            Warned(
                code="calibration-undefined",
                text=f"The calibration slope is not defined on these patients: {task.no_slope}.",
            )
        )
    return [one for one in found if one is not None]


def about_floor(release: ReleaseFacts, difference: Measures, task: TaskMeasures) -> list[Warned]:
    """The network is not what was packed, or is worse than the simple model."""
    found = []
    network = release.network
    if network is not None and network.packed == "floor" and network.asked != "floor":
        found.append(
            Warned(
                code="floor-packed",
                text=f"The network was worse than {task.floor} on the development patients; the release holds "
                f"{task.floor}.",
            )
        )
    area = difference.get(task.ranking)
    if area is not None and area.high is not None and area.high < 0:
        found.append(
            Warned(
                code="worse-than-floor",
                text=f"On these patients the model's {task.ranking_name} is lower than {task.floor}'s by "
                f"{-(area.value or 0):.3f}, with the whole interval below 0.",
            )
        )
    error = difference.get("mae")
    if error is not None and error.low is not None and error.low > 0:
        found.append(
            Warned(
                code="worse-than-floor",
                text=f"On these patients the model's doses are off by {error.value:.3g} more than those of "
                f"{task.floor}, with the whole interval above 0.",
            )
        )
    return found


def about_origin(release: ReleaseFacts) -> list[Warned]:
    """What nobody knows of a model that was trained elsewhere."""
    origin = release.adopted
    if origin is None:
        return []
    unknown = [
        what
        for what, text in (("how it was trained", origin.trained_how), ("on whom", origin.trained_on))
        if text is None
    ]
    found = []
    if unknown:
        text = f"The model was trained elsewhere; unknown: {', '.join(unknown)}."
        found.append(Warned(code="training-unknown", text=text))
    if not origin.unseen:
        text = (
            "It is unknown whether the model was trained on patients of this table. If it was, every figure here is "
            "too good, and prediction sets miss more often than they promise."
        )
        found.append(Warned(code="maybe-seen", text=text))
    return found


def about_looks(looks: int | None, changed: bool | None) -> list[Warned]:
    """The held-out patients were looked at before."""
    if looks is None or looks < 2:
        return []
    also = ", and the study file changed in between" if changed else ""
    return [
        Warned(
            code="looked-at-before",
            text=f"This was look {looks} at these held-out patients{also}: choices made after the first look make the "
            "figures too good.",
        )
    ]


def about_targets(targets: Mapping[str, TargetEvidence]) -> list[Warned]:
    """Targets that were not run, and those that are no faster than the reference, which comes first."""
    if not targets:
        return []
    (first, reference), *others = targets.items()
    found = []
    for name, one in others:
        if not one.validated:
            text = f"The file for {name} was not validated: its runtime ({one.runtime}) is not on this machine."
            found.append(Warned(code="target-not-validated", text=text))
        elif (
            not carried(name, one.runtime)
            and one.latency is not None
            and reference.latency is not None
            and one.latency > FASTER * reference.latency
        ):
            gains = "gains next to no time" if one.latency * FASTER <= reference.latency else "is slower"
            text = (
                f"{name} {gains} here: {1e6 * one.latency:.0f} \N{MICRO SIGN}s for one patient, against "
                f"{1e6 * reference.latency:.0f} with {first}."
            )
            found.append(Warned(code="target-gains-nothing", text=text))
    return found


def about_groups(not_judged: Sequence[NotJudged]) -> list[Warned]:
    """Groups that a gate could not judge."""
    if not not_judged:
        return []
    names = "; ".join(sorted({f"{one.group} ({one.reason})" for one in not_judged}))
    return [Warned(code="group-not-judged", text=f"Not judged by the gate on subgroups: {names}.")]


def about_release(release: ReleaseFacts, date: str, task: TaskMeasures) -> list[Warned]:
    """Nothing declared to act on, or no longer valid."""
    found = []
    if release.threshold is None and task.needs_threshold:
        found.append(
            Warned(
                code="no-threshold",
                text=f"No threshold is declared, so {task.needs_threshold} are not reported as measures.",
            )
        )
    if release.valid_until is not None and release.valid_until < date:
        found.append(Warned(code="expired", text=f"The release was valid until {release.valid_until}."))
    return found
