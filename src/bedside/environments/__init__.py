"""Environments of their own, for tools whose versions do not fit together with ours; each is driven by files."""

from __future__ import annotations

from bedside.environments.environments import TOOLS, make, python_of, run

__all__ = ["TOOLS", "make", "python_of", "run"]
