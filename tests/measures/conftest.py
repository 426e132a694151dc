from __future__ import annotations

from collections.abc import Iterator

import pytest
from jaxtyping import config


@pytest.fixture
def unchecked() -> Iterator[None]:
    """For simulations: thousands of calls without the check of shapes, which takes longer than what they compute."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
