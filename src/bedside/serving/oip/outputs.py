"""A judgement as output tensors: what a release gives for each row, and no number where it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from bedside.answering import Judgement, reason_codes
from bedside.release import Course, Manifest
from bedside.serving.oip.documents import BinarySize, Datatype, OutputTensor, TensorMetadata
from bedside.serving.oip.tensors import packed


class Said(NamedTuple):
    """What is to be told: a judgement, its course where there is one, and whether any row abstains.

    Usually none does, and then nothing has to be hidden.
    """

    judged: Judgement
    course: Course | None
    silent: bool


@dataclass(frozen=True)
class Output:
    """One output: its datatype, what it has a column for, and how it is told.

    ``columns`` is ``""`` (one number a row), ``"class"``, ``"horizon"`` or ``"edge"``. ``values`` is for binary data;
    ``shown`` gives the elements for JSON, None where there is none.
    """

    datatype: Datatype
    columns: str
    values: Callable[[Said], Any]
    shown: Callable[[Said], list[Any]]


def _numbers(columns: str, of: Callable[[Judgement, Course | None], Float[np.ndarray, "patient any"]]) -> Output:
    """Numbers that are nan where the row abstains; in JSON null, as msgspec writes nan."""

    def values(said: Said) -> np.ndarray:
        found = of(said.judged, said.course)
        return np.where(said.judged.abstained[:, None], np.nan, found) if said.silent else found

    return Output("FP64", columns, values, lambda said: values(said).ravel().tolist())


def _incidence(judged: Judgement, course: Course | None) -> Float[np.ndarray, "patient edge"]:
    assert course is not None  # `outputs_of` lists it only where there is one
    return course.incidence(judged.columns)[:, 0]


def _survival(judged: Judgement, course: Course | None) -> Float[np.ndarray, "patient edge"]:
    assert course is not None
    return course.survival(judged.columns)


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


OUTPUTS: dict[str, Output] = {
    "probability": _numbers("class", lambda judged, _: judged.columns),
    "risk": _numbers("horizon", lambda judged, _: judged.estimates),
    "incidence": _numbers("edge", _incidence),
    "survival": _numbers("edge", _survival),
    "abstained": Output("BOOL", "", _abstained, _abstained_shown),
    "reasons": Output("BYTES", "", _reasons, _reasons),
    "alert": Output("BOOL", "", _alert, _alert_shown),
    "prediction_set": Output("BOOL", "class", _sets, _sets_shown),
}


@lru_cache(maxsize=16)
def _given(*, alert: bool, course: bool) -> tuple[str, ...]:
    """No cell of a course goes out by itself: under the name of a class's probability it would be read as one."""
    left_out = {"probability", "prediction_set"} if course else {"risk", "incidence", "survival"}
    return tuple(name for name in OUTPUTS if name not in left_out and (alert or name != "alert"))


def outputs_of(manifest: Manifest) -> tuple[str, ...]:
    """Names of the outputs that this release gives: an alert only with a threshold, sets only of classes."""
    return _given(alert=manifest.threshold is not None, course=manifest.outputs.course is not None)


def declared_outputs(manifest: Manifest) -> tuple[TensorMetadata, ...]:
    """The outputs as the model's metadata list them."""
    outputs, course = manifest.outputs, manifest.outputs.course
    edges = 0 if course is None else len(course.edges)
    width = {"class": len(outputs.classes), "horizon": len(outputs.estimates), "edge": edges}
    return tuple(
        TensorMetadata(
            name=name,
            datatype=OUTPUTS[name].datatype,
            shape=(-1, width[OUTPUTS[name].columns]) if OUTPUTS[name].columns else (-1,),
        )
        for name in outputs_of(manifest)
    )


def columns(manifest: Manifest) -> dict[str, str]:
    """What the columns of the outputs are about, for the model's metadata."""
    course = manifest.outputs.course
    if course is None:
        return {"classes": ", ".join(manifest.outputs.classes)}
    return {
        "event": course.events[0],
        "competing": ", ".join(course.events[1:]),
        "time_unit": course.unit,
        "horizons": ", ".join(f"{horizon:g}" for horizon in course.horizons),
        "decision": f"{course.decision:g}",
        "times": ", ".join(f"{edge:g}" for edge in course.edges),
    }


def tensors(
    judged: Judgement, course: Course | None, wanted: Sequence[tuple[str, bool]]
) -> tuple[tuple[OutputTensor, ...], bytes]:
    """The outputs wanted, each as (name, whether binary), and the bytes of the binary ones in the same order."""
    made, binary = [], []
    said = Said(judged, course, bool(np.count_nonzero(judged.abstained)))
    rows = len(judged)
    for name, as_binary in wanted:
        output = OUTPUTS[name]
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
