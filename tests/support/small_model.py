"""A small logistic model with imputation as a graph that follows the contract, written with onnx alone."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bedside.privacy import prototypes
from bedside.release import Conformal, Manifest, Network, Outputs, Parts
from bedside.sources import Schema, Variable

SCHEMA = Schema(
    variables=(
        Variable(name="age", kind="number", label="Age", unit="a", range=(18, 100)),
        Variable(name="radius", kind="number", label="Mean nucleus radius", unit="um", range=(1, 60), max_age_days=30),
        Variable(name="ratio", kind="number", label="Ratio"),
        Variable(name="menopause", kind="category", label="Menopause", categories=("pre", "post")),
    )
)
MEAN = np.array([55.0, 14.0, 0.2, 0.4], dtype=np.float32)
SCALE = np.array([12.0, 3.5, 0.1, 0.5], dtype=np.float32)


def coefficients(classes: int, variables: int = 4) -> np.ndarray:
    """Column 0 is zero, so that two classes are plain logistic regression."""
    weights = np.random.default_rng(3).normal(size=(variables, classes)).astype(np.float32)
    weights[:, 0] = 0
    return weights


def deep_weights(hidden: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Of the layer with `hidden` units, and of the last one."""
    rng = np.random.default_rng(4)
    first = rng.normal(size=(len(MEAN), hidden)).astype(np.float32)
    return first, (rng.normal(size=(hidden, classes)) / np.sqrt(hidden)).astype(np.float32)


def graph(classes: int = 2, *, spread: bool = False, doc: str = "", opset: int = 20, **changes: object) -> bytes:
    """values → impute by mean → standardise → linear → softmax; distance is the norm of the standardised values."""
    p, hidden = len(MEAN), int(str(changes.get("hidden", 0)))
    constants = {
        "mean": MEAN, "scale": SCALE, "weights": coefficients(classes),
        "bias": np.linspace(0, -0.5, classes, dtype=np.float32),
        "axis": np.array([1], dtype=np.int64), "tenth": np.array(0.1, dtype=np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("IsNaN", ["values"], ["unknown"]),
        helper.make_node("Where", ["unknown", "mean", "values"], ["known"]),
        helper.make_node("Sub", ["known", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Gemm", ["standard", "weights", "bias"], ["logits"], doc_string=doc),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
        helper.make_node("ReduceL2", ["standard", "axis"], ["distance"], keepdims=0),
    ]
    if hidden:
        first, last = deep_weights(hidden, classes)
        constants |= {"first": first, "last": last}
        nodes[4:5] = [
            helper.make_node("MatMul", ["standard", "first"], ["layer"]),
            helper.make_node("Relu", ["layer"], ["active"]),
            helper.make_node("Gemm", ["active", "last", "bias"], ["logits"]),
        ]
        del constants["weights"]
    if dimensions := int(str(changes.get("convolutions", 0))):
        rng, square = np.random.default_rng(4), (2, 2) if dimensions == 2 else (4,)
        constants |= {
            "square": np.array([-1, 1, *square], dtype=np.int64), "flat": np.array([-1, 8 * 4], dtype=np.int64),
            "first": rng.normal(size=(8, 1, *(3,) * dimensions)).astype(np.float32),
            "second": (rng.normal(size=(8, 8, *(3,) * dimensions)) / 6).astype(np.float32),
            "last": (rng.normal(size=(32, classes)) / 6).astype(np.float32),
        }  # fmt: skip
        padded = {"pads": [1] * 2 * dimensions}
        nodes[4:5] = [
            helper.make_node("Reshape", ["standard", "square"], ["picture"]),
            helper.make_node("Conv", ["picture", "first"], ["edges"], **padded),
            helper.make_node("Relu", ["edges"], ["lit"]),
            helper.make_node("Conv", ["lit", "second"], ["shapes"], **padded),
            helper.make_node("Relu", ["shapes"], ["seen"]),
            helper.make_node("Reshape", ["seen", "flat"], ["row"]),
            helper.make_node("Gemm", ["row", "last", "bias"], ["logits"]),
        ]
        del constants["weights"]
    outputs = {"probability": ["n", classes], "distance": ["n"]}
    if spread:
        nodes.append(helper.make_node("Mul", ["probability", "tenth"], ["spread"]))
        outputs["spread"] = ["n", classes]
    else:
        del constants["tenth"]
    made = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(str(changes.get("input", "values")), TensorProto.FLOAT, ["n", p])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
        doc_string=doc,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", opset)], doc_string=doc, producer_name="writer"
    )
    model.ir_version = 10
    if doc:
        helper.set_model_props(model, {"written_at": doc})
    return bytes(model.SerializeToString())


def expected(values: np.ndarray, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Probability and distance by numpy in double precision."""
    standard = (np.where(np.isnan(values), MEAN, values) - MEAN) / SCALE
    logits = standard @ coefficients(classes).astype(float) + np.linspace(0, -0.5, classes)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True), np.linalg.norm(standard, axis=1)


def patients(n: int = 300, seed: int = 1) -> np.ndarray:
    """Plausible values, some unknown."""
    rng = np.random.default_rng(seed)
    values = MEAN + SCALE * rng.normal(size=(n, 4))
    values[:, 3] = rng.integers(0, 2, n)
    values[rng.random((n, 4)) < 0.05] = np.nan
    return values


def manifest(classes: int = 2, **changes: object) -> Manifest:
    names = ("benign", "malignant") if classes == 2 else tuple(f"class {j}" for j in range(classes))
    fields: dict[str, object] = {
        "name": "breast-fna", "version": "1.0.0", "task": "diagnosis", "intended_use": "Supports a cytologist.",
        "population": "Adults with a palpable breast mass", "schema": SCHEMA,
        "outputs": Outputs(classes=names, positive="malignant" if classes == 2 else None),
        "threshold": 0.2 if classes == 2 else {"class 1": 0.5},
        "conformal": Conformal(alpha=0.1, quantiles=(0.6,) * classes), "distance_limit": 6.0, "missing_limit": 0.5,
        "network": Network(packed="floor", asked="floor", members=1, log_loss_difference=None, parameters=5),
        "targets": {}, "files": {}, "study_digest": "a" * 64, "cohort_digest": "b" * 64, "seed": 7,
        "trained_by": "Ada Trainer", "versions": {"numpy": np.__version__, "onnx": onnx.__version__},
    }  # fmt: skip
    return Manifest(**(fields | changes))  # type: ignore[arg-type]


def parts(classes: int = 2, *, spread: bool = False, **changes: object) -> Parts:
    background = prototypes(patients(), np.array([False, False, False, True]), count=12)
    return Parts(
        graph=graph(classes, spread=spread),
        floor=graph(classes),
        background=background,
        development={"network": {"log_loss": 0.31}},
        manifest=manifest(classes, **changes),
    )


def deep_parts(*targets: str, hidden: int = 16) -> Parts:
    """The same with one layer of hidden units, packed for these targets."""
    made = parts()
    return Parts(**(vars(made) | {"graph": graph(hidden=hidden), "targets": targets, "calibration": patients(200)}))


def convolutional_parts(*targets: str, dimensions: int = 2) -> Parts:
    """The same with two convolutions over the standardised values, laid out as a square or as a line."""
    made = parts()
    own = {"graph": graph(convolutions=dimensions), "targets": targets, "calibration": patients(200)}
    return Parts(**(vars(made) | own))
