"""A table that is written piece by piece beside its target, so that a run that was killed goes on where it was.

``FILE.part/`` holds ``run.json`` (what is being written, from what), ``lock`` (held by the process that writes), and
one file per piece, named by its rows. A piece appears whole or not at all. At the end the pieces become one file, which
takes the target's name in one step, and the folder goes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from bedside.errors import BedsideError, Conflict, DataError
from bedside.sources.duck import connection, interruptible, quoted
from bedside.sources.writing import Columns, write_csv

_RUN, _LOCK, _DRAFT, _WHOLE, _SPILL = "run.json", "lock", "draft", "whole", "spill"


@dataclass
class Parts:
    """The pieces of a table that is being written.

    Attributes
    ----------
    target: the file that it will be. folder: where the pieces are.
    done: rows that are written.
    anew: why the pieces of an earlier run were dropped; empty where they were not, or there were none.
    """

    target: Path
    folder: Path
    _duck: Any
    done: int = 0
    anew: str = ""

    @property
    def spill(self) -> Path:
        """A folder for what is needed while the table is written; it goes with the pieces."""
        return self.folder / _SPILL

    def append(self, columns: Columns) -> None:
        """Write the next rows; from then on they stay.

        Raises
        ------
        DataError: they cannot be written.
        """
        rows = len(next(iter(columns.values()), ()))
        if rows == 0 and self.done:
            return
        draft = self.folder / _DRAFT
        with _named(self.target):
            if self._duck:
                _write_parquet(self._duck, columns, draft)
            else:
                with draft.open("w", encoding="utf-8", newline="") as stream:
                    write_csv(stream, [columns], header=self.done == 0)
            _keep(draft)
            draft.replace(self.folder / f"{self.done + 1:012d}-{self.done + rows:012d}")
        self.done += rows

    def finish(self) -> int:
        """Make one file of all pieces and give it the target's name; returns its number of rows.

        Raises
        ------
        DataError: it cannot be written.
        """
        whole, pieces = self.folder / _WHOLE, _pieces(self.folder)
        with _named(self.target):
            if self._duck:
                listed = ", ".join(quoted(str(piece)) for piece in pieces)
                _copy(self._duck, f"read_parquet([{listed}])", whole)
            else:
                _join(pieces, whole)
            _keep(whole)
            whole.replace(self.target)
        self.drop()
        return self.done

    def drop(self) -> None:
        """Delete the pieces and what was noted about them; what anybody else put there stays."""
        for piece in _pieces(self.folder):
            piece.unlink()
        for name in (_DRAFT, _WHOLE, _RUN, _LOCK):
            (self.folder / name).unlink(missing_ok=True)


@contextmanager
def parts(target: Path | str, run: Mapping[str, str]) -> Iterator[Parts]:
    """Begin to write a table, or go on where a run that says the same of itself was stopped.

    The pieces stay where the process is killed or interrupted or the disk is full; they go where the input turns out
    to be wrong.

    Parameters
    ----------
    run: all that decides what will stand in the table, by what a person calls it ("the table", "the release").

    Raises
    ------
    Conflict: another process is writing this file. DataError: it cannot be written there.
    """
    target = Path(target)
    folder = target.with_name(target.name + ".part")
    with _named(target):
        if target.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        folder.mkdir(exist_ok=True)
        lock = _locked(target, folder)
    with lock, _spill(target, folder) as spill, _writer(target, spill) as duck:
        found = Parts(target, folder, duck)
        with _named(target):
            _begin(found, run)
        try:
            yield found
        except BedsideError:
            with suppress(OSError):
                found.drop()
            raise


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", where=str(target), remedy="Name another file"
        ) from error


def _locked(target: Path, folder: Path) -> IO[bytes]:
    """The folder's lock, held until it is closed; the system lets go of it when the process dies."""
    lock = (folder / _LOCK).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock.fileno()).st_nlink:  # else the process that held it has just finished and deleted it
            return lock
    except BlockingIOError:
        pass
    lock.close()
    raise Conflict(
        "another process is writing this file", where=str(target), remedy="Wait for it, or name another file"
    )


def _begin(found: Parts, run: Mapping[str, str]) -> None:
    """Count what an earlier run left, or drop it where it was another run."""
    before = _run(found.folder / _RUN)
    differs = [name for name in run if before.get(name) != run[name]] if before else list(run)
    if before is not None and not differs:
        found.done = _contiguous(found.folder)
        return
    if _pieces(found.folder):
        found.anew = f"{' and '.join(differs)} changed" if before else "it was not known what they were made from"
    for piece in _pieces(found.folder):
        piece.unlink()
    draft = found.folder / _DRAFT
    draft.write_bytes(msgspec.json.encode(run))
    draft.replace(found.folder / _RUN)


def _run(path: Path) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if isinstance(found, dict) else None


def _pieces(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]" * 12 + "-" + "[0-9]" * 12))


def _contiguous(folder: Path) -> int:
    """Rows of the pieces that follow each other from the first row on; any further piece is deleted."""
    done = 0
    for piece in _pieces(folder):
        first, last = map(int, piece.name.split("-"))
        if first == done + 1 and last >= first:
            done = last
        else:
            piece.unlink()
    return done


@contextmanager
def _spill(target: Path, folder: Path) -> Iterator[Path]:
    """An empty folder, without what a run that was killed left in it."""
    spill = folder / _SPILL
    with _named(target):
        shutil.rmtree(spill, ignore_errors=True)
        spill.mkdir()
    try:
        yield spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # where the table is finished, this was the last that stood in it


@contextmanager
def _writer(target: Path, spill: Path) -> Iterator[Any]:
    """What writes Parquet; None for CSV."""
    if target.suffix != ".parquet":
        yield None
        return
    with connection(megabytes=300, spill=spill) as duck:
        duck.execute("SET threads = 1")  # several would cut the row groups as it happens
        duck.execute("SET pandas_analyze_sample = 0")  # objects are texts, also where the first thousand are None
        yield duck


def _write_parquet(duck: Any, columns: Columns, draft: Path) -> None:
    duck.register("piece", {name: np.ascontiguousarray(column) for name, column in columns.items()})
    _copy(duck, "piece", draft)
    duck.unregister("piece")


def _copy(duck: Any, source: str, to: Path) -> None:
    import duckdb

    try:
        with interruptible():
            duck.execute(f"COPY (FROM {source}) TO {quoted(str(to))} (FORMAT parquet)")
    except duckdb.IOException as error:  # a full disk, for one
        raise OSError(0, str(error).splitlines()[0]) from error


def _join(pieces: list[Path], whole: Path) -> None:
    with whole.open("wb") as joined:
        for piece in pieces:
            with piece.open("rb") as stream:
                shutil.copyfileobj(stream, joined, 1 << 20)


def _keep(path: Path) -> None:
    """See that it is on the disk before it gets its name: a power cut must not leave a name without content."""
    with path.open("rb") as written:
        os.fsync(written.fileno())
