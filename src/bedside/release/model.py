"""What a runtime makes of a release's graph: a function from patients to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from bedside.privacy import Prototypes
from bedside.release.guidance import Guidance
from bedside.release.manifest import Manifest


@dataclass(frozen=True)
class Prediction:
    """The graph's outputs for n patients, as the runtime gives them (float32).

    Attributes
    ----------
    columns: what the manifest's ``outputs`` say: mostly a calibrated probability per class, in their order.
    distance: of each patient to the training population.
    spread: standard deviation between ensemble members, per class; None where the graph has one member.
    """

    columns: Float[np.ndarray, "patient column"]
    distance: Float[np.ndarray, " patient"]
    spread: Float[np.ndarray, "patient class"] | None


@dataclass(frozen=True)
class Model:
    """A release (or candidate) loaded for one target; safe to call from several threads.

    Attributes
    ----------
    manifest: of the release. digest: its candidate digest.
    target: name of the target. processor: class of the processor that runs it, see `processor_class`.
    background: what explanations compare with; compared_with: the same in words.
    predict: values [patient, variable] in the schema's order and units, ``nan`` for unknown → `Prediction`; values are
        rounded to float32.
    guidance: what stands beside the answers; None where the release has none.
    golden: bytes of ``golden.json``, which `golden_check` asks. sizes: of each target's file, in bytes.
    """

    manifest: Manifest
    digest: str
    target: str
    processor: str
    background: Prototypes
    compared_with: str
    predict: Callable[[Float[np.ndarray, "patient variable"]], Prediction]
    guidance: Guidance | None = None
    golden: bytes = field(default=b"", repr=False)
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False)


def processor_class() -> str:
    """Instruction set and widest vector unit of this machine, for example ``"x86-64 avx512-vnni"``.

    Runtimes choose their kernels by vector unit, and different kernels round differently: only answers from the same
    class can be expected to repeat bit for bit. The unit is read from the flags of ``/proc/cpuinfo``; where there is no
    such file it reads ``"unknown"``.
    """
    import platform
    from pathlib import Path

    machine = {"x86_64": "x86-64", "AMD64": "x86-64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{machine} unknown"
    flags = next(
        (set(line.split(":", 1)[1].split()) for line in lines if line.startswith(("flags", "Features"))), set()
    )
    widest = next((name for flag, name in _UNITS if flag in flags), "unknown")
    return f"{machine} {widest}"


def processor_name() -> str:
    """The processor's own name, for example ``"Intel(R) Xeon(R) Gold 6338"``; its class where it gives none."""
    from pathlib import Path

    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return processor_class()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next((name for name in named if name), processor_class())


_UNITS = (
    ("amx_tile", "amx"),
    ("avx512_vnni", "avx512-vnni"),
    ("avx512f", "avx512"),
    ("avx_vnni", "avx-vnni"),
    ("avx2", "avx2"),
    ("avx", "avx"),
    ("sse4_2", "sse4.2"),
    ("sve", "sve"),
    ("asimddp", "neon-dotprod"),
    ("asimd", "neon"),
)
