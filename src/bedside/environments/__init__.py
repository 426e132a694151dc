"""Environments of their own, for tools whose versions do not fit together with ours; each is driven by files."""

from __future__ import annotations

from bedside.environments.environments import TOOLS, listed_versions, make, python_of, run

__all__ = ["TOOLS", "listed_versions", "make", "python_of", "run"]
