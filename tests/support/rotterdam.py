"""Studies of the Rotterdam breast cancer patients (Royston and Altman 2013), on the public table where it is there."""

from __future__ import annotations

import csv
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "rotterdam"


def death(data: Path, folder: Path) -> Path:
    """Write the study of death from any cause, decided at five years; its path."""
    return _written(folder, name="death", table=(data / "prognosis" / "rotterdam.csv").resolve())


def recurrence(data: Path, folder: Path) -> Path:
    """Write the study of recurrence, with death before it as competing event; its path."""
    table = folder / "first.csv"
    first_event(data / "prognosis" / "rotterdam.csv", table)
    return _written(folder, name="recurrence", table=table)


def first_event(table: Path, out: Path) -> None:
    """Add what came first, and when: columns ``first`` and ``days``.

    Death later than the end of the follow-up for recurrence (43 women) is in ``days`` all the same; ``end`` of the
    study says that it does not count.
    """
    with table.open(newline="", encoding="utf-8") as source, out.open("w", newline="", encoding="utf-8") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, [*(rows.fieldnames or ()), "first", "days"])
        writer.writeheader()
        for row in rows:
            first = "recurrence" if row["recur"] == "1" else "death" if row["death"] == "1" else "none"
            writer.writerow(row | {"first": first, "days": row["dtime" if first == "death" else "rtime"]})


def _written(folder: Path, *, name: str, table: Path) -> Path:
    path, study = folder / "study.toml", (EXAMPLE / f"{name}.toml").read_text(encoding="utf-8")
    path.write_text(study.replace('"patients.csv"', f'"{table.as_posix()}"'), encoding="utf-8")
    return path
