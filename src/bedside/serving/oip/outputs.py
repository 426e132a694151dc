"""A judgement as output tensors: what a release gives for each row, and no number where it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bedside.answering import Judgement, reason_codes
from bedside.release import Manifest
from bedside.serving.oip.documents import BinarySize, Datatype, OutputTensor, TensorMetadata
from bedside.serving.oip.tensors import packed


@dataclass(frozen=True)
class Output:
    """One output: its datatype, whether it has a column per class, and how a judgement gives it.

    ``values`` is for binary data; ``shown`` gives the elements for JSON, None where there is none. Both are told
    whether any row abstains: usually none does, and then nothing has to be hidden.
    """

    datatype: Datatype
    per_class: bool
    values: Callable[[Judgement, bool], Any]
    shown: Callable[[Judgement, bool], list[Any]]


def _probability(judged: Judgement, silent: bool) -> np.ndarray:
    return np.where(judged.abstained[:, None], np.nan, judged.probability) if silent else judged.probability


def _probability_shown(judged: Judgement, silent: bool) -> list[Any]:
    # nan becomes null: msgspec writes it so.
    return _probability(judged, silent).ravel().tolist()


def _abstained(judged: Judgement, _silent: bool) -> np.ndarray:
    return judged.abstained


def _abstained_shown(judged: Judgement, _silent: bool) -> list[Any]:
    return list(judged.abstained.tolist())


def _reasons(judged: Judgement, _silent: bool) -> list[str]:
    return [";".join(reason_codes(bits)) if bits else "" for bits in judged.reasons.tolist()]


def _alert(judged: Judgement, silent: bool) -> np.ndarray:
    assert judged.alert is not None
    return np.asarray(judged.alert & ~judged.abstained) if silent else judged.alert


def _alert_shown(judged: Judgement, silent: bool) -> list[Any]:
    alerts: list[Any] = _alert(judged, silent).tolist()
    if not silent:
        return alerts
    return [None if withheld else alert for alert, withheld in zip(alerts, judged.abstained.tolist(), strict=True)]


def _sets(judged: Judgement, silent: bool) -> np.ndarray:
    assert judged.sets is not None  # `outputs_of` lists them only where there are any
    return np.asarray(judged.sets & ~judged.abstained[:, None]) if silent else judged.sets


def _sets_shown(judged: Judgement, silent: bool) -> list[Any]:
    return _sets(judged, silent).ravel().tolist()


OUTPUTS: dict[str, Output] = {
    "probability": Output("FP64", True, _probability, _probability_shown),
    "abstained": Output("BOOL", False, _abstained, _abstained_shown),
    "reasons": Output("BYTES", False, _reasons, _reasons),
    "alert": Output("BOOL", False, _alert, _alert_shown),
    "prediction_set": Output("BOOL", True, _sets, _sets_shown),
}


@lru_cache(maxsize=16)
def _given(*, alert: bool, sets: bool) -> tuple[str, ...]:
    left_out = {name for name, there in (("alert", alert), ("prediction_set", sets)) if not there}
    return tuple(name for name in OUTPUTS if name not in left_out)


def outputs_of(manifest: Manifest) -> tuple[str, ...]:
    """Names of the outputs that this release gives: an alert only with a threshold, sets only of classes."""
    return _given(alert=manifest.threshold is not None, sets=manifest.conformal is not None)


def declared_outputs(manifest: Manifest) -> tuple[TensorMetadata, ...]:
    """The outputs as the model's metadata list them."""
    classes = manifest.outputs.width
    return tuple(
        TensorMetadata(
            name=name,
            datatype=OUTPUTS[name].datatype,
            shape=(-1, classes) if OUTPUTS[name].per_class else (-1,),
        )
        for name in outputs_of(manifest)
    )


def tensors(judged: Judgement, wanted: Sequence[tuple[str, bool]]) -> tuple[tuple[OutputTensor, ...], bytes]:
    """The outputs wanted, each as (name, whether binary), and the bytes of the binary ones in the same order."""
    made, binary = [], []
    silent = bool(np.count_nonzero(judged.abstained))
    for name, as_binary in wanted:
        output = OUTPUTS[name]
        shape = judged.probability.shape if output.per_class else judged.probability.shape[:1]
        if as_binary:
            content = packed(output.values(judged, silent), output.datatype)
            size = BinarySize(binary_data_size=len(content))
            made.append(OutputTensor(name=name, datatype=output.datatype, shape=shape, parameters=size))
            binary.append(content)
        else:
            made.append(
                OutputTensor(name=name, datatype=output.datatype, shape=shape, data=output.shown(judged, silent))
            )
    return tuple(made), b"".join(binary)
