"""A judgement as output tensors: what a release gives for each row, and no number where it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from bedside.answering import Judgement, reason_codes
from bedside.release import Arms, Course, Dose, Manifest, Model, Outputs
from bedside.serving.oip.documents import BinarySize, Datatype, OutputTensor, TensorMetadata
from bedside.serving.oip.tensors import packed

SETS = "prediction_set"
"""The output that takes a step of its own to find."""


class Said(NamedTuple):
    """What is to be told: a judgement, what its columns mean, and whether any row abstains.

    Usually none does, and then nothing has to be hidden. ``vetoed``: per row and arm, or of the dose, what guidance
    forbids; None where the release has no guidance of them.
    """

    judged: Judgement
    outputs: Outputs
    silent: bool
    vetoed: np.ndarray | None = None


@dataclass(frozen=True)
class Output:
    """One output: its datatype, what it has a column for, and how it is told.

    ``columns`` is ``""`` (one element a row), ``"class"``, ``"horizon"``, ``"edge"``, ``"arm"`` or ``"other"`` (an arm
    but the control). ``values`` is for binary data; ``shown`` gives the elements for JSON, None where there is none.
    """

    datatype: Datatype
    columns: str
    values: Callable[[Said], Any]
    shown: Callable[[Said], list[Any]]


def _numbers(columns: str, of: Callable[[Judgement, Outputs], np.ndarray]) -> Output:
    """Numbers that are nan where the row abstains; in JSON null, as msgspec writes nan."""

    def values(said: Said) -> np.ndarray:
        found = of(said.judged, said.outputs)
        if not said.silent:
            return found
        return np.where(said.judged.abstained[:, None], np.nan, found)

    return Output("FP64", columns, values, lambda said: values(said).ravel().tolist())


def _incidence(judged: Judgement, outputs: Outputs) -> Float[np.ndarray, "patient edge"]:
    assert outputs.course is not None  # `outputs_of` lists it only where there is one
    return outputs.course.incidence(judged.columns)[:, 0]


def _survival(judged: Judgement, outputs: Outputs) -> Float[np.ndarray, "patient edge"]:
    assert outputs.course is not None
    return outputs.course.survival(judged.columns)


def _arms(outputs: Outputs) -> Arms:
    assert outputs.arms is not None
    return outputs.arms


def _told(of: Callable[[Arms, Judgement], np.ndarray]) -> Callable[[Judgement, Outputs], np.ndarray]:
    """Differences against the control; nan where one of the two is not judged."""

    def numbers(judged: Judgement, outputs: Outputs) -> Float[np.ndarray, "patient other"]:
        arms = _arms(outputs)
        known = arms.judged(judged.columns)
        return np.where(known[:, 1:] & known[:, :1], of(arms, judged), np.nan)

    return numbers


def _expected(judged: Judgement, outputs: Outputs) -> Float[np.ndarray, "patient arm"]:
    arms = _arms(outputs)
    return np.where(arms.judged(judged.columns), arms.expected(judged.columns), np.nan)


def _end(place: int) -> Callable[[Arms, Judgement], np.ndarray]:
    """The difference (0), or the lower (1) or upper (2) end of its interval, of each other arm against the control."""

    def numbers(arms: Arms, judged: Judgement) -> Float[np.ndarray, "patient other"]:
        ends = [arms.difference(judged.columns, arm, 0)[place] for arm in range(1, len(arms.arms))]
        return np.stack(ends, axis=1)

    return numbers


def _recommended(said: Said) -> list[str]:
    arms, judged = _arms(said.outputs), said.judged
    chosen = np.where(judged.abstained, -1, arms.recommended(judged.columns))
    if said.vetoed is not None:
        forbidden = said.vetoed[np.arange(len(chosen)), np.maximum(chosen, 0)]
        chosen = np.where(forbidden, -1, chosen)
    return ["" if arm < 0 else arms.arms[arm] for arm in chosen.tolist()]


def _abstained(said: Said) -> np.ndarray:
    return said.judged.abstained


def _abstained_shown(said: Said) -> list[Any]:
    return list(said.judged.abstained.tolist())


def _reasons(said: Said) -> list[str]:
    return [";".join(reason_codes(bits)) if bits else "" for bits in said.judged.reasons.tolist()]


def _alert(said: Said) -> np.ndarray:
    judged = said.judged
    assert judged.alert is not None
    return np.asarray(judged.alert & ~judged.abstained) if said.silent else judged.alert


def _alert_shown(said: Said) -> list[Any]:
    alerts: list[Any] = _alert(said).tolist()
    if not said.silent:
        return alerts
    return [None if withheld else alert for alert, withheld in zip(alerts, said.judged.abstained.tolist(), strict=True)]


def _sets(said: Said) -> np.ndarray:
    judged = said.judged
    assert judged.sets is not None  # `outputs_of` lists them only where there are any
    return np.asarray(judged.sets & ~judged.abstained[:, None]) if said.silent else judged.sets


def _sets_shown(said: Said) -> list[Any]:
    return _sets(said).ravel().tolist()


def _dosed(place: int) -> Output:
    """The dose, or an end of its interval: nan also where guidance forbids the drug."""

    def values(said: Said) -> np.ndarray:
        numbers, silent = said.judged.columns[:, place], said.judged.abstained
        return np.where(silent if said.vetoed is None else silent | said.vetoed[:, 0], np.nan, numbers)

    return Output("FP64", "", values, lambda said: values(said).tolist())


def _vetoed(said: Said) -> list[str]:
    assert said.vetoed is not None  # `outputs_of` lists it only where there is guidance
    arms, dose = said.outputs.arms, said.outputs.dose
    about = arms.arms if arms is not None else (dose.drug if dose is not None else "",)
    return [";".join(name for name, holds in zip(about, row, strict=True) if holds) for row in said.vetoed.tolist()]


_ALWAYS = {
    "abstained": Output("BOOL", "", _abstained, _abstained_shown),
    "reasons": Output("BYTES", "", _reasons, _reasons),
}
_VETOED = {"vetoed": Output("BYTES", "", _vetoed, _vetoed)}
_ALERT = {"alert": Output("BOOL", "", _alert, _alert_shown)}
OUTPUTS: dict[str, dict[str, Output]] = {
    "classes": {
        "probability": _numbers("class", lambda judged, _: judged.columns),
        **_ALWAYS,
        **_ALERT,
        SETS: Output("BOOL", "class", _sets, _sets_shown),
    },
    "course": {
        "risk": _numbers("horizon", lambda judged, _: judged.estimates),
        "incidence": _numbers("edge", _incidence),
        "survival": _numbers("edge", _survival),
        **_ALWAYS,
        **_ALERT,
    },
    "arms": {
        "expected": _numbers("arm", _expected),
        "effect": _numbers("other", _told(_end(0))),
        "low": _numbers("other", _told(_end(1))),
        "high": _numbers("other", _told(_end(2))),
        "propensity": _numbers("arm", lambda judged, outputs: _arms(outputs).propensity(judged.columns)),
        "recommended": Output("BYTES", "", _recommended, _recommended),
        **_VETOED,
        **_ALWAYS,
    },
    "dose": {
        "dose": _dosed(0),
        "low": _dosed(1),
        "high": _dosed(2),
        **_VETOED,
        **_ALWAYS,
    },
}
"""By what a release answers with. No cell of a course goes out by itself: under the name of a class's probability it
would be read as one."""


def _kind(outputs: Outputs) -> str:
    for kind in ("course", "arms", "dose"):
        if getattr(outputs, kind) is not None:
            return kind
    return "classes"


@lru_cache(maxsize=16)
def _given(kind: str, *, alert: bool, guided: bool) -> tuple[str, ...]:
    left_out = {name for name, given in (("alert", alert), ("vetoed", guided)) if not given}
    return tuple(name for name in OUTPUTS[kind] if name not in left_out)


def outputs_of(model: Model) -> tuple[str, ...]:
    """Names of the outputs that this release gives: an alert only with a threshold, vetoes only with guidance."""
    manifest = model.manifest
    guided = model.guidance is not None
    return _given(_kind(manifest.outputs), alert=manifest.threshold is not None, guided=guided)


def declared_outputs(model: Model) -> tuple[TensorMetadata, ...]:
    """The outputs as the model's metadata list them."""
    manifest = model.manifest
    width, there = _widths(manifest.outputs), OUTPUTS[_kind(manifest.outputs)]
    return tuple(
        TensorMetadata(
            name=name,
            datatype=there[name].datatype,
            shape=(-1, width[there[name].columns]) if there[name].columns else (-1,),
        )
        for name in outputs_of(model)
    )


def _widths(outputs: Outputs) -> dict[str, int]:
    edges = 0 if outputs.course is None else len(outputs.course.edges)
    arms = 0 if outputs.arms is None else len(outputs.arms.arms)
    width = {"class": len(outputs.classes), "horizon": len(outputs.estimates), "edge": edges}
    return width | {"arm": arms, "other": arms - 1}


def columns(manifest: Manifest) -> dict[str, str]:
    """What the columns of the outputs are about, for the model's metadata."""
    outputs = manifest.outputs
    if outputs.course is not None:
        return _of_course(outputs.course)
    if outputs.arms is not None:
        return _of_arms(outputs.arms)
    if outputs.dose is not None:
        return _of_dose(outputs.dose)
    return {"classes": ", ".join(outputs.classes)}


def _of_course(course: Course) -> dict[str, str]:
    return {
        "event": course.events[0],
        "competing": ", ".join(course.events[1:]),
        "time_unit": course.unit,
        "horizons": ", ".join(f"{horizon:g}" for horizon in course.horizons),
        "decision": f"{course.decision:g}",
        "times": ", ".join(f"{edge:g}" for edge in course.edges),
    }


def _of_arms(arms: Arms) -> dict[str, str]:
    told = {
        "arms": ", ".join(arms.arms),
        "control": arms.arms[0],
        "outcome": arms.outcome,
        "kind": arms.kind,
        "unit": arms.unit or "",
        "better": arms.better,
        "randomised": "true" if arms.randomised else "false",
        "alpha": f"{arms.alpha:g}",
        "overlap": f"{arms.overlap:g}",
    }
    return told if arms.until is None else told | {"until": f"{arms.until:g}"}


def _of_dose(dose: Dose) -> dict[str, str]:
    return {"drug": dose.drug, "unit": dose.unit, "alpha": f"{dose.alpha:g}", "tolerance": f"{dose.tolerance:g}"}


def tensors(
    judged: Judgement, outputs: Outputs, wanted: Sequence[tuple[str, bool]], vetoed: np.ndarray | None = None
) -> tuple[tuple[OutputTensor, ...], bytes]:
    """The outputs wanted, each as (name, whether binary), and the bytes of the binary ones in the same order."""
    made, binary = [], []
    said = Said(judged, outputs, bool(np.count_nonzero(judged.abstained)), vetoed)
    rows, there = len(judged), OUTPUTS[_kind(outputs)]
    for name, as_binary in wanted:
        output = there[name]
        content: Any = output.values(said) if as_binary else output.shown(said)
        if as_binary:
            shape = content.shape if output.columns else (rows,)
            content = packed(content, output.datatype)
            size = BinarySize(binary_data_size=len(content))
            made.append(OutputTensor(name=name, datatype=output.datatype, shape=shape, parameters=size))
            binary.append(content)
        else:
            shape = (rows, len(content) // rows) if output.columns else (rows,)
            made.append(OutputTensor(name=name, datatype=output.datatype, shape=shape, data=content))
    return tuple(made), b"".join(binary)
