"""A judgement as output tensors: what a release gives for each row, and no number where it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.answering import Judgement, reason_codes
from bedside.release import Manifest
from bedside.serving.oip.documents import BinarySize, Datatype, OutputTensor, TensorMetadata
from bedside.serving.oip.tensors import packed


@dataclass(frozen=True)
class Output:
    """One output: its datatype, whether it has a column per class, and how a judgement gives it.

    ``values`` is for binary data; ``shown`` gives the elements for JSON, None where there is none.
    """

    datatype: Datatype
    per_class: bool
    values: Callable[[Judgement], Any]
    shown: Callable[[Judgement], list[Any]]


def _silent(judged: Judgement) -> bool:
    return bool(np.count_nonzero(judged.abstained))


def _probability(judged: Judgement) -> np.ndarray:
    return np.where(judged.abstained[:, None], np.nan, judged.probability) if _silent(judged) else judged.probability


def _reasons(judged: Judgement) -> list[str]:
    return [";".join(reason_codes(bits)) if bits else "" for bits in judged.reasons.tolist()]


def _alert(judged: Judgement) -> np.ndarray:
    assert judged.alert is not None
    return np.asarray(judged.alert & ~judged.abstained) if _silent(judged) else judged.alert


def _alert_shown(judged: Judgement) -> list[Any]:
    if not _silent(judged):
        return _alert(judged).tolist()
    pairs = zip(_alert(judged).tolist(), judged.abstained.tolist(), strict=True)
    return [None if silent else alert for alert, silent in pairs]


def _sets(judged: Judgement) -> np.ndarray:
    return np.asarray(judged.sets & ~judged.abstained[:, None]) if _silent(judged) else judged.sets


OUTPUTS: dict[str, Output] = {
    # In JSON nan becomes null, as msgspec writes it.
    "probability": Output("FP64", True, _probability, lambda judged: _probability(judged).ravel().tolist()),
    "abstained": Output("BOOL", False, lambda judged: judged.abstained, lambda judged: judged.abstained.tolist()),
    "reasons": Output("BYTES", False, _reasons, _reasons),
    "alert": Output("BOOL", False, _alert, _alert_shown),
    "prediction_set": Output("BOOL", True, _sets, lambda judged: _sets(judged).ravel().tolist()),
}


def outputs_of(manifest: Manifest) -> tuple[str, ...]:
    """Names of the outputs that this release gives: an alert only where it declares a threshold."""
    return tuple(name for name in OUTPUTS if name != "alert" or manifest.threshold is not None)


def declared_outputs(manifest: Manifest) -> tuple[TensorMetadata, ...]:
    """The outputs as the model's metadata list them."""
    classes = len(manifest.outputs.classes)
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
    for name, as_binary in wanted:
        output = OUTPUTS[name]
        shape = judged.probability.shape if output.per_class else judged.probability.shape[:1]
        if as_binary:
            content = packed(output.values(judged), output.datatype)
            size = BinarySize(binary_data_size=len(content))
            made.append(OutputTensor(name=name, datatype=output.datatype, shape=shape, parameters=size))
            binary.append(content)
        else:
            made.append(OutputTensor(name=name, datatype=output.datatype, shape=shape, data=output.shown(judged)))
    return tuple(made), b"".join(binary)
