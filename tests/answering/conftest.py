from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from bedside.release import Candidate, pack


def _load() -> ModuleType:
    spec = spec_from_file_location("small_model", Path(__file__).parents[1] / "release" / "small_model.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault("small_model", module_from_spec(spec))
    if not hasattr(module, "graph"):
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small() -> ModuleType:
    """The module `small_model.py`."""
    return _load()


@pytest.fixture
def candidate(small: ModuleType, tmp_path: Path) -> Candidate:
    """A freshly packed candidate of two classes."""
    return pack(small.parts(), tmp_path / "candidate")
