"""What a Keras file says about its model, judged as plain JSON before Keras sees it: nothing in it may be a program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bedside.adoption.plain_words import plain
from bedside.errors import DataError

LAYERS = frozenset({
    "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "AveragePooling1D", "AveragePooling2D",
    "BatchNormalization", "Concatenate", "Conv1D", "Conv2D", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Dropout",
    "ELU", "Flatten", "Functional", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GroupNormalization", "Identity",
    "InputLayer", "LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "Maximum", "Minimum", "Model",
    "Multiply", "Normalization", "PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector", "Rescaling",
    "Reshape", "SeparableConv1D", "SeparableConv2D", "Sequential", "Softmax", "SpatialDropout1D", "SpatialDropout2D",
    "Subtract", "UnitNormalization", "ZeroPadding1D", "ZeroPadding2D",
})  # fmt: skip
"""Keras' own layers that compute numbers from numbers: none of them reads a file or holds code."""

DATA = frozenset({"__tuple__", "__keras_tensor__", "__numpy__", "__tensor__", "__ellipsis__"})
"""What Keras writes for plain values and for the edges between layers."""

PARTS = ("keras.initializers", "keras.regularizers", "keras.constraints", "keras.dtype_policies", "keras.quantizers")
"""Modules of the other objects in a layer's configuration."""

_OLD_PARTS = re.compile(
    r"[A-Za-z0-9]*(Initializer|Uniform|Normal|Zeros|Ones|Constant|Identity|Orthogonal|VarianceScaling"
    r"|L1|L2|L1L2|NonNeg|MaxNorm|MinMaxNorm|UnitNorm|DTypePolicy|Policy)"
)


def refuse_programs(config: Mapping[str, Any], *, where: str) -> None:
    """Hold the configuration of a model to `LAYERS` and Keras' own initialisers, regularisers and constraints.

    Raises
    ------
    DataError: a Lambda layer, a custom layer, function or other object, or a kind of layer that is not known here.
    """
    for one, name in _objects({key: part for key, part in config.items() if key != "compile_config"}):
        kind = str(one["class_name"])
        if "lambda" in kind.lower():
            raise DataError(
                f"has a Lambda layer ({name}): it holds a program, and no program in a model's file is ever run",
                where=where,
                remedy="Replace it by layers of Keras, or declare what it does as a preparation in [adoption]",
            )
        if _is_custom(one):
            raise DataError(
                f"has a custom object, {kind} ({name}): its code is not in the file, and would not be run if it were",
                where=where,
                remedy="Rebuild the model from layers of Keras, or export it to ONNX where it was trained",
            )
        if kind not in LAYERS and not _is_part(one):
            raise DataError(
                f"has a layer of the kind {kind} ({name}), which is not among those that can be adopted",
                where=where,
                remedy="Export the model to ONNX where it was trained, and adopt that file",
            )


def _objects(value: Any, name: str = "the model") -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every object in the configuration, with the name of the layer that it is in."""
    if isinstance(value, Mapping):
        config = value.get("config")
        if isinstance(config, Mapping) and isinstance(config.get("name"), str):
            name = f"'{config['name'][:60]}'"
        if isinstance(value.get("class_name"), str) and value["class_name"] not in DATA:
            yield value, name
        for inner in value.values():
            yield from _objects(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner, name)


def _is_custom(one: Mapping[str, Any]) -> bool:
    kind, module, registered = str(one["class_name"]), one.get("module"), one.get("registered_name")
    if kind.startswith("__") or kind in ("function", "type") or ">" in kind:
        return True
    own = "module" not in one or module == "keras" or str(module).startswith("keras.")  # old files name no modules
    return not own or (isinstance(registered, str) and registered not in (kind, ""))


def _is_part(one: Mapping[str, Any]) -> bool:
    module = one.get("module")
    if module is None:
        return _OLD_PARTS.fullmatch(str(one["class_name"])) is not None
    return str(module).startswith(PARTS) or (module == "keras" and "DTypePolicy" in str(one["class_name"]))


def layers_in_words(config: Mapping[str, Any]) -> str:
    """``Dense(64, relu), Dense(10, softmax)``; only plain names are taken from the file."""
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, Mapping) else inner
    found = []
    for layer in listed if isinstance(listed, list) else []:
        kind, said = plain(layer.get("class_name")), layer.get("config") or {}
        if kind != "InputLayer":
            told = [text for text in (plain(said.get("units")), plain(said.get("activation"))) if text]
            found.append(f"{kind}({', '.join(told)})" if told else kind)
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")


def trained_with(compiled: Any) -> str:
    """Loss and optimiser that the file names, or ``unknown``."""
    if not isinstance(compiled, Mapping):
        return "unknown"
    named = []
    for one in (compiled.get("loss"), compiled.get("optimizer", compiled.get("optimizer_config"))):
        kind = one.get("class_name") if isinstance(one, Mapping) else one
        named.append(plain(str(kind).removeprefix("Custom>")) if isinstance(kind, str) else "")
    return f"loss {named[0] or 'unknown'}, optimiser {named[1] or 'unknown'}"
