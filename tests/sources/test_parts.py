"""Tables written piece by piece: whole or not at all, resumed where they stopped, dropped where their input changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from bedside.errors import Conflict, DataError
from bedside.sources import Parts, Schema, Variable, fingerprint, parts, read_table

RUN = {"the table": "a", "the release": "b"}
PIECES = [
    {
        "id": np.array([None, "b, c", 'd "e"\nf'], dtype=object),
        "p": np.array([0.25, np.nan, 1 / 3]),
        "sure": np.array([True, False, True]),
        "n": np.arange(3 * number, 3 * number + 3),
    }
    for number in range(4)
]


def write(out: Path, *, first: int = 0, last: int = 4, run: dict[str, str] = RUN) -> Parts:
    """Some of the pieces; all of them when the last is there."""
    with parts(out, run) as written:
        for piece in PIECES[first:last]:
            written.append(piece)
        if last == 4:
            assert written.finish() == 12
    return written


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_was_written_reads_back(tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"out.{kind}"
    write(out)
    number = {"kind": "number", "label": "x"}
    schema = Schema(
        variables=(
            Variable(name="p", **number),
            Variable(name="sure", kind="category", label="x", categories=("false", "true")),
            Variable(name="n", **number),
        )
    )
    reading = read_table(out, schema, extra=("id",))
    assert reading.extra["id"].tolist() == [None, "b, c", 'd "e"\nf'] * 4
    np.testing.assert_array_equal(reading.values[:, 0], [0.25, np.nan, 1 / 3] * 4)
    np.testing.assert_array_equal(reading.values[:, 1], [1, 0, 1] * 4)
    np.testing.assert_array_equal(reading.values[:, 2], np.arange(12))
    assert list(tmp_path.iterdir()) == [out]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    write(tmp_path / "out.parquet")
    described = duckdb.sql(f"DESCRIBE FROM '{tmp_path / 'out.parquet'}'").fetchall()
    assert [row[1] for row in described] == ["VARCHAR", "DOUBLE", "BOOLEAN", "BIGINT"]


def test_texts_that_begin_late_are_texts(tmp_path: Path) -> None:
    with parts(tmp_path / "out.parquet", RUN) as written:
        written.append({"id": np.array([None] * 3000 + ["x"], dtype=object)})
        written.finish()
    assert duckdb.sql(f"SELECT max(id) FROM '{tmp_path / 'out.parquet'}'").fetchall() == [("x",)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("stopped", [0, 1, 3])
def test_a_resumed_table_is_byte_for_byte_the_same(tmp_path: Path, kind: str, stopped: int) -> None:
    write(tmp_path / f"whole.{kind}")
    out = tmp_path / f"out.{kind}"
    write(out, last=stopped)
    assert not out.exists()
    resumed = write(out, first=stopped)
    assert resumed.anew == ""
    assert out.read_bytes() == (tmp_path / f"whole.{kind}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"out.{kind}", f"whole.{kind}"]


def test_done_counts_whole_pieces_that_follow_each_other(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write(out, last=3)
    folder = tmp_path / "out.csv.part"
    (folder / "000000000004-000000000006").unlink()
    (folder / "draft").write_text("half a pie")
    with parts(out, RUN) as written:
        assert written.done == 3


def test_another_input_begins_anew_and_says_why(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write(out, last=2)
    with parts(out, RUN | {"the release": "c"}) as written:
        assert (written.done, written.anew) == (0, "the release changed")


def test_pieces_of_an_unknown_run_are_not_trusted(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write(out, last=2)
    (tmp_path / "out.csv.part" / "run.json").write_text("{")
    with parts(out, RUN) as written:
        assert written.done == 0
        assert "not known" in written.anew


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        parts(tmp_path / "out.csv", RUN),
        pytest.raises(Conflict, match="another process"),
        parts(tmp_path / "out.csv", RUN),
    ):
        pass


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    code = (
        "import sys, time; from bedside.sources import parts\n"
        "with parts(sys.argv[1], {'the table': 'a'}): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Conflict), parts(out, RUN):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    write(out)
    assert out.exists()


def test_wrong_input_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wrong"), parts(tmp_path / "out.csv", RUN) as written:
        written.append(PIECES[0])
        raise DataError("wrong")
    assert list(tmp_path.iterdir()) == []


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out.csv.part"
    folder.mkdir()
    (folder / "diary.txt").write_text("mine")
    write(tmp_path / "out.csv")
    assert [path.name for path in folder.iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("name", ["none/out.csv", "."])
def test_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot be written"), parts(tmp_path / name, RUN):
        pass


def test_a_table_is_known_again(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    csv.write_text("a\n1\n")
    before = fingerprint(csv)
    os.utime(csv, (1, 1))
    assert fingerprint(csv) == before
    csv.write_text("a\n2\n")
    assert fingerprint(csv) != before
    seen = set()
    for value in (1, 2):
        duckdb.execute(f"COPY (SELECT {value} AS a) TO '{parquet}' (FORMAT parquet)")
        os.utime(parquet, (1, 1))
        seen.add(fingerprint(parquet))
    os.utime(parquet, (2, 2))
    assert len(seen | {fingerprint(parquet)}) == 3
