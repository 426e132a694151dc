"""How many patients ``bedside predict`` answers per CPU second, beside the least that any program would have to do.

    python benchmarks/predict.py RELEASE TABLE [--rows N] [--json FILE]

TABLE is resampled to N rows (each number moved by up to one percent) and written as Parquet and CSV. Measured are the
CPU seconds (user and system) of a process of its own, and its peak memory; start-up is taken off by predicting a
table of one row. The floor in the same run: DuckDB reads the same columns of the Parquet file and onnxruntime runs
the same graph; nothing is cleaned, judged or written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

AIM = 150_000
# Of this process since it began; what wait() reports counts the parent in.
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""
PREDICT = """
import sys
from bedside.cli import run
assert run(["predict", *sys.argv[1:]]) == 0
"""
FLOOR = """
import sys, duckdb, numpy as np
from pathlib import Path
from bedside.release import open_candidate
model = open_candidate(Path(sys.argv[1])).load("server-cpu")
names = ", ".join(f'"{v.column or v.name}"' for v in model.manifest.schema.variables)
duck = duckdb.connect(config={"threads": 1})
rows = duck.execute(f"SELECT count(*) FROM '{sys.argv[2]}'").fetchone()[0]
for start in range(0, rows, 65536):
    columns = duck.execute(
        f"SELECT {names} FROM read_parquet('{sys.argv[2]}', file_row_number = true) "
        f"WHERE file_row_number >= {start} AND file_row_number < {start + 65536}"
    ).fetchnumpy()
    model.predict(np.stack([np.ma.filled(column.astype(float), np.nan) for column in columns.values()], axis=1))
"""


def resample(table: Path, rows: int, folder: Path, schema: list[str]) -> None:
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute("SELECT setseed(0.5)")
        duck.execute(f"CREATE TABLE source AS SELECT row_number() OVER () - 1 AS place, * FROM '{table}'")
        (count,) = duck.execute("SELECT count(*) FROM source").fetchone()
        described = duck.execute("DESCRIBE source").fetchall()[1:]
        moved = [
            f"{name} * (1 + 0.02 * (random() - 0.5)) AS {name}" if kind == "DOUBLE" and name in schema else name
            for name, kind, *_ in described
        ]
        select = f"SELECT {', '.join(moved)} FROM range({rows}) t(i) JOIN source ON place = i % {count} ORDER BY i"
        duck.execute(f"COPY ({select}) TO '{folder / 'table.parquet'}'")
        duck.execute(f"COPY (FROM '{folder / 'table.parquet'}') TO '{folder / 'table.csv'}'")
        duck.execute(f"COPY (FROM '{folder / 'table.parquet'}' LIMIT 1) TO '{folder / 'one.parquet'}'")
        duck.execute(f"COPY (FROM '{folder / 'table.parquet'}' LIMIT 1) TO '{folder / 'one.csv'}'")


def used(code: str, words: list[str]) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a process."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", code + PEAK, *words],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().splitlines()
    assert process.returncode == 0, lines
    return usage.ru_utime + usage.ru_stime, int(lines[-1]) / 1024


def measured(code: str, words: list[str], start_up: list[str], rows: int) -> dict[str, float]:
    cpu, megabytes = used(code, words)
    least = min(used(code, start_up)[0] for _ in range(3))
    return {
        "rows_per_cpu_second": round(rows / (cpu - least)),
        "cpu_seconds": round(cpu, 2),
        "start_up_cpu_seconds": round(least, 2),
        "peak_megabytes": round(megabytes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    schema = json.loads((arguments.release / "manifest.json").read_text())["schema"]["variables"]
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        resample(arguments.table, arguments.rows, folder, [variable["name"] for variable in schema])
        found["floor: read Parquet and run the graph, nothing else"] = measured(
            FLOOR,
            [str(arguments.release), str(folder / "table.parquet")],
            [str(arguments.release), str(folder / "one.parquet")],
            arguments.rows,
        )
        for given, written in (("parquet", "parquet"), ("parquet", "csv"), ("csv", "csv"), ("csv", "parquet")):
            out = ["--out", str(folder / f"out.{written}")]
            found[f"{given} to {written}"] = measured(
                PREDICT,
                [str(arguments.release), str(folder / f"table.{given}"), *out],
                [str(arguments.release), str(folder / f"one.{given}"), *out],
                arguments.rows,
            )
    floor = next(iter(found.values()))["rows_per_cpu_second"]
    print(f"{'':<52}{'rows per CPU s':>16}{'of the floor':>14}{'peak MB':>9}")
    for what, figures in found.items():
        figures["of_the_floor"] = round(figures["rows_per_cpu_second"] / floor, 3)
        print(
            f"{what:<52}{figures['rows_per_cpu_second']:>16,}{figures['of_the_floor']:>14.2f}"
            f"{figures['peak_megabytes']:>9,}"
        )
    result = {
        "rows": arguments.rows,
        "variables": len(schema),
        "aim_rows_per_cpu_second": AIM,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "found": found,
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
