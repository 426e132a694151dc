"""PyTorch weights, ``.pt``, ``.pth`` and ``.safetensors``: numbers only, for a module that the user names."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.adoption.original import Asked, Format, Original
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.torch_graph import quiet, torch_graph
from bedside.adoption.torch_module import columns_of, filled, module_of, predict_of
from bedside.errors import DataError, MissingExtra, UsageError

SAVE = "torch.save(model.state_dict(), 'model.pt')"


def read(path: Path, asked: Asked) -> Original:
    """Weights of the module that ``--module`` names. The file is read as numbers; its module's code is the user's own.

    Raises
    ------
    UsageError: no module is named, or it cannot be had; the file holds more than numbers.
    DataError: it is damaged, or does not fit the module; the module cannot be written as a graph.
    """
    where = str(path)
    weights = _safetensors(path) if path.suffix.lower() == ".safetensors" else _torch(path)
    if asked.module is None:
        raise UsageError(
            "holds weights without a model",
            where=where,
            remedy="Name the module that they belong to, --module net.py:Net, or save an exported program (.pt2)",
        )
    module = filled(module_of(asked.module), weights, where=where)
    source, _, name = asked.module.rpartition(":")
    columns = columns_of(module, asked.width, where=where)
    plain = plain_graph(torch_graph(module, asked.width, where=where, extra="pytorch"), asked, where=where)
    return Original(
        graph=plain.graph,
        width=asked.width,
        columns=columns,
        predict=predict_of(module),
        parameters=sum(int(one.numel()) for one in module.parameters()),
        facts={
            "module": f"{name} of {Path(source).name}, SHA-256 {_digest(Path(source))}",
            "tensors": str(len(weights)),
        },
        versions=_versions(),
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("onnxscript", "torch")}


def _safetensors(path: Path) -> Mapping[str, Any]:
    try:
        from safetensors.torch import load
    except ImportError as error:
        raise MissingExtra("safetensors", "pytorch") from error
    try:
        return dict(load(path.read_bytes()))
    except Exception as error:  # safetensors raises a class of its own
        raise DataError(f"cannot be read as safetensors: {error}", where=str(path)) from error


def _torch(path: Path) -> Mapping[str, Any]:
    """A state dict, through torch's restricted reader, which makes tensors and containers and nothing else."""
    import torch

    content = path.read_bytes()
    _refuse_programs(content, path)
    try:
        with quiet():
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its parts raise
        raise DataError(f"torch cannot read it: {str(error).splitlines()[0][:200]}", where=str(path)) from error
    if not isinstance(found, dict) or not all(isinstance(one, torch.Tensor) for one in found.values()):
        held = ", ".join(str(one)[:40] for one in list(found)[:6]) if isinstance(found, dict) else type(found).__name__
        raise UsageError(
            f"is no state dict: it holds {held}", where=str(path), remedy=f"Save the weights alone: {SAVE}"
        )
    return found


def _refuse_programs(content: bytes, path: Path) -> None:
    """Look at what the file would make, without making it.

    Raises
    ------
    UsageError: it is a pickled module, holds objects that are not numbers, or is a TorchScript archive.
    """
    import torch

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise DataError("cannot be read as what torch.save writes", where=str(path)) from error
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise UsageError(
            "is a TorchScript archive: it holds a program",
            where=str(path),
            remedy=f"Save an exported program, torch.export.save(program, 'model.pt2'), or the weights: {SAVE}",
        )
    try:
        with quiet():
            named = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    except Exception as error:  # a damaged pickle
        raise DataError(f"is damaged: {str(error).splitlines()[0][:160]}", where=str(path)) from error
    if named:
        raise UsageError(
            f"is a pickled module, or holds other objects than tensors ({', '.join(one[:60] for one in named[:4])}): "
            "opening it would run code",
            where=str(path),
            remedy=f"Save the weights alone, {SAVE}, and name your module: --module net.py:Net. Or save an exported "
            "program: torch.export.save(torch.export.export(model, ...), 'model.pt2')",
        )


FORMAT = Format(name="PyTorch weights", suffixes=(".pt", ".pth", ".safetensors"), read=read, takes_module=True)
