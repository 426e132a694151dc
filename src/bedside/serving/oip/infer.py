"""One inference: the body of a request in, the body of its reply out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bedside.answering import judge, vetoes
from bedside.release import Model
from bedside.serving.oip.documents import (
    InferenceReply,
    InferenceRequest,
    InputTensor,
    OutputWanted,
    ReplyParameters,
)
from bedside.serving.oip.outputs import SETS, outputs_of, tensors
from bedside.serving.oip.patients import patients
from bedside.serving.oip.tensors import bad, elements
from bedside.sources import nearest

_REQUEST = msgspec.json.Decoder(InferenceRequest)
_REPLY = msgspec.json.Encoder()


class Inferred(NamedTuple):
    """A reply: its body, how much of it is JSON (None: all), and what to count."""

    body: bytes
    header_length: int | None
    rows: int
    abstained: int


def infer(model: Model, body: bytes, header_length: int | None, *, today: dt.date, warnings: Sequence[str]) -> Inferred:
    """Judge the patients of a request.

    Parameters
    ----------
    header_length: how many bytes of the body are JSON, where binary data follow it.
    today: the release's validity is judged by it. warnings: sentences that a reader must see.

    Raises
    ------
    HTTPException: 400 where the request does not follow the protocol or the model's metadata.
    ValueRefused: a value cannot be used; its variable and row are named.
    """
    request, binary = _split(body, header_length)
    wanted = _wanted(request, outputs_of(model))
    given = [(tensor, elements(tensor, own)) for tensor, own in _with_bytes(request.inputs, binary)]
    sets = any(name == SETS for name, _ in wanted)
    reading = patients(model.manifest.schema, given)
    judged = judge(model, reading, today=today, sets=sets)
    vetoed = None if model.guidance is None else vetoes(model, reading)
    outputs, packed = tensors(judged, model.manifest.outputs, wanted, vetoed)
    abstained = int(np.count_nonzero(judged.abstained))
    reply = InferenceReply(
        model_name=model.manifest.name,
        model_version=model.manifest.version,
        id=request.id,
        parameters=ReplyParameters(
            abstained=abstained,
            digest=model.digest,
            target=model.target,
            processor=model.processor,
            warnings=" ".join([*warnings, *([] if vetoed is None else _unasked(model))]),
        ),
        outputs=outputs,
    )
    document = _REPLY.encode(reply)
    in_binary = any(as_binary for _, as_binary in wanted)
    return Inferred(document + packed, len(document) if in_binary else None, len(judged), abstained)


def _unasked(model: Model) -> list[str]:
    """What guidance would have to know, and nobody can send here: an empty veto is then no all-clear."""
    guidance = model.guidance
    if guidance is None or not guidance.asked:
        return []
    return [f"Not looked at for a veto, as it cannot be sent here: {', '.join(sorted(guidance.asked))}."]


def _split(body: bytes, header_length: int | None) -> tuple[InferenceRequest, memoryview]:
    whole = memoryview(body)
    if header_length is None:
        header_length = len(body)
    if header_length > len(body):
        raise bad(f"Inference-Header-Content-Length is {header_length}, yet the body has {len(body)} bytes")
    try:
        return _REQUEST.decode(whole[:header_length]), whole[header_length:]
    except msgspec.ValidationError as error:
        raise bad(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad(f"the body is not JSON: {error}") from error


def _with_bytes(inputs: Sequence[InputTensor], binary: memoryview) -> list[tuple[InputTensor, memoryview | None]]:
    """Each input with its part of the binary data, which follow one another in the order of the inputs."""
    found: list[tuple[InputTensor, memoryview | None]] = []
    at = 0
    for tensor in inputs:
        parameters = tensor.parameters
        if parameters is not None and parameters.shared_memory_region is not None:
            raise bad(f"input '{tensor.name}' is in shared memory, which is not supported; send its data")
        if parameters is None or parameters.binary_data_size is None:
            found.append((tensor, None))
            continue
        end = at + parameters.binary_data_size
        if end > len(binary):
            raise bad(
                f"input '{tensor.name}' ends {end - len(binary)} bytes beyond the binary data; "
                "Inference-Header-Content-Length says where they begin"
            )
        found.append((tensor, binary[at:end]))
        at = end
    if at < len(binary):
        raise bad(f"{len(binary) - at} bytes after the JSON belong to no input")
    return found


def _wanted(request: InferenceRequest, there: Sequence[str]) -> list[tuple[str, bool]]:
    """Which outputs to give, and whether as binary data."""
    binary = request.parameters is not None and request.parameters.binary_data_output
    if not request.outputs:
        return [(name, binary) for name in there]
    names = [output.name for output in request.outputs]
    for name in names:
        if name not in there:
            raise bad(f"there is no output '{name[:100]}'. {nearest(name, there)}")
    if len(set(names)) < len(names):
        raise bad("an output is asked for twice")
    return [(output.name, _as_binary(output, binary)) for output in request.outputs]


def _as_binary(output: OutputWanted, default: bool) -> bool:
    parameters = output.parameters
    if parameters is None:
        return default
    if parameters.classification is not None:
        raise bad(f"output '{output.name}': classification is not supported; ask for prediction_set")
    if parameters.shared_memory_region is not None:
        raise bad(f"output '{output.name}': shared memory is not supported")
    return default if parameters.binary_data is None else parameters.binary_data
