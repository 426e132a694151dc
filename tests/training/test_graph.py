"""The exported graph: what it computes, what it holds, and that it is the same bytes wherever it is made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedside.network import TorchOperations, residual, untrained
from bedside.preparation import NUMPY, Preparation, as_served
from bedside.sources import Schema, Variable
from bedside.training.calibration import Calibration
from bedside.training.classes import Classes
from bedside.training.distance import fit_distance
from bedside.training.floor import fit_floor
from bedside.training.model import Model, graph, outputs, predicted

NAN = float("nan")
NAMES = ("probability", "distance", "spread")


def session(graph: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run(graph: bytes, values: np.ndarray) -> dict[str, np.ndarray]:
    opened = session(graph)
    names = [output.name for output in opened.get_outputs()]
    with np.errstate(over="ignore"):
        return dict(zip(names, opened.run(names, {"values": values.astype(np.float32)}), strict=True))


def in_torch(model: Model, values: np.ndarray) -> list[np.ndarray]:
    ops = TorchOperations()
    with np.errstate(over="ignore"):
        return [np.asarray(x) for x in outputs(ops, model, ops.constant(values.astype(np.float32))) if x is not None]


@pytest.fixture(scope="module")
def rows(table: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Patients, patients with holes, nobody known, and values no patient has."""
    rng = np.random.default_rng(0)
    some = table[0][:20].copy()
    some[rng.random(some.shape) < 0.4] = NAN
    extreme = np.array(
        [[v] * 7 + [code] for v in (0.0, -1e30, 1e30, 1e300, np.inf, -np.inf) for code in (0.0, 2.0, NAN)]
    )
    return np.vstack([table[0][:40], some, np.full((1, 8), NAN), extreme])


@pytest.mark.parametrize("which", ["network", "floor"])
def test_onnxruntime_agrees_with_torch_and_with_the_reference(which: str, fitted: Any, rows: np.ndarray) -> None:
    model = getattr(fitted[0], which)
    out = run(graph(model, variables=8), rows)
    for name, in_single in zip(NAMES, in_torch(model, rows), strict=False):
        assert np.isfinite(out[name]).all()
        np.testing.assert_allclose(out[name], in_single, atol=1e-6, rtol=1e-5)
    np.testing.assert_allclose(out["probability"], predicted(model, rows), atol=1e-5)
    np.testing.assert_allclose(out["probability"].sum(axis=1), 1, atol=1e-6)


def test_the_contract_of_inputs_and_outputs(fitted: Any, rows: np.ndarray) -> None:
    network, floor = session(graph(fitted[0].network, variables=8)), session(fitted[0].floor_graph())
    assert [(i.name, i.shape, i.type) for i in network.get_inputs()] == [("values", ["patient", 8], "tensor(float)")]
    assert {o.name: o.shape for o in network.get_outputs()} == {
        "probability": ["patient", 2],
        "distance": ["patient"],
        "spread": ["patient", 2],
    }
    assert [o.name for o in floor.get_outputs()] == ["probability", "distance"]
    for n in (0, 1, len(rows)):
        assert run(fitted[0].floor_graph(), rows[:n])["distance"].shape == (n,)


def test_a_row_does_not_depend_on_the_rows_beside_it(fitted: Any, rows: np.ndarray) -> None:
    made = graph(fitted[0].network, variables=8)
    together = run(made, rows)
    for i in (0, 25, 60, 70):
        alone = run(made, rows[i : i + 1])
        for name, column in together.items():
            np.testing.assert_allclose(alone[name][0], column[i], atol=1e-6, rtol=1e-5)


def test_the_checker_accepts_it_and_nothing_else_is_in_it(fitted: Any) -> None:
    for made in (graph(fitted[0].network, variables=8), fitted[0].floor_graph()):
        model = onnx.load_model_from_string(made)
        onnx.checker.check_model(model, full_check=True)
        assert not model.metadata_props
        assert not model.doc_string
        assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
        assert all(opset.domain == "" for opset in model.opset_import)
        text = made.decode("latin-1")
        assert not [word for word in (str(Path.cwd()), sys.prefix, "/home", ".py", "v0", "Grade") if word in text]


def test_spread_is_the_standard_deviation_between_members(fitted: Any, rows: np.ndarray) -> None:
    from bedside.network import Members, logits

    model = fitted[0].network
    x = model.preparation.transform(rows[:60])
    each = []
    for m in range(model.members.count):
        one = Members(
            model.members.bias[m : m + 1],
            model.members.linear[m : m + 1],
            tuple((w[m : m + 1], b[m : m + 1]) for w, b in model.members.hidden),
            model.members.last[m : m + 1],
        )
        z = logits(NUMPY, one, x)[0]
        each.append(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    out = run(graph(model, variables=8), rows[:60])
    np.testing.assert_allclose(out["spread"], np.std(each, axis=0, ddof=1), atol=1e-6)


SCRIPT = """
import sys, hashlib, numpy as np
from bedside.sources import Schema, Variable
from bedside.preparation import Preparation
from bedside.training.calibration import Calibration
from bedside.training.classes import Classes
from bedside.training.distance import Distance
from bedside.training.model import Model, graph
from bedside.network import residual, untrained
x = np.random.default_rng(0).normal(size=(50, 3))
p = Preparation.fit(Schema(variables=tuple(Variable(name=n, kind="number", label="") for n in "abc")), x)
m = untrained(None, np.ones(3, dtype=bool), 2, (4,), [np.random.default_rng(1)] * 2)
model = Model(p, m, Calibration(1.5, np.array([0.1, -0.1])), Distance(np.zeros(3), np.eye(3)), Classes(2))
print(hashlib.sha256(graph(model, variables=3)).hexdigest())
"""


def test_the_bytes_are_the_same_in_another_process_and_folder(tmp_path: Path) -> None:
    def digest(folder: Path, hash_seed: str) -> str:
        source = Path(__file__).parents[2] / "src"
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(source)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=folder, env=environment, capture_output=True, check=True
        )
        return run.stdout.decode().strip()

    assert digest(tmp_path, "1") == digest(Path.cwd(), "2")


def test_the_same_fit_gives_the_same_bytes_again(fitted: Any) -> None:
    assert hashlib.sha256(fitted[0].graph()).digest() == hashlib.sha256(fitted[0].graph()).digest()


ANY = st.one_of(st.floats(-1e4, 1e4, width=32), st.just(NAN))
CODE = st.sampled_from([0.0, 1.0, 2.0, NAN])
ROW = st.tuples(ANY, ANY, CODE)
SCHEMA = Schema(
    variables=(
        Variable(name="a", kind="number", label=""),
        Variable(name="b", kind="number", label=""),
        Variable(name="c", kind="category", label="", categories=("x", "y", "z")),
    )
)


@given(
    st.lists(ROW, min_size=6, max_size=12),
    st.lists(ROW, min_size=1, max_size=5),
    st.sampled_from([{}, {"a": "minmax"}, {"a": "standard", "b": "none"}]),
    st.integers(1, 3),
)
@example([(0.0, float("nan"), 0.0)] * 5 + [(0.0, 3.4e-41, 0.0)], [(0.0, 0.0, 0.0)], {}, 1)
@settings(max_examples=40, deadline=None)
def test_any_preparation_exports_as_it_is(fitting: list, coming: list, scales: dict, members: int) -> None:
    values, new = np.array(fitting), np.array(coming)
    preparation = Preparation.fit(SCHEMA, values, scales)
    x = preparation.transform(values)
    floor = fit_floor(x / np.maximum(1, np.abs(x).max(axis=0)), np.arange(len(x)) % 2, 2, 0.1)
    flat = replace(floor, linear=floor.linear / np.maximum(1, np.abs(x).max(axis=0))[None, :, None])
    rngs = [np.random.default_rng(m) for m in range(members)]
    made = untrained(flat, np.zeros(x.shape[1], dtype=bool), 2, residual().hidden, rngs)
    model = Model(preparation, made, Calibration(1.2, np.array([0.1, -0.1])), fit_distance(preparation, x), Classes(2))
    out = run(graph(model, variables=3), new)
    probability, far, spread = outputs(NUMPY, model, as_served(new))
    np.testing.assert_allclose(out["probability"], probability, atol=1e-5)
    np.testing.assert_allclose(out["distance"], far, atol=1e-4, rtol=1e-4)
    assert ("spread" in out) == (members > 1) == (spread is not None)
    features = len(preparation.names)
    one: Callable[[np.ndarray], np.ndarray] = preparation.transform
    assert one(new).shape == (len(new), features)
