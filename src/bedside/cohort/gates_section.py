"""``[accept]`` of a study file: what counts as good enough, declared before the evidence is seen."""

from __future__ import annotations

from typing import Literal

from bedside.cohort.section import Section
from bedside.cohort.study import Gate, TargetLimits, ValidationPlan
from bedside.cohort.study_keys import AT_THRESHOLD, MEASURES, STRATEGIES
from bedside.sources import nearest


def read_gates(section: Section, plan: ValidationPlan) -> tuple[tuple[Gate, ...], TargetLimits]:
    """The gates, empty where none is declared, and what a compressed target may lose.

    Raises
    ------
    StudyError: a measure that the task does not have, a gate without a limit, limits that exclude each other, a
        measure at a threshold where none is declared.
    """
    gates: list[Gate] = []
    limits = TargetLimits()
    for name in section.names():
        if name == "targets":
            limits = _target_limits(section.below(name))
        elif name == "subgroups":
            inner = section.below(name)
            gates += [_gap(inner.below(measure), _measure(inner, measure, plan)) for measure in inner.names()]
        else:
            gates.append(_gate(section.below(name), _measure(section, name, plan)))
    return tuple(gates), limits


def _measure(section: Section, name: str, plan: ValidationPlan) -> str:
    if name not in MEASURES:
        raise section.error(name, f"this task has no measure '{name}'", nearest(name, MEASURES))
    if name in AT_THRESHOLD and plan.threshold is None:
        raise section.error(name, f"'{name}' needs a threshold", "Add threshold = ... to [validation]")
    return name


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
