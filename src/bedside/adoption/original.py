"""A model as a file of some framework held it: its graph, and the framework's own predictions to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

Predict = Callable[[Float[np.ndarray, "row input"]], Float[np.ndarray, "row output"]]


@dataclass(frozen=True)
class Asked:
    """What a reader may need beside the file.

    Attributes
    ----------
    width: how many numbers the study gives the model per patient.
    columns: the predictor that each of them comes from, for a model whose inputs have names; whole: which of them are
        whole numbers by what the study says: codes and indicators of categories.
    output: name of the output that the study asks for; None: the only one.
    module: ``PATH:NAME`` of the user's own module, where the file holds nothing but its weights.
    """

    width: int
    columns: tuple[str, ...] = ()
    whole: tuple[bool, ...] = ()
    output: str | None = None
    module: str | None = None


@dataclass(frozen=True)
class Original:
    """A model from elsewhere.

    Attributes
    ----------
    graph: ONNX model with one input float32 [n, width] and one output float32 [n, columns]; only standard operators.
    width: numbers that it takes for each patient. columns: that it gives.
    predict: the same by the original framework: rows of float32, ``nan`` for unknown → outputs.
    parameters: fitted numbers, as far as the format tells; for trees, their leaves and splits.
    trees: whether it is made of trees, which jump at boundaries. takes_nan: whether it was made to take ``nan``.
    boundaries: rows on the model's own boundaries, where two runtimes may fall on different sides; counted apart.
    facts: what the file says of itself, for people. versions: of the libraries that read it, by distribution name.
    """

    graph: bytes
    width: int
    columns: int
    predict: Predict
    parameters: int
    trees: bool = False
    takes_nan: bool = False
    boundaries: Float[np.ndarray, "row input"] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes
    ----------
    name: as people call it. suffixes: of its files, in lower case, with the dot; empty where only `recognises` tells.
    read: opens a file, executes nothing of it, and gives the model.
    recognises: whether a file (or folder) is of this kind, where the suffix does not say it or is shared by several.
    takes_module: whether it can need the user's own module, because its files hold weights only.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Asked], Original]
    recognises: Callable[[Path], bool] | None = None
    takes_module: bool = False
