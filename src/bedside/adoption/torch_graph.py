"""From a torch module to an ONNX graph, by torch's own exporter; shared by the readers that end up with a module."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bedside.errors import DataError, MissingExtra

OPSET = 20


def torch_graph(module: Any, width: int, *, where: str, extra: str = "keras") -> bytes:
    """The graph of a module, set to inference, that takes float32 [patient, width] for any number of patients.

    Parameters
    ----------
    extra: the part of bedside that brings the exporter.

    Raises
    ------
    DataError: it holds an operation that ONNX does not have, or one that fixes the number of patients.
    MissingExtra: the exporter is not installed.
    """
    try:
        import onnxscript  # noqa: F401 - the exporter needs it
        import torch
    except ImportError as error:
        raise MissingExtra("onnxscript", extra) from error
    sample = torch.zeros((2, width), dtype=torch.float32)
    try:
        with quiet():
            program: Any = torch.onnx.export(
                module,
                (sample,),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("patient")},),
                verbose=False,
            )
    except Exception as error:  # the exporter raises classes of its own that share no base
        raise DataError(
            f"cannot be written as an ONNX graph: {_first_line(error)}",
            where=where,
            remedy="Export it to ONNX where it was trained, and adopt that file",
        ) from error
    return bytes(program.model_proto.SerializeToString())


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and log lines of a framework about its own inside."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
