"""Runtimes that are no Python packages: they travel inside a target's file, in one version."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bundled:
    """One of them: `version`, `purl` (its package URL) and `licence` (SPDX)."""

    version: str
    purl: str
    licence: str


BUNDLED = {"onnxruntime-web": Bundled("1.30.0", "pkg:npm/onnxruntime-web@1.30.0", "MIT")}
"""By the name that a target gives as its `runtime`."""
