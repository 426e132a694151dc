"""What a skops file says it is made of, judged as plain JSON before anything of it is opened."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from bedside.errors import DataError, UsageError

LARGEST = 2 * 1024**3
PACKAGES = frozenset({"sklearn", "numpy", "scipy", "builtins", "collections"})
LOADERS = frozenset({
    "BytesNode", "BytearrayNode", "DTypeNode", "DefaultDictNode", "DictNode", "FunctionNode", "JsonNode", "ListNode",
    "LossNode", "MaskedArrayNode", "NdArrayNode", "ObjectNode", "RandomGeneratorNode", "RandomStateNode", "SetNode",
    "SliceNode", "SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode",
})  # fmt: skip
"""Kinds of values; those that call something named in the file (methods, operators, partials, reductions) are not."""
TRUSTED = frozenset({
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
})  # fmt: skip
"""Beside what skops trusts by itself: parts of scikit-learn's estimators that hold numbers and run nothing."""


def refuse_strangers(content: bytes, *, where: str) -> None:
    """Hold every type in the file to scikit-learn, NumPy, SciPy and plain Python values.

    Raises
    ------
    UsageError: there are other types; they are listed. DataError: it is no skops file, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST:
                raise DataError("unpacks to more than 2 GiB", where=where)
            schema = json.loads(archive.read("schema.json"))
        strangers = sorted({kind for kind, known in _types(schema) if not known})
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RuntimeError, RecursionError) as error:
        raise DataError(f"cannot be read as a skops file: {error}", where=where) from error
    if strangers:
        raise unknown_types(strangers, where)


def unknown_types(names: list[str], where: str) -> UsageError:
    """The refusal of types that are not scikit-learn's own."""
    return UsageError(
        f"holds what is not known to be harmless: {', '.join(one[:80] for one in names[:8])}",
        where=where,
        remedy="A pipeline of scikit-learn's own estimators can be adopted. Rebuild it from those, or export it to "
        "ONNX where it was trained",
    )


def _types(value: Any) -> Iterator[tuple[str, bool]]:
    """Each type that is named, and whether its package and the way that it is read are known."""
    if isinstance(value, dict):
        if "__loader__" in value or "__module__" in value:
            module, loader = str(value.get("__module__")), str(value.get("__loader__"))
            known = module.split(".")[0] in PACKAGES and loader in LOADERS
            yield f"{module}.{value.get('__class__')}" + ("" if loader in LOADERS else f" ({loader})"), known
        for inner in value.values():
            yield from _types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _types(inner)


def sklearn_version(content: bytes) -> str:
    """Which scikit-learn wrote the file, as it says itself; another one need not predict the same."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = archive.read("schema.json").decode("utf-8", "replace")
    found = re.search(r'"_sklearn_version": \{[^{}]{0,300}?"content": "\\"([0-9][0-9a-z.]{0,20})\\""', schema)
    return f"scikit-learn {found[1]}" if found else "scikit-learn, version unknown"
