"""The kinds of files that can be adopted; each has its own module with a `FORMAT`, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from bedside.adoption.original import Format
from bedside.adoption.pickles import refuse_pickle
from bedside.errors import NotFound, UsageError

READERS = (
    "onnx_file",
    "keras_file",
    "lightgbm_file",
    "xgboost_file",
    "sklearn_file",
    "torch_program",
    "torch_weights",
    "saved_model",
)
"""Modules of this package, in the order in which they are asked whether they know a file."""


def formats() -> tuple[Format, ...]:
    """All formats; importing their modules is cheap, as each imports its framework only when it reads."""
    return tuple(import_module(f"bedside.adoption.{module}").FORMAT for module in READERS)


def format_of(path: Path) -> Format:
    """The format of a file.

    Raises
    ------
    NotFound: there is nothing at `path`. UsageError: no format knows it, or it is a pickle.
    """
    if not path.exists():
        raise NotFound("there is no such file", where=str(path))
    refuse_pickle(path)
    known = formats()
    for one in known:
        if path.suffix.lower() in one.suffixes and (one.recognises is None or one.recognises(path)):
            return one
    for one in known:
        if not one.suffixes and one.recognises is not None and one.recognises(path):
            return one
    listed = "; ".join(f"{one.name} ({', '.join(one.suffixes) or 'by its content'})" for one in known)
    raise UsageError("is of no format that can be adopted", where=str(path), remedy=f"There are: {listed}")
