"""The target ``server-gpu``: onnxruntime on an NVIDIA GPU, inner layers in half precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bedside.errors import BedsideError, DataError, MissingExtra, UsageError
from bedside.graphs import cleaned_graph
from bedside.release.half_precision import in_half_precision
from bedside.release.model import processor_class
from bedside.release.onnx_session import opened, runnable
from bedside.release.target import Material, Predict

CUDA = "CUDAExecutionProvider"
# Single precision is meant where it stands: without this CUDA multiplies it with ten bits, the distance included.
OPTIONS = {"use_tf32": "0"}
GPUS = Path("/proc/driver/nvidia/gpus")
DEVICES = ("nvidia[0-9]*", "dxg")
"""In /dev: the driver's own, and that of a Linux inside Windows."""


@dataclass(frozen=True)
class ServerGpu:
    """Kernels of CUDA; what is not an inner layer stays in single precision: preparation, calibration, distance."""

    name: str = "server-gpu"
    runtime: str = "onnxruntime-gpu"
    tolerance: float = 5e-3
    file: str = "model.fp16.onnx"
    serves: bool = True

    def missing_to_make(self) -> BedsideError | None:
        """The conversion needs onnx."""
        from importlib.util import find_spec

        return None if find_spec("onnx") else MissingExtra("onnx", "train")

    def make(self, material: Material) -> bytes | None:
        """Turn the inner layers into half precision; None where there is none.

        Raises
        ------
        DataError: the graph cannot be converted.
        """
        try:
            import onnx
        except ImportError as error:
            raise MissingExtra("onnx", "train") from error
        model = onnx.load_model_from_string(material.graph)
        if not in_half_precision(model):
            return None
        return cleaned_graph(model.SerializeToString(deterministic=True), where=self.file)

    def missing_to_run(self) -> BedsideError | None:
        """The CUDA build of onnxruntime, or a GPU."""
        import onnxruntime as ort

        if CUDA not in ort.get_available_providers():
            return MissingExtra(self.runtime, "gpu")
        here = any(device for name in DEVICES for device in Path("/dev").glob(name))
        return None if here else UsageError("there is no NVIDIA GPU here", where=self.name)

    def processor(self) -> str:
        """The GPU's name, for example ``"cuda NVIDIA H100 80GB HBM3"``, beside the processor that feeds it."""
        for card in sorted(GPUS.glob("*/information")):
            lines = card.read_text().splitlines()
            model = next((line.partition(":")[2].strip() for line in lines if line.startswith("Model:")), "")
            if model:
                return f"cuda {model}"
        return processor_class()

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Open a session on `graph` on the first GPU.

        Raises
        ------
        MissingExtra: onnxruntime here has no CUDA. DataError: the graph cannot be read, or CUDA does not come up.
        """
        import onnxruntime as ort

        if CUDA not in ort.get_available_providers():
            raise MissingExtra(self.runtime, "gpu")
        session = opened(graph, where, [(CUDA, OPTIONS), "CPUExecutionProvider"])
        if CUDA not in session.get_providers():  # onnxruntime goes on without a word on the CPU
            raise DataError("CUDA does not come up on this machine", where=where, remedy="Look at nvidia-smi")
        return runnable(session, variables=variables, classes=classes, where=where)

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """The same bytes on the CPU, which computes half precision in single and rounds it."""
        return runnable(opened(graph, where), variables=variables, classes=classes, where=where)


TARGET = ServerGpu()
