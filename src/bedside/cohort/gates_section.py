"""``[accept]`` of a study file: what counts as good enough, declared before the evidence is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bedside.cohort.measure_names import PRACTICE, STRATEGIES, MeasureNames, at_horizon
from bedside.cohort.section import Section
from bedside.cohort.study import Gate, Outcome, TargetLimits, ValidationPlan
from bedside.sources import nearest


def read_gates(
    section: Section, plan: ValidationPlan, measures: MeasureNames, outcome: Outcome
) -> tuple[tuple[Gate, ...], TargetLimits]:
    """The gates, empty where none is declared, and what a compressed target may lose.

    A measure that there is for each horizon gets its horizon's name here: ``brier`` is ``brier_at_1825`` where 1825 is
    the decision's.

    Raises
    ------
    StudyError: a measure that the task does not have, a horizon that is not declared, two gates on one measure, a gate
        without a limit, limits that exclude each other, a measure at a threshold where none is declared, or one that
        the outcome leaves undefined.
    """
    gates: list[Gate] = []
    limits = TargetLimits()
    asked = _Asked(plan, measures, outcome)
    for name in section.names():
        if name == "targets":
            limits = _target_limits(section.below(name))
        elif name == "subgroups":
            inner = section.below(name)
            gates += [_gap(inner.below(measure), asked.measure(inner, measure)) for measure in inner.names()]
        else:
            gates.append(_gate(section.below(name), asked.measure(section, name)))
    return tuple(gates), limits


@dataclass(frozen=True)
class _Asked:
    """What a gate may be about."""

    plan: ValidationPlan
    measures: MeasureNames
    outcome: Outcome

    def measure(self, section: Section, name: str) -> str:
        """The measure's full name."""
        if ":" in name:
            return self._by_arm(section, name)
        measure, _, horizon = name.partition("_at_")
        if measure not in self.measures.names or (horizon and measure not in self.measures.at_horizon):
            raise section.error(name, f"this task has no measure '{name}'", nearest(measure, self.measures.names))
        if measure not in (*self.measures.whole, *self.measures.at_horizon):
            remedy = f"There are: {', '.join(self._arms(measure))}"
            raise section.error(name, f"there is a '{measure}' for each treatment only", remedy)
        if measure in self.measures.at_threshold and self.plan.threshold is None:
            raise section.error(name, f"'{name}' needs a threshold", "Add threshold = ... to [validation]")
        self._refuse_undefined(section, name, measure)
        if measure not in self.measures.at_horizon:
            return measure
        full = name if horizon else at_horizon(measure, self.plan.decision or self.outcome.horizons[-1])
        known = [at_horizon(measure, declared) for declared in self.outcome.horizons]
        if full not in known:
            raise section.error(name, f"'{horizon}' is no horizon of [outcome]", f"There are: {', '.join(known)}")
        if name != full and full in section:
            raise section.error(name, f"'{name}' and '{full}' are the same", "Keep one of them")
        return full

    def _by_arm(self, section: Section, name: str) -> str:
        """A measure of one treatment: against it, or of its effect against the control."""
        measure = name.partition(":")[0]
        if measure not in self.measures.by_arm:
            raise section.error(name, f"this task has no measure '{name}'", nearest(measure, self.measures.names))
        known = self._arms(measure)
        if name not in known:
            raise section.error(name, f"there is no measure '{name}'", f"There are: {', '.join(known)}")
        return name

    def _arms(self, measure: str) -> tuple[str, ...]:
        treatment = self.outcome.treatment
        arms = () if treatment is None else treatment.arms
        if measure in self.measures.practice:
            return tuple(f"{measure}:{arm}" for arm in (*arms, PRACTICE))
        return tuple(f"{measure}:{arm}" for arm in arms[1:])

    def _refuse_undefined(self, section: Section, name: str, measure: str) -> None:
        """A gate that could never be passed is a mistake in the study, to be told before anything is trained."""
        follow_up = self.outcome.follow_up
        if measure in self.measures.from_zero and follow_up is not None and follow_up.entry is not None:
            what = f"'{name}' is not defined where patients enter late, and [outcome] has an entry"
            raise section.error(name, what, "c_harrell and c_antolini count them from their entry on")
        if measure in self.measures.one_event and len(self.outcome.classes) > 2:
            what = f"'{name}' is not defined where events compete"
            raise section.error(name, what, "observed_over_expected and calibration_slope at a horizon are")


def _gate(section: Section, measure: str) -> Gate:
    low, high = section.number("min"), section.number("max")
    better_than = section.texts("better_than") or ()
    _check_strategies(section, better_than)
    if low is None and high is None and not better_than:
        raise section.error("", f"the gate on '{measure}' has no limit", "Write { min = ... } or { max = ... }")
    if low is not None and high is not None and low > high:
        raise section.error("min", f"min {low:g} lies above max {high:g}", "Swap them")
    return Gate(measure=measure, min=low, max=high, bound=_bound(section), better_than=better_than)


def _bound(section: Section) -> Literal["low", "high"] | None:
    if "bound" not in section:
        return None
    return "low" if section.one_of("bound", ("low", "high")) == "low" else "high"


def _check_strategies(section: Section, strategies: tuple[str, ...]) -> None:
    for name in strategies:
        if name not in STRATEGIES:
            raise section.error("better_than", f"there is no strategy '{name}'", nearest(name, STRATEGIES))


def _gap(section: Section, measure: str) -> Gate:
    gap = section.number("max_gap")
    if gap is None:
        raise section.error("", f"the gate on '{measure}' in subgroups has no limit", "Write { max_gap = 0.10 }")
    if gap < 0:
        raise section.error("max_gap", f"{gap:g} is negative", "Write the largest gap that is acceptable")
    return Gate(measure=measure, subgroups=True, max_gap=gap, min_events=section.whole("min_events", 20, 1))


def _target_limits(section: Section) -> TargetLimits:
    plain = TargetLimits()
    found = {}
    for key in ("auroc_loss", "flips", "largest_change"):
        value = section.number(key)
        if value is not None and value < 0:
            raise section.error(key, f"{value:g} is negative", "Write the largest loss that is acceptable")
        found[key] = getattr(plain, key) if value is None else value
    return TargetLimits(**found)
