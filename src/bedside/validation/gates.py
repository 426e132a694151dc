"""What the study accepts: each gate of ``[accept]``, judged; a gate that cannot be judged does not pass.

- ``min`` and ``max`` look at the point value, or at the end of the interval that ``bound`` names.
- ``better_than`` looks at the difference of net benefits, which must be above 0 (its ``bound`` end, where named).
- With more than two classes a gate on calibration is judged for each class: their mean can look right when none is.
- A gate on subgroups judges each group large enough, declared ones and sites. The others are listed as not judged;
  where none could be judged, the gate fails: a study that asks for fairness and cannot show it has not shown it.
- ``accepted`` needs at least one gate, and all passed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from bedside.cohort import Gate, TargetLimits
from bedside.validation.evidence import Estimate, GateResult, Measures, NotJudged, SubgroupEvidence, TargetEvidence

CALIBRATION = ("calibration_intercept", "calibration_slope", "ici")
UNDEFINED = "not defined on these patients"
OF_TARGET = "targets."
"""Names of gates on targets begin so."""
ALWAYS = "always."
"""Names of gates that nobody has to ask for begin so."""


def limit_text(gate: Gate) -> str:
    """``"at least 0.9"``, ``"0.8 to 1.25"``, ``"at most 0.1"``, ``"not set"``."""
    if gate.min is not None and gate.max is not None:
        return f"{gate.min:g} to {gate.max:g}"
    if gate.min is not None:
        return f"at least {gate.min:g}"
    return "not set" if gate.max is None else f"at most {gate.max:g}"


def _judged(estimate: Estimate | None, bound: str | None) -> tuple[float | None, str]:
    """The number that a gate looks at, and why there is none."""
    if estimate is None:
        return None, "no such measure in this evidence"
    if estimate.value is None:
        return None, UNDEFINED
    value = estimate.value if bound is None else getattr(estimate, bound)
    return value, "" if value is not None else "no interval is defined on these patients"


def _within(gate: Gate, value: float | None) -> bool:
    if value is None or not math.isfinite(value) or (gate.min is None and gate.max is None):
        return False
    return (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)


def _limits(gate: Gate, name: str, estimate: Estimate | None) -> GateResult:
    value, text = _judged(estimate, gate.bound)
    return GateResult(
        name=name, limit=limit_text(gate), value=value, passed=_within(gate, value), bound=gate.bound, text=text
    )


def _better_than(gate: Gate, name: str, measures: Measures) -> list[GateResult]:
    results = []
    _, _, label = name.partition(":")
    for other in gate.better_than:
        key = f"{gate.measure}_gain:{other}" + (f":{label}" if label else "")
        value, text = _judged(measures.get(key), gate.bound)
        results.append(
            GateResult(
                name=f"{name} above {other}",
                limit="difference above 0",
                value=value,
                passed=value is not None and value > 0,
                bound=gate.bound,
                text=text,
            )
        )
    return results


def _parts(gate: Gate, measures: Measures) -> list[str]:
    """The measure itself; its values by class where calibration or a comparison of more than two classes is judged."""
    by_class = [name for name in measures if name.startswith(f"{gate.measure}:")]
    return by_class if by_class and (gate.measure in CALIBRATION or gate.better_than) else [gate.measure]


def judge_measure(gate: Gate, measures: Measures) -> list[GateResult]:
    """One gate over all patients; several results where it has several parts."""
    results = []
    for name in _parts(gate, measures):
        if gate.better_than:
            results += _better_than(gate, name, measures)
        if gate.min is not None or gate.max is not None or not gate.better_than:
            results.append(_limits(gate, name, measures.get(name)))
    return results


def _too_small(gate: Gate, group: SubgroupEvidence) -> str:
    """Why a group is not judged; empty where it is."""
    if group.suppressed:
        return "too few patients to report"
    if gate.max_gap is None:
        return "" if (group.rarest or 0) >= gate.min_events else f"fewer than {gate.min_events} patients of a class"
    if (group.rarest or 0) < gate.min_events:
        return f"fewer than {gate.min_events} patients with or without the outcome"
    if (group.others_rarest or 0) < gate.min_events:
        return f"fewer than {gate.min_events} with or without the outcome among all others"
    return ""


def _gap(name: str, group: SubgroupEvidence) -> tuple[float | None, str]:
    here, others = group.measures.get(name), group.others.get(name)
    if here is None or others is None:
        return None, "no such measure in this evidence"
    if here.value is None or others.value is None:
        return None, UNDEFINED
    return abs(here.value - others.value), f"{here.value:.3f} here, {others.value:.3f} in all others"


def _judge_group(gate: Gate, group: SubgroupEvidence) -> list[GateResult]:
    results = []
    for part in _parts(gate, group.measures):
        name = f"subgroups.{part}: {group.group}"
        if gate.max_gap is not None:
            value, text = _gap(part, group)
            passed = value is not None and value <= gate.max_gap
            limit = f"gap at most {gate.max_gap:g}"
            results.append(GateResult(name=name, limit=limit, value=value, passed=passed, text=text))
        if gate.max_gap is None or gate.min is not None or gate.max is not None:
            results.append(_limits(gate, name, group.measures.get(part)))
    return results


def judge_subgroups(gate: Gate, groups: Sequence[SubgroupEvidence]) -> tuple[list[GateResult], list[NotJudged]]:
    """One gate on every group that is large enough; a failure of its own where none is."""
    results: list[GateResult] = []
    left_out = []
    for group in groups:
        reason = _too_small(gate, group)
        if reason:
            left_out.append(NotJudged(gate=f"subgroups.{gate.measure}", group=group.group, reason=reason))
        else:
            results += _judge_group(gate, group)
    if not results:
        limit = limit_text(gate) if gate.max_gap is None else f"gap at most {gate.max_gap:g}"
        results.append(
            GateResult(
                name=f"subgroups.{gate.measure}", limit=limit, value=None, passed=False, text="no group could be judged"
            )
        )
    return results, left_out


def judge_targets(limits: TargetLimits, targets: Mapping[str, TargetEvidence]) -> list[GateResult]:
    """What each target lost against the reference, which comes first; one that was not run is not judged."""
    results = []
    for target, evidence in list(targets.items())[1:]:
        if not evidence.validated:
            continue
        for name in ("auroc_loss", "flips", "largest_change"):
            value, limit = getattr(evidence, name), getattr(limits, name)
            passed = value is not None and value <= limit
            text = "" if value is not None else UNDEFINED
            results.append(
                GateResult(
                    name=f"{OF_TARGET}{target}: {name}",
                    limit=f"at most {limit:g}",
                    value=value,
                    passed=passed,
                    text=text,
                )
            )
    return results


def judge_gates(
    gates: Sequence[Gate], measures: Measures, groups: Sequence[SubgroupEvidence]
) -> tuple[tuple[GateResult, ...], tuple[NotJudged, ...]]:
    """Every gate on the measures or the groups, in the order of the study."""
    results: list[GateResult] = []
    left_out: list[NotJudged] = []
    for gate in gates:
        if gate.subgroups:
            judged, skipped = judge_subgroups(gate, groups)
            results, left_out = results + judged, left_out + skipped
        else:
            results += judge_measure(gate, measures)
    return tuple(results), tuple(left_out)


def verdict(results: Sequence[GateResult]) -> tuple[Literal["accepted", "refused"], str]:
    """Accepted only if there is at least one gate that was asked for, and all passed; and why, in a sentence.

    What a gate that nobody asked for says in words where it fails comes first.
    """
    failed = [result for result in results if not result.passed]
    spoken = [one.text for one in failed if one.name.startswith(ALWAYS) and one.text not in ("", UNDEFINED)]
    told = [f"{text[:1].upper()}{text[1:]}. " for text in dict.fromkeys(spoken)]
    if all(result.name.startswith(ALWAYS) for result in results):
        return "refused", f"{''.join(told)}No gates are declared, so nothing was accepted."
    if failed:
        names = "; ".join(result.name for result in failed)
        return "refused", f"{''.join(told)}{len(failed)} of {len(results)} gates failed: {names}."
    return "accepted", "The one gate passed." if len(results) == 1 else f"All {len(results)} gates passed."
