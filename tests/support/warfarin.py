"""The example ``examples/warfarin``: its modules, and its study with a table beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

EXAMPLE = Path(__file__).parents[2] / "examples" / "warfarin"
TABLE = Path("treatment") / "iwpc_warfarin_dev.csv.gz"


def module(name: str) -> ModuleType:
    """One of the example's own."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(EXAMPLE))


def prepared(folder: Path, table: Path) -> tuple[Path, str]:
    """The study in this folder, its patients beside it, and what was printed; invented ones where there is no table."""
    for name in ("equations.py", "patients.py", "study.toml"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    done = subprocess.run(
        [sys.executable, "patients.py", table], cwd=folder, check=True, capture_output=True, text=True
    )
    return folder / "study.toml", done.stdout
