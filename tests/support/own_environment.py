"""Tools in environments of their own: where `scripts/test` makes them, or the test is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bedside.environments import TOOLS, python_of
from bedside.errors import MissingEnvironment

ROOT = Path(__file__).parents[2]


def require(name: str, patch: pytest.MonkeyPatch) -> None:
    """Use the environment beside the project, unless another place was chosen; skip where it was not made."""
    if "BEDSIDE_ENVIRONMENTS" not in os.environ:
        patch.setenv("BEDSIDE_ENVIRONMENTS", str(ROOT / ".environments"))
    try:
        python_of(name)
    except MissingEnvironment as error:
        pytest.skip(f"{TOOLS[name]}'s environment was not made: {error.remedy}")
