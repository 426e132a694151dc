"""An ONNX graph as an ExecuTorch program for one patient, with XNNPACK's kernels where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .images import IMAGES
from .onnx_graph import Graph, Step, read_graph
from .operators import ELEMENTWISE, Given
from .shaping import SHAPING, SPLIT

OPERATORS = ELEMENTWISE | SHAPING | IMAGES
OUTPUTS = ("probability", "distance", "spread")
"""In the program's order; outputs have no names there."""


class Program(torch.nn.Module):
    """A graph as a torch module: values float32 [1, variable] → those of `OUTPUTS` that it has, of one patient."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.outputs = [name for name in OUTPUTS if name in graph.outputs]
        taken = {name for step in graph.steps for name in step.inputs} | set(graph.outputs)
        self.places: dict[str, str] = {}
        for position, (name, value) in enumerate(sorted(graph.known.items())):
            if name in taken:
                self.places[name] = f"constant{position}"
                self.register_buffer(self.places[name], torch.from_numpy(value.copy()))

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Compute step after step."""
        found = {"values": values} | {name: getattr(self, place) for name, place in self.places.items()}
        for step in self.graph.steps:
            made = self._made(step, found)
            found.update(zip(step.outputs, made if isinstance(made, tuple) else (made,), strict=False))
        return tuple(found[name] for name in self.outputs)

    def _made(self, step: Step, found: dict[str, torch.Tensor]) -> Any:
        given = Given(
            step.operator,
            [found[name] if name else None for name in step.inputs],
            [self.graph.known.get(name) for name in step.inputs],
            step.attributes,
        )
        return SPLIT(given, len(step.outputs)) if step.operator == "Split" else OPERATORS[step.operator](given)


def convert(graph: str, out: str) -> None:
    """Write the program of a graph; raises `CannotConvert`."""
    module = Program(read_graph(Path(graph).read_bytes(), {*OPERATORS, "Split"})).eval()
    # Seconds, which a refusal need not wait for.
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    with torch.no_grad():
        exported = torch.export.export(module, (torch.zeros((1, module.graph.width)),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    Path(out).write_bytes(bytes(lowered.to_executorch().buffer))
