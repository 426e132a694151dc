"""Small graphs with the output ``estimate``, written by hand: what is expected under each treatment, and a dose.

``Trial`` and ``Dosing`` hold what the release says of its columns and the numbers behind them; ``graph`` writes both as
ONNX, and the other methods compute the same in double precision: an oracle that shares nothing with bedside. Both know
a patient by one number, the linear predictor of ``hospital``: see ``hospital.linear``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from bedside.genome import Condition, Contraindication
from bedside.release import Arms, Dose, Guidance, Outputs, guidance_of
from bedside.sources import Variable


@dataclass(frozen=True)
class Trial:
    """Arms whose outcomes and shares depend on the linear predictor, as ``base + pull x`` before the link.

    The link of a probability and of a restricted mean is the logistic curve (times ``until``); a mean has none.
    ``error``: standard error of each pair's difference. ``share`` and ``drift``: the same for who got which arm, before
    the softmax.
    """

    arms: Arms
    base: tuple[float, ...]
    pull: tuple[float, ...]
    error: tuple[float, ...]
    share: tuple[float, ...]
    drift: tuple[float, ...]

    @property
    def outputs(self) -> Outputs:
        """As the manifest has them."""
        classes = ("not improved", "improved") if self.arms.kind == "probability" else ()
        return Outputs(
            classes=classes, positive=classes[1] if classes else None, column="improved", codes={}, arms=self.arms
        )

    def expected(self, linear: np.ndarray) -> np.ndarray:
        """[patient, arm] in double precision."""
        raw = np.array(self.base) + np.outer(linear, self.pull)
        if self.arms.kind == "mean":
            return raw
        return (self.arms.until or 1.0) / (1 + np.exp(-raw))

    def propensity(self, linear: np.ndarray) -> np.ndarray:
        """[patient, arm] in double precision."""
        odds = np.exp(np.array(self.share) + np.outer(linear, self.drift))
        return odds / odds.sum(axis=1, keepdims=True)

    def graph(self, mean: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> bytes:
        """values → impute, standardise → outcomes, errors, shares; the distance is the norm."""
        pairs = len(self.error)
        constants: dict[str, Any] = {
            "by_arm": weights[:, None] * np.array(self.pull)[None],
            "base": np.array(self.base),
            "nothing": np.zeros((len(weights), pairs)),
            "error": np.array(self.error),
            "by_share": weights[:, None] * np.array(self.drift)[None],
            "share": np.array(self.share),
            "until": np.array(self.arms.until or 1.0),
        }
        link = [helper.make_node("Identity", ["raw"], ["expected"])]
        if self.arms.kind != "mean":
            link = [
                helper.make_node("Sigmoid", ["raw"], ["part"]),
                helper.make_node("Mul", ["part", "until"], ["expected"]),
            ]
        nodes = [
            helper.make_node("Gemm", ["standard", "by_arm", "base"], ["raw"]),
            *link,
            helper.make_node("Gemm", ["standard", "nothing", "error"], ["errors"]),
            helper.make_node("Gemm", ["standard", "by_share", "share"], ["odds"]),
            helper.make_node("Softmax", ["odds"], ["propensity"], axis=1),
            helper.make_node("Concat", ["expected", "errors", "propensity"], ["estimate"], axis=1),
        ]
        return _model(nodes, constants, mean, scale, self.arms.width)


@dataclass(frozen=True)
class Dosing:
    """A dose whose square root is ``base + pull x``, kept within the doses of the development; ``reach`` either way."""

    dose: Dose
    base: float
    pull: float
    reach: float

    @property
    def outputs(self) -> Outputs:
        """As the manifest has them."""
        return Outputs(classes=(), column="dose", dose=self.dose)

    def columns(self, linear: np.ndarray) -> np.ndarray:
        """[patient, 3]: dose, low, high in double precision."""
        root = np.clip(self.base + self.pull * linear, np.sqrt(self.dose.lowest), np.sqrt(self.dose.highest))
        return np.stack([root**2, np.maximum(root - self.reach, 0) ** 2, (root + self.reach) ** 2], axis=1)

    def graph(self, mean: np.ndarray, scale: np.ndarray, weights: np.ndarray) -> bytes:
        """values → impute, standardise → root of the dose → dose and interval."""
        constants: dict[str, Any] = {
            "pull": (weights * self.pull)[:, None],
            "base": np.array([self.base]),
            "lowest": np.array(np.sqrt(self.dose.lowest)),
            "highest": np.array(np.sqrt(self.dose.highest)),
            "reach": np.array([[0.0, -self.reach, self.reach]]),
            "zero": np.array(0.0),
        }
        nodes = [
            helper.make_node("Gemm", ["standard", "pull", "base"], ["free"]),
            helper.make_node("Clip", ["free", "lowest", "highest"], ["root"]),
            helper.make_node("Add", ["root", "reach"], ["ends"]),
            helper.make_node("Max", ["ends", "zero"], ["kept"]),
            helper.make_node("Mul", ["kept", "kept"], ["estimate"]),
        ]
        return _model(nodes, constants, mean, scale, 3)


def _model(nodes: list[Any], constants: dict[str, Any], mean: np.ndarray, scale: np.ndarray, width: int) -> bytes:
    constants = constants | {"mean": mean, "scale": scale}
    values = [numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in constants.items()]
    values.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"))
    first = [
        helper.make_node("IsNaN", ["values"], ["unknown"]),
        helper.make_node("Where", ["unknown", "mean", "values"], ["known"]),
        helper.make_node("Sub", ["known", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
    ]
    last = [helper.make_node("ReduceL2", ["standard", "axis"], ["distance"], keepdims=0)]
    shapes = {"estimate": ["n", width], "distance": ["n"]}
    made = helper.make_graph(
        [*first, *nodes, *last],
        "model",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", len(mean)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        values,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    return bytes(model.SerializeToString())


def declared(names: tuple[str, ...] = ("placebo", "streptomycin"), **changes: Any) -> Arms:
    """Arms as a manifest declares them: by default of a randomised trial, with the probability to improve."""
    fields: dict[str, Any] = {
        "arms": names, "column": "arm", "codes": {name: place for place, name in enumerate(names)},
        "outcome": "improved", "unit": None, "kind": "probability", "better": "higher", "randomised": True,
        "alpha": 0.05, "overlap": 0.05, "scale": 0.5, "single": 1,
    }  # fmt: skip
    return Arms(**(fields | changes))


def trial(**changes: Any) -> Trial:
    """Two arms; the second helps those with a high linear predictor, and cannot be told from the first in others."""
    return Trial(
        arms=declared(**changes),
        base=(-0.4, -0.1), pull=(0.1, 0.25), error=(0.06,), share=(0.0, 0.0), drift=(0.0, 0.0),
    )  # fmt: skip


def records(**changes: Any) -> Trial:
    """Four arms from observational records; few with a high linear predictor got the last one."""
    names = ("none", "zidovudine", "didanosine", "both")
    fields = {
        "randomised": False, "kind": "mean", "unit": "/mm3", "outcome": "CD4 count at 20 weeks", "scale": 120.0,
        "single": 3,
    }  # fmt: skip
    return Trial(
        arms=declared(names, **(fields | changes)),
        base=(300.0, 320.0, 360.0, 410.0), pull=(4.0, 6.0, 9.0, 20.0),
        error=(15.0,) * len(list(combinations(names, 2))), share=(0.2, 0.2, 0.2, 0.2), drift=(0.0, 0.0, 0.0, -0.6),
    )  # fmt: skip


def survival(**changes: Any) -> Trial:
    """Two arms from records, with the time without an event up to 1000 days."""
    fields = {
        "kind": "restricted-mean", "unit": "d", "until": 1000.0, "time": "days", "outcome": "death", "scale": 250.0,
        "randomised": False,
    }  # fmt: skip
    return Trial(
        arms=declared(("surgery", "surgery + chemotherapy"), **(fields | changes)),
        base=(1.0, 1.2), pull=(-0.2, -0.1), error=(30.0,), share=(0.0, 0.0), drift=(-0.4, 0.4),
    )  # fmt: skip


def dosing(**changes: Any) -> Dosing:
    """Warfarin, in mg a week."""
    fields: dict[str, Any] = {
        "drug": "warfarin", "column": "dose", "unit": "mg/wk", "tolerance": 0.2, "alpha": 0.1, "lowest": 5.0,
        "highest": 110.0, "scale": 16.0,
    }  # fmt: skip
    return Dosing(dose=Dose(**(fields | changes)), base=5.6, pull=0.25, reach=1.1)


def row(
    arms: Arms, expected: dict[str, float], error: dict[tuple[str, str], float] | float, propensity: dict[str, float]
) -> np.ndarray:
    """One patient's columns [1, column] that somebody writes down by hand, from names."""
    errors = [error if isinstance(error, float) else error[pair] for pair in combinations(arms.arms, 2)]
    values = [*(expected[name] for name in arms.arms), *errors, *(propensity[name] for name in arms.arms)]
    return np.array([values], dtype=np.float64)


def guidance(drugs: dict[str, str], variable: str, sign: Any, value: float | str, **changes: Any) -> Guidance:
    """Guidance that speaks against these drugs where a value holds, and asks for a record and medications."""
    when = Condition(text=f"{variable} {sign} {value}", variable=variable, operator=sign, value=value)
    against = Contraindication(
        name="declared", when=(when,), drugs=(), action="avoid", reason="It harms such patients", source="A label"
    )
    fields: dict[str, Any] = {
        "indications": {}, "genes": ("CYP2C9",), "medications": "medications", "contraindications": (against,),
        "record": (
            Variable(name="CYP2C9", kind="category", label="CYP2C9", gene="CYP2C9"),
            Variable(name="pregnant", kind="category", label="Pregnant", categories=("no", "yes")),
        ),
    }  # fmt: skip
    return guidance_of(drugs, **(fields | changes))
