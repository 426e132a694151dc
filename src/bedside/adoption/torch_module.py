"""The user's own PyTorch module: named on the command line as ``--module PATH:NAME``, imported on that word alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Predict
from bedside.adoption.torch_graph import quiet
from bedside.errors import DataError, UsageError

OPTION = "--module"


def module_of(named: str) -> Any:
    """A fresh ``torch.nn.Module``: what NAME in the file PATH is, or what it gives when it is called.

    Raises
    ------
    UsageError: there is no such file or name, the file cannot be imported, or what it gives is no module.
    """
    import torch

    path, _, name = named.rpartition(":")
    if not path or not name.isidentifier():
        raise UsageError(f"'{named}' is not PATH:NAME", where=OPTION, remedy="Write, for example, net.py:Net")
    file = Path(path)
    if not file.is_file():
        raise UsageError(
            f"there is no file {path}", where=OPTION, remedy="Name the Python file that defines the module"
        )
    spec = importlib.util.spec_from_file_location(f"_adopted_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", where=OPTION)
    source = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(source)
        found = getattr(source, name, None)
        if callable(found) and not isinstance(found, torch.nn.Module):
            found = found()
    except Exception as error:  # the user's own code
        raise UsageError(
            f"{path} fails: {type(error).__name__}: {error}",
            where=OPTION,
            remedy=f"{name} must be a torch.nn.Module, or something that gives one when it is called without arguments",
        ) from error
    if not isinstance(found, torch.nn.Module):
        what = "does not define" if found is None else "holds no torch.nn.Module as"
        raise UsageError(f"{path} {what} {name}", where=OPTION, remedy="Name the class of the module")
    return found.float().eval()


def filled(module: Any, weights: Mapping[str, Any], *, where: str) -> Any:
    """The module with exactly these weights.

    Raises
    ------
    DataError: names or shapes differ.
    """
    expected = module.state_dict()
    missing, extra = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or extra:
        said = [f"lacks {', '.join(missing[:5])}"] if missing else []
        said += [f"has {', '.join(one[:60] for one in extra[:5])} in addition"] if extra else []
        raise DataError(
            f"does not fit the module: the file {' and '.join(said)}",
            where=where,
            remedy="Name the module that these weights were saved from",
        )
    for name, tensor in weights.items():
        if tuple(tensor.shape) != tuple(expected[name].shape):
            raise DataError(
                f"does not fit the module: {name} has the shape {list(tensor.shape)}, the module's "
                f"{list(expected[name].shape)}",
                where=where,
                remedy="Name the module that these weights were saved from, with the same sizes",
            )
    module.load_state_dict(dict(weights), strict=True)
    return module


def predict_of(module: Any) -> Predict:
    """Rows of float32 → outputs, by torch without gradients, on one patient's row or many."""

    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        import torch

        with torch.no_grad(), quiet():
            found = module(torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)))
        return np.asarray(found.detach().numpy(), dtype=np.float64).reshape(len(rows), -1)

    return predict


def columns_of(module: Any, width: int, *, where: str) -> int:
    """How many numbers the module gives for a row of `width` numbers.

    Raises
    ------
    DataError: it does not take such rows, or gives something else than one row of numbers for each.
    """
    import torch

    rows = torch.zeros((3, width), dtype=torch.float32)
    try:
        with torch.no_grad(), quiet():
            found = module(rows)
    except Exception as error:  # the module's own code
        raise DataError(
            f"does not take rows of {width} numbers: {str(error).splitlines()[0][:160] if str(error) else error!r}",
            where=where,
            remedy="List its inputs as order = [...] in [adoption]",
        ) from error
    if not isinstance(found, torch.Tensor) or found.ndim not in (1, 2) or len(found) != 3:
        shape = f"[{', '.join(map(str, found.shape))}]" if isinstance(found, torch.Tensor) else type(found).__name__
        raise DataError(f"gives {shape} for 3 patients; one row of numbers for each can be adopted", where=where)
    return 1 if found.ndim == 1 else int(found.shape[1])
