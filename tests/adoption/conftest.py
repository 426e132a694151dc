"""A study of invented patients, and the model that knows the truth about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from elsewhere import INTERCEPT, STUDY, WEIGHTS, linear, write_patients

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """One strength of the floor's penalty in place of ten: these tests look at the model beside it."""
    monkeypatch.setattr("bedside.training.floor.STRENGTHS", (1.0,))


@pytest.fixture
def study(tmp_path: Path) -> Write:
    """Writes the study, with further lines at its end, and its patients; gives the study's path."""

    def write(more: str = "", *, text: str = STUDY, unknown: float = 0.0) -> Path:
        write_patients(tmp_path, unknown=unknown)
        path = tmp_path / "study.toml"
        path.write_text(f"{text}\n{more}")
        return path

    return write


@pytest.fixture
def true_model(tmp_path: Path) -> Path:
    """The truth itself, as two classes."""
    path = tmp_path / "truth.onnx"
    path.write_bytes(linear(np.stack([0 * WEIGHTS, WEIGHTS], axis=1), [0.0, INTERCEPT]))
    return path
