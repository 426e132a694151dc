"""What the Open Inference Protocol sends over the wire, as structs.

Sources: Open Inference Protocol, REST (github.com/kserve/open-inference-protocol, specification/protocol/
inference_rest.md); Binary Tensor Data Extension (github.com/triton-inference-server/server, docs/protocol/
extension_binary_data.md).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
Dimension = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Data = Annotated[
    msgspec.Raw,
    Meta(
        description="The elements in row-major order, flat or nested as the shape says; null: not known",
        extra_json_schema={"type": "array"},
    ),
]


class InputParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of an input tensor: how many bytes of the binary part are its own. Memory shared with the server is refused."""

    binary_data_size: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    shared_memory_region: str | None = None


class InputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input; its elements stand in ``data``, or after the JSON where ``binary_data_size`` says how many bytes."""

    name: str
    shape: tuple[Dimension, ...]
    datatype: Datatype
    data: Data | UnsetType = UNSET
    parameters: InputParameters | None = None


class OutputParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of a requested output: whether as binary data. Classification is refused: there are prediction sets."""

    binary_data: bool | None = None
    classification: int | None = None
    shared_memory_region: str | None = None


class OutputWanted(msgspec.Struct, frozen=True, kw_only=True):
    """One output that is asked for."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of a whole request: whether all outputs come as binary data. Others are ignored, as the protocol allows."""

    binary_data_output: bool = False


class InferenceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Patients as tensors.

    Attributes
    ----------
    inputs: either one tensor ``values`` of shape [n, variables], or one tensor of shape [n] or [n, 1] per variable.
    outputs: which outputs to send; all where left out or empty.
    id: sent back as it is.
    """

    inputs: tuple[InputTensor, ...]
    outputs: tuple[OutputWanted, ...] | None = None
    id: str | UnsetType = UNSET
    parameters: RequestParameters | None = None


class BinarySize(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes after the JSON are this output's."""

    binary_data_size: int


class OutputTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One output; its elements stand in ``data``, flat in row-major order, or after the JSON."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: list[float | bool | str | None] | UnsetType = UNSET
    parameters: BinarySize | UnsetType = UNSET


class ReplyParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known about the outputs.

    Attributes
    ----------
    status: nothing here was seen by a clinician. abstained: number of rows without an estimate.
    digest: of the candidate that answered; target: which of its files ran; processor: class of what ran it.
    warnings: sentences that a reader must see, joined by blanks; empty where there are none.
    """

    abstained: int
    digest: str
    target: str
    processor: str
    warnings: str
    status: Literal["preliminary"] = "preliminary"


class InferenceReply(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs, in the order in which they were asked for."""

    model_name: str
    model_version: str
    id: str | UnsetType = UNSET
    parameters: ReplyParameters
    outputs: tuple[OutputTensor, ...]


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What serves here, and the extensions that it speaks."""

    name: str
    version: str
    extensions: tuple[str, ...]


class TensorMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor as it is declared; -1 stands for any size."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """A release as a model: every variable is an input; ``parameters`` say the alternative, and which bytes serve."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    parameters: dict[str, str]


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    live: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The server is ready."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """The model is ready."""

    name: str
    ready: bool


class InferenceFailure(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every reply below ``/v2`` with a status of 400 or more."""

    error: str
