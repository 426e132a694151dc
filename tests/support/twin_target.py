"""A target that computes what the reference does, from a file of its own, so that tests have two of everything."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.release.server_cpu import ServerCpu


@dataclass(frozen=True)
class Twin(ServerCpu):
    """`ServerCpu` under another name."""

    name: str = "twin"
    file: str = "model.twin.onnx"


@dataclass(frozen=True)
class Carried(ServerCpu):
    """A file for elsewhere: no server runs it."""

    name: str = "carried"
    file: str = "model.carried.onnx"
    serves: bool = False


TWIN, CARRIED = Twin(), Carried()
