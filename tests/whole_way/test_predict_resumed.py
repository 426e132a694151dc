"""``bedside predict`` killed and started again, with a changed table, twice at once, and in bounded memory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hospital import CATEGORIES, NUMBERS

from bedside.release import processor_class

SHORT, LONG = 200_000, 1_600_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Makes a table of so many plausible patients, the first of whom has a value that is not."""
    folder = tmp_path_factory.mktemp("tables")
    chosen = [
        f"{mean} + {deviation} * 0.1 * (random() - 0.5) AS {name}" for name, (*_, mean, deviation, _) in NUMBERS.items()
    ]
    chosen += [
        f"CASE WHEN i % 3 = 0 THEN '{texts[0]}' ELSE '{texts[1]}' END AS {name}"
        for name, (_, texts, _) in CATEGORIES.items()
    ]

    def make(name: str, rows: int) -> Path:
        path = folder / name
        if not path.exists():
            with duckdb.connect(config={"threads": 1}) as duck:
                duck.execute("SELECT setseed(0.5)")
                select = f"SELECT {', '.join(chosen)} FROM range({rows}) t(i)"
                duck.execute(f"COPY ({select}) TO '{path}'")
        return path

    return make


def words(release: Path, table: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "bedside", "predict", str(release), str(table), "--out", str(out), "--json"]


def killed_midway(command: list[str], folder: Path) -> int:
    """Start a prediction and kill it once a piece is written; returns how many rows were kept."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(30_000):
        if list(folder.glob("0*-*")):
            break
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return max(int(piece.name.split("-")[1]) for piece in folder.glob("0*-*"))


@pytest.mark.parametrize(
    ("given", "rows", "written"), [("l.parquet", LONG, "out.parquet"), ("t.csv", 3 * SHORT, "out.csv")]
)
def test_killed_and_started_again_it_goes_on_and_ends_the_same(
    signed: tuple[Path, Path], table: Callable[[str, int], Path], tmp_path: Path, given: str, rows: int, written: str
) -> None:
    release, path = signed[0], table(given, rows)
    (tmp_path / "whole").mkdir()
    whole, out = tmp_path / "whole" / written, tmp_path / written
    subprocess.run(words(release, path, whole), check=True, capture_output=True)
    kept = killed_midway(words(release, path, out), tmp_path / f"{written}.part")
    assert not out.exists()
    again = subprocess.run(words(release, path, out), check=True, capture_output=True, text=True)
    said = json.loads(again.stdout)
    assert said.pop("processor") == processor_class()
    assert said == {"out": str(out), "rows": rows, "after": kept, "anew": "", "target": "server-cpu"}
    assert f"going on after row {kept}" in again.stderr
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([written, "whole"])


def test_a_changed_table_begins_anew(
    signed: tuple[Path, Path], table: Callable[[str, int], Path], tmp_path: Path
) -> None:
    path, out = tmp_path / "mine.parquet", tmp_path / "out.csv"
    shutil.copy(table("l.parquet", LONG), path)
    killed_midway(words(signed[0], path, out), tmp_path / "out.csv.part")
    shutil.copy(table("few.parquet", 1000), path)
    again = subprocess.run(words(signed[0], path, out), check=True, capture_output=True, text=True)
    found = json.loads(again.stdout)
    assert (found["rows"], found["after"], found["anew"]) == (1000, 0, "the table changed")
    assert "the table changed" in again.stderr
    assert len(out.read_text().splitlines()) == 1001


def test_ctrl_c_keeps_what_is_done_and_says_so(
    signed: tuple[Path, Path], table: Callable[[str, int], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    command = words(signed[0], table("l.parquet", LONG), out)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "out.parquet.part").glob("0*-*")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "rows are kept; the same command goes on there" in said
    assert "Traceback" not in said


def test_a_second_run_on_the_same_file_is_refused(
    signed: tuple[Path, Path], table: Callable[[str, int], Path], tmp_path: Path, bedside
) -> None:
    from bedside.sources import parts

    out = tmp_path / "out.csv"
    with parts(out, {"the table": "another"}):
        done = bedside("predict", signed[0], table("few.parquet", 1000), "--out", out)
    assert done.returncode == 2
    assert "another process is writing this file" in done.stderr


PEAK = """
import sys
from bedside.cli import run
assert run(sys.argv[1:]) == 0
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak_megabytes(command: list[str]) -> float:
    """Of resident memory, of a process of its own, since it began."""
    done = subprocess.run([sys.executable, "-c", PEAK, *command[3:]], check=True, capture_output=True, text=True)
    return int(done.stderr.splitlines()[-1]) / 1024


def test_memory_does_not_grow_with_the_table(
    signed: tuple[Path, Path], table: Callable[[str, int], Path], tmp_path: Path
) -> None:
    """Eight times the rows; read whole, the long table takes 500 MB more: its matrix has 128 MB, several times over."""
    short = peak_megabytes(words(signed[0], table("s.parquet", SHORT), tmp_path / "s.parquet"))
    long = peak_megabytes(words(signed[0], table("l.parquet", LONG), tmp_path / "l.parquet"))
    assert long < short + 200  # how much the table engine keeps for itself varies
