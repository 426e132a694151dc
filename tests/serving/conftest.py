from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bedside.review import PAGES


def _module() -> ModuleType:
    if "hospital" not in sys.modules:
        path = Path(__file__).parents[1] / "serving" / "hospital.py"
        spec = spec_from_file_location("hospital", path)
        assert spec is not None and spec.loader is not None
        sys.modules["hospital"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["hospital"])
    return sys.modules["hospital"]


hospital_module = _module()


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A signed release of two classes and its public key."""
    found: tuple[Path, Path] = hospital_module.make_release(tmp_path_factory.mktemp("release"))
    return found


@pytest.fixture
def hospital(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    """Served in solo mode, pages included."""
    opened = hospital_module.open_hospital(tmp_path, [signed], pages=PAGES)
    yield opened
    opened.ledger.close()


@pytest.fixture
def careful(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    """Not solo: nothing is answered before two approvals."""
    opened = hospital_module.open_hospital(tmp_path, [signed], solo=False, pages=PAGES)
    yield opened
    opened.ledger.close()
