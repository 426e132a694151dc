"""A study of invented patients on disk, and models that were made elsewhere: by hand, in ONNX."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

STUDY = """\
[study]
name = "adopted"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a test."
population = "Invented patients"

[data]
table = "patients.csv"
patient = "pid"

[predictors.age]
unit = "a"
range = [18, 110]

[predictors.chol]
unit = "mg/dL"
range = [50, 700]

[predictors.marker]

[outcome]
column = "ill"
positive = "yes"
negative = "no"

[validation]
threshold = 0.3
seed = 3

[accept]
auroc = { min = 0.6 }
"""
SEX = """\
[predictors.sex]
categories = ["f", "m"]
"""
WEIGHTS = np.array([0.06, 0.01, 0.8])
INTERCEPT = -0.06 * 60 - 0.01 * 210


def logit(age: Any, chol: Any, marker: Any) -> Any:
    """The truth behind the invented patients."""
    return INTERCEPT + WEIGHTS[0] * age + WEIGHTS[1] * chol + WEIGHTS[2] * marker


def write_patients(folder: Path, rows: int = 400, seed: int = 1, *, unknown: float = 0.0) -> None:
    rng = np.random.default_rng(seed)
    age, chol, marker = rng.uniform(30, 90, rows), rng.normal(210, 40, rows), rng.normal(0, 1, rows)
    ill = rng.uniform(size=rows) < 1 / (1 + np.exp(-logit(age, chol, marker)))
    missing = rng.uniform(size=rows) < unknown
    with (folder / "patients.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["pid", "age", "chol", "marker", "sex", "ill"])
        for i in range(rows):
            known = "" if missing[i] else f"{chol[i]:.1f}"
            out.writerow([f"p{i}", f"{age[i]:.1f}", known, f"{marker[i]:.4f}", "fm"[i % 2], ["no", "yes"][int(ill[i])]])


def linear(
    weights: Any, bias: Any, *, end: str = "Softmax", inputs: tuple[Any, ...] = ("n", None), double: bool = False
) -> bytes:
    """x @ weights + bias, then ``end`` (an operator, or nothing), as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    number = np.float64 if double else np.float32
    weights, bias = np.asarray(weights, dtype=number), np.asarray(bias, dtype=number)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["z"])]
    nodes.append(helper.make_node(end or "Identity", ["z"], ["p"]))
    shape = [inputs[0], len(weights) if len(inputs) > 1 and inputs[1] is None else inputs[1], *inputs[2:]]
    graph = helper.make_graph(
        nodes,
        "made elsewhere",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("p", kind, [*shape[:-1], weights.shape[1]])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="hand")
    return bytes(model.SerializeToString())
