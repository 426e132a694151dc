"""Pickles are refused: opening one runs whatever it holds."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bedside.errors import UsageError

SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
JUDGED = (".pt", ".pth", ".pt2")
"""Archives with a pickle in them that their own readers judge: torch's restricted one, or none at all."""
_PROTOCOL = b"\x80"
"""First byte of a pickle of protocol 2 or later; the second is the protocol."""


def refuse_pickle(path: Path) -> None:
    """Look at the name and the first bytes of a file, without opening it as anything.

    Raises
    ------
    UsageError: it is a pickle, or a zip archive that holds one (as ``torch.save`` writes it).
    """
    if not path.is_file():
        return
    if path.suffix.lower() in SUFFIXES or _begins_as_pickle(path):
        raise _refusal(path, "is a pickle")
    if path.suffix.lower() not in JUDGED and zipfile.is_zipfile(path) and _holds_pickle(path):
        raise _refusal(path, "holds a pickle")


def _begins_as_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
    return len(start) == 2 and start[:1] == _PROTOCOL and 2 <= start[1] <= 5


def _holds_pickle(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(SUFFIXES) for name in archive.namelist())


def _refusal(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{what}: opening it would run whatever its maker, or whoever changed it since, put into it",
        where=str(path),
        remedy="Where it was trained, save it in a format that holds numbers only: skops or ONNX for scikit-learn, the "
        "own text or JSON format of LightGBM and XGBoost, .pt2 or safetensors for PyTorch, .keras for Keras",
    )
