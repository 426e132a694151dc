"""What goes into a SavedModel and what comes out, by its signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .unusable import Unusable, listed


@dataclass(frozen=True)
class Input:
    """One input of the signature: its tensor, type and number of dimensions, and the columns of a row that it takes."""

    tensor: str
    kind: Any
    dimensions: int
    columns: tuple[int, ...]


def the_signature(meta: Any) -> tuple[str, Any]:
    """``serving_default``, or the only one."""
    named = {name: one for name, one in meta.signature_def.items() if not name.startswith("__") and one.outputs}
    if not named:
        raise Unusable(
            "has no signature: nothing says what goes in and what comes out",
            "Save it with signatures=..., or with model.export(...) of Keras",
        )
    name = "serving_default" if "serving_default" in named else next(iter(named))
    if name != "serving_default" and len(named) > 1:
        raise Unusable(
            f"has the signatures {listed(sorted(named))}, and none is called serving_default",
            "Save it with signatures={'serving_default': ...}",
        )
    return name, named[name]


def the_inputs(signature: Any, asked: dict[str, Any]) -> list[Input]:
    """One matrix, for the columns in their order; or several inputs, each for the predictor of its name."""
    predictors = asked["columns"]
    if len(signature.inputs) == 1:
        ((name, info),) = signature.inputs.items()
        width = _width_of(name, info, len(predictors))
        return [Input(info.name, _kind_of(name, info), _dimensions(info), tuple(range(width)))]
    if set(signature.inputs) != set(predictors):
        raise Unusable(
            f"takes the inputs {listed(sorted(signature.inputs))}, and the study gives it "
            f"{listed(dict.fromkeys(predictors))}",
            "Name the predictors of the study as these inputs; order = [...] in [adoption] leaves out the others",
        )
    found = []
    for name, info in sorted(signature.inputs.items()):
        columns = tuple(place for place, one in enumerate(predictors) if one == name)
        width = _width_of(name, info, len(columns))
        if width != len(columns):
            raise Unusable(
                f"its input '{name}' takes {width} numbers for each patient, and the study gives it {len(columns)}",
                "Of several inputs each takes one predictor: a number, a code, or its categories as one_hot",
            )
        whole = all(asked["whole"][place] for place in columns)
        found.append(Input(info.name, _kind_of(name, info, whole=whole), _dimensions(info), columns))
    return found


def _kind_of(name: str, info: Any, *, whole: bool = False) -> Any:
    """The type of an input's numbers; integers only where nothing else can come."""
    import tensorflow as tf

    kind = tf.dtypes.as_dtype(info.dtype)
    if kind.is_floating or (whole and kind.is_integer and not kind.is_quantized):
        return kind
    if kind == tf.string:
        raise Unusable(
            f"its input '{name}' takes text",
            "Save it with a signature that takes numbers; categories can come as codes or one_hot",
        )
    raise Unusable(
        f"its input '{name}' takes {kind.name}, and would lose what a number has beyond that",
        "Save it with a signature that takes float32; whole numbers are given to an input of one category with codes",
    )


def _dimensions(info: Any) -> int:
    return len(info.tensor_shape.dim)


def _width_of(name: str, info: Any, asked: int) -> int:
    """How many numbers an input takes for each patient; as many as asked for, where it leaves that open."""
    if info.tensor_shape.unknown_rank or _dimensions(info) not in (1, 2):
        raise Unusable(
            f"its input '{name}' has the shape {_shape_of(info)}; a model of one flat row for each patient "
            "can be adopted",
            "Save it with a signature of the shape [None, number of inputs]",
        )
    sizes = [one.size for one in info.tensor_shape.dim]
    if sizes[0] != -1:
        raise Unusable(f"takes {sizes[0]} at a time, neither more nor fewer", "Save it with None as the first size")
    return 1 if len(sizes) == 1 else asked if sizes[1] == -1 else int(sizes[1])


def _shape_of(info: Any) -> str:
    if info.tensor_shape.unknown_rank:
        return "unknown"
    return f"[{', '.join('n' if one.size == -1 else str(one.size) for one in info.tensor_shape.dim)}]"


def the_output(signature: Any, asked: str | None) -> str:
    """The output that is asked for, or the only one of floating-point numbers; one row of them for each patient."""
    import tensorflow as tf

    numbers = [name for name, one in signature.outputs.items() if tf.dtypes.as_dtype(one.dtype).is_floating]
    if asked is not None and asked not in numbers:
        raise Unusable(f"has no output '{asked}' of floating-point numbers", f"It has: {listed(sorted(numbers))}")
    if asked is None and len(numbers) != 1:
        raise Unusable(
            f"has {len(numbers)} outputs that could be meant ({listed(sorted(numbers))})",
            'Name one in the study: output = "..." in [adoption]',
        )
    name = asked or numbers[0]
    info = signature.outputs[name]
    first = info.tensor_shape.dim[0].size if _dimensions(info) else 0
    if not info.tensor_shape.unknown_rank and (first != -1 or _dimensions(info) > 2):
        raise Unusable(
            f"its output '{name}' has the shape {_shape_of(info)}; one row of numbers for each patient can be adopted",
            "",
        )
    return name
