"""Every public statistic has a row in docs/oracles.md, and every row names tests that exist."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bedside import measures

ROOT = Path(__file__).parents[2]
HEAD = ["statistic", "independent reference and version", "test"]


def rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "oracles.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row != HEAD and not set(row[0]) <= {"-", ":", " "}]


def defined_tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


PUBLIC = [name for name in measures.__all__ if inspect.isfunction(getattr(measures, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_measure_has_an_oracle(name: str) -> None:
    found = [row for row in rows() if row[0] == f"`measures.{name}`"]
    assert len(found) == 1, f"docs/oracles.md has {len(found)} rows for measures.{name}, one is needed"
    assert re.search(r"\w", found[0][1]), "the row names no reference"


def test_every_row_names_tests_that_exist() -> None:
    assert len(rows()) >= len(PUBLIC)
    for row in rows():
        assert len(row) == 3, row
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[2])
        assert named, f"{row[0]} names no test"
        for file, test in named:
            assert (ROOT / file).is_file(), f"{row[0]}: {file} does not exist"
            assert test in defined_tests(ROOT / file), f"{row[0]}: {file} has no {test}"


def test_no_row_outlives_its_measure() -> None:
    for row in rows():
        if row[0].startswith("`measures."):
            assert row[0].removeprefix("`measures.").removesuffix("`") in PUBLIC


def test_the_door_is_sorted_and_complete() -> None:
    assert list(measures.__all__) == sorted(measures.__all__)
    for name in measures.__all__:
        assert inspect.getdoc(getattr(measures, name)), f"{name} has no docstring"


def test_importing_measures_loads_nothing_heavy() -> None:
    code = "import sys, bedside.measures; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"scipy", "sklearn", "pandas", "matplotlib", "torch", "statsmodels"} & set(loaded)
