"""A small piecewise exponential model as a graph whose ``probability`` are the cells of a course, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from bedside.release import Band, Course

EDGES = (0.0, 91.0, 182.0, 365.0, 730.0, 1095.0, 1460.0, 1825.0, 2555.0)
HORIZONS = (365.0, 1825.0)
EVENTS = ("death", "transplant")
YEARLY = {"death": 0.08, "transplant": 0.05}
"""Hazard of each event for a patient whose values are all the mean, per year."""
PULL = {"death": 0.25, "transplant": -0.1}
"""How much one unit of the linear predictor moves the logarithm of each hazard."""


def course(events: tuple[str, ...] = EVENTS[:1], *, band: bool = True, decision: float = 1825.0) -> Course:
    return Course(
        events=events, edges=EDGES, unit="d", horizons=HORIZONS, decision=decision, time="days",
        band=Band(half_width=0.12, alpha=0.1, group=50) if band else None,
    )  # fmt: skip


def _base(event: str) -> np.ndarray:
    """Cumulative hazard in each interval: it falls as time goes on."""
    widths = np.diff(EDGES) / 365.25
    return YEARLY[event] * widths * np.linspace(1.4, 0.7, len(widths))


def hazards(linear: np.ndarray, events: tuple[str, ...]) -> np.ndarray:
    """[patient, event, interval] in double precision."""
    return np.stack([np.exp(PULL[e] * linear)[:, None] * _base(e)[None] for e in events], axis=1)


def survival(linear: np.ndarray, events: tuple[str, ...] = EVENTS[:1]) -> np.ndarray:
    """At each edge: exp of minus the cumulative hazard of all events."""
    each = hazards(linear, events).sum(axis=1)
    return np.exp(-np.concatenate([np.zeros((len(each), 1)), each.cumsum(axis=1)], axis=1))


def risk(linear: np.ndarray, events: tuple[str, ...] = EVENTS[:1]) -> np.ndarray:
    """[patient, horizon]: the event's part of all that happens in each interval, summed until the horizon."""
    each, left = hazards(linear, events), survival(linear, events)
    happens = (left[:, :-1] - left[:, 1:]) * each[:, 0] / each.sum(axis=1)
    return np.stack([happens[:, : EDGES.index(h)].sum(axis=1) for h in HORIZONS], axis=1)


def graph(mean: np.ndarray, scale: np.ndarray, weights: np.ndarray, events: tuple[str, ...] = EVENTS[:1]) -> bytes:
    """values → impute, standardise, linear → hazards → cells; the distance is the norm of the standardised values."""
    intervals, kinds = len(EDGES) - 1, len(events)
    log_base = np.concatenate([np.log(_base(event)) for event in events])
    pull = np.repeat([PULL[event] for event in events], intervals)
    constants: Mapping[str, Any] = {
        "mean": mean.astype(np.float32),
        "scale": scale.astype(np.float32),
        "weights": (weights[:, None] * pull[None]).astype(np.float32),
        "log_base": log_base.astype(np.float32),
        "over_events": np.tile(np.eye(intervals, dtype=np.float32), (kinds, 1)),
        "to_events": np.tile(np.eye(intervals, dtype=np.float32), (1, kinds)),
        "earlier": np.triu(np.ones((intervals, intervals), dtype=np.float32), 1),
        "all": np.ones((intervals, 1), dtype=np.float32),
        "one": np.array(1.0, dtype=np.float32),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", ["values"], ["unknown"]),
        helper.make_node("Where", ["unknown", "mean", "values"], ["known"]),
        helper.make_node("Sub", ["known", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Gemm", ["standard", "weights", "log_base"], ["log_hazards"]),
        helper.make_node("Exp", ["log_hazards"], ["hazards"]),
        helper.make_node("MatMul", ["hazards", "over_events"], ["total"]),
        helper.make_node("MatMul", ["total", "earlier"], ["before"]),
        helper.make_node("Neg", ["before"], ["minus_before"]),
        helper.make_node("Exp", ["minus_before"], ["left"]),
        helper.make_node("Neg", ["total"], ["minus_total"]),
        helper.make_node("Exp", ["minus_total"], ["stays"]),
        helper.make_node("Sub", ["one", "stays"], ["happens"]),
        helper.make_node("Mul", ["left", "happens"], ["in_interval"]),
        helper.make_node("Div", ["in_interval", "total"], ["rate"]),
        helper.make_node("MatMul", ["rate", "to_events"], ["rates"]),
        helper.make_node("Mul", ["hazards", "rates"], ["each"]),
        helper.make_node("MatMul", ["minus_total", "all"], ["minus_all"]),
        helper.make_node("Exp", ["minus_all"], ["none"]),
        helper.make_node("Concat", ["each", "none"], ["probability"], axis=1),
        helper.make_node("ReduceL2", ["standard", "axis"], ["distance"], keepdims=0),
    ]
    shapes = {"probability": ["n", kinds * intervals + 1], "distance": ["n"]}
    made = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", len(mean)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    return bytes(model.SerializeToString())


def found_by(horizon: float) -> dict[str, Any]:
    """As the evidence tells how risks by a horizon turned out: a tenth more than was said; few above 60 %."""
    edges = [round(0.1 * step, 1) for step in range(11)]
    counts = [40, 50, 60, 40, 30, 20, None, None, 0, 0]
    said = [round(0.05 * step, 2) for step in range(21)]
    seen = [round(min(1.1 * one, 1.0), 4) if one <= 0.6 else None for one in said]
    around = {part: [None if one is None else round(max(min(one + move, 1.0), 0.0), 4) for one in seen]
              for part, move in (("low", -0.06), ("high", 0.06))}  # fmt: skip
    return {
        "risk": {"edges": edges, "counts": {f"death by {horizon:g} d": counts, "followed for less": counts}},
        "calibration": {"predicted": said, "observed": seen, **around},
    }


def marginal(events: tuple[str, ...]) -> dict[str, Any]:
    """As the evidence tells the development patients' own course; small counts are withheld."""
    left = [600, 540, 490, 420, 330, 240, 160, 90, None]
    incidence = {
        event: [round(0.05 * j * (1.0 - 0.3 * k), 3) for j in range(len(EDGES))] for k, event in enumerate(events)
    }
    return {"time": list(EDGES), "incidence": incidence, "at_risk": left}
