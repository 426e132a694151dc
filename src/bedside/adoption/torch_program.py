"""PyTorch exported programs, ``.pt2``: their graph is judged as plain data and written anew before torch opens it.

``torch.export.load`` unpickles sample inputs, constants and weights that say so, evaluates sizes as Python text, finds
operators by their dotted name and compiles guards. So torch never sees the file: it is given a copy that has the judged
graph, the raw numbers of the weights, and nothing else.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.adoption.original import Asked, Format, Original
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.torch_graph import quiet, torch_graph
from bedside.adoption.torch_judged import input_shape, judged_program, judged_weights
from bedside.adoption.torch_module import columns_of, predict_of
from bedside.errors import DataError

LARGEST = 2 * 1024**3
KINDS = ("weights", "constants")


def read(path: Path, asked: Asked) -> Original:
    """A program of ``torch.export`` that takes one matrix with a row for each patient.

    Raises
    ------
    DataError: it is damaged, holds a pickle that is needed or something else than arithmetic on tensors, takes other
        inputs, or cannot be written as a graph.
    """
    where = str(path)
    records = _records(path.read_bytes(), where)
    program = judged_program(_json(records, "models/model.json", where), where=where)
    width = input_shape(program, asked.width, where=where)
    module = _opened(_copy(records, program, where), where)
    columns = columns_of(module, width, where=where)
    plain = plain_graph(torch_graph(module, width, where=where, extra="pytorch"), asked, where=where)
    return Original(
        graph=plain.graph,
        width=width,
        columns=columns,
        predict=predict_of(module),
        parameters=sum(int(one.numel()) for one in module.parameters()),
        facts={"written by": f"PyTorch {str(program['torch_version'])[:20]}"},
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("onnxscript", "torch")}


def _records(content: bytes, where: str) -> dict[str, bytes]:
    """What is in the archive, by name below its one folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST:
                raise DataError("unpacks to more than 2 GiB", where=where)
            found = {one.filename.partition("/")[2]: archive.read(one) for one in archive.infolist()}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"cannot be read as an exported program: {error}", where=where) from error
    if found.get("archive_format") != b"pt2" or found.get("byteorder", b"little") != b"little":
        raise DataError(
            "is no exported program that can be read here",
            where=where,
            remedy="Save it with torch.export.save of PyTorch 2.8 or newer",
        )
    return found


def _json(records: Mapping[str, bytes], name: str, where: str) -> Any:
    try:
        return json.loads(records[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise DataError(f"is damaged: {name} is missing or cannot be read", where=where) from error


def _copy(records: Mapping[str, bytes], program: Mapping[str, Any], where: str) -> bytes:
    """An archive of the judged graph and raw tensors."""
    kept: dict[str, bytes] = {
        "archive_format": b"pt2",
        "archive_version": b"0",
        "byteorder": b"little",
        ".data/version": b"6\n",
        "models/model.json": json.dumps(program).encode(),
        "data/sample_inputs/model.pt": b"",
    }
    for kind in KINDS:
        name = f"data/{kind}/model_{kind}_config.json"
        config, files = judged_weights(_json(records, name, where), where=where)
        kept[name] = json.dumps(config).encode()
        for one in files:
            if f"data/{kind}/{one}" not in records:
                raise DataError(f"is damaged: {one} is missing", where=where)
            kept[f"data/{kind}/{one}"] = records[f"data/{kind}/{one}"]
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as archive:
        for name, content in kept.items():
            archive.writestr(f"model/{name}", content)
    return copy.getvalue()


def _opened(copy: bytes, where: str) -> Any:
    import torch

    try:
        with quiet():
            return torch.export.load(io.BytesIO(copy)).module()
    except Exception as error:  # torch raises whatever its parts raise
        said = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise DataError(
            f"torch cannot open it: {said[0][:200]}",
            where=where,
            remedy="Export it again with a PyTorch as new as the one here, or export it to ONNX",
        ) from error


FORMAT = Format(name="PyTorch exported program", suffixes=(".pt2",), read=read)
