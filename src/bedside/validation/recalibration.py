"""Whether risks need adjusting to these patients, in words drawn from the intervals of intercept and slope."""

from __future__ import annotations

from bedside.validation.evidence import Estimate, Measures, Recalibration
from bedside.validation.given import Given


def _apart(estimate: Estimate | None, ideal: float) -> int | None:
    """-1 or 1 where the whole interval lies below or above the ideal, 0 where it holds it, None without an interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return -1 if estimate.high < ideal else int(estimate.low > ideal)


def _figure(estimate: Estimate) -> str:
    return f"{estimate.value:.2f}, 95 % interval {estimate.low:.2f} to {estimate.high:.2f}"


def judge_recalibration(
    level_is: Estimate | None, slope: Estimate | None, name: str = "intercept", ideal: int = 0
) -> tuple[str, str]:
    """``"none"``, ``"level"``, ``"spread"``, ``"both"`` or ``"unknown"``, and what that means.

    The model is judged by whether the interval of its level holds the ideal and that of the slope 1 (Van Calster et
    al., BMC Med 2019;17:230). "none" says that no need was shown, not that there is none: look at how wide the
    intervals are.

    Parameters
    ----------
    level_is: the intercept; or what `name` says, which lies above `ideal` where risks are too low on average.
    """
    level, spread = _apart(level_is, float(ideal)), _apart(slope, 1.0)
    if level is None or spread is None or level_is is None or slope is None:
        return "unknown", (
            f"{name.capitalize()} and slope are not defined on these patients, so nothing can be said about "
            "recalibration."
        )
    parts = []
    if level:
        way = "too low" if level > 0 else "too high"
        parts.append(f"risks are {way} on average ({name} {_figure(level_is)}; ideal {ideal})")
    if spread:
        way = "too extreme" if spread < 0 else "too close to the average"
        parts.append(f"risks are {way} (slope {_figure(slope)}; ideal 1)")
    if not parts:
        return "none", (
            f"No need for recalibration was shown ({name} {_figure(level_is)}, ideal {ideal}; "
            f"slope {_figure(slope)}, ideal 1)."
        )
    need = "both" if level and spread else "level" if level else "spread"
    return need, f"Recalibrate before use here: {' and '.join(parts)}."


def of_classes(given: Given, measures: Measures) -> Recalibration:
    """The need of the positive class, or of each class against all others."""
    need, text = {}, {}
    for name in given.classes if given.positive is None else (given.classes[given.positive],):
        key = "" if given.positive is not None else f":{name}"
        need[name], text[name] = judge_recalibration(
            measures.get(f"calibration_intercept{key}"), measures.get(f"calibration_slope{key}")
        )
    return Recalibration(need=need, text=text)


def of_course(given: Given, measures: Measures) -> Recalibration:
    """The need at the horizon of the decision, from the share with the event over the mean risk, and the slope."""
    assert given.positive is not None
    name = given.classes[given.positive]
    ratio, slope = measures.get("observed_over_expected"), measures.get("calibration_slope")
    need, text = judge_recalibration(ratio, slope, "observed over expected", 1)
    return Recalibration(need={name: need}, text={name: text})
