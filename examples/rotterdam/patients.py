"""Write ``patients.csv``: the public table with what came first, or invented patients where it is not there.

patients.py TABLE: a CSV file such as ``rotterdam.csv`` of the R package survival (Royston and Altman, BMC Med Res Methodol
2013;13:33).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

OUT = Path("patients.csv")
PATIENTS = 2000


def with_first_event(row: dict[str, str]) -> dict[str, str]:
    """Two columns more: ``first``, what happened first, and ``days``, when.

    Follow-up for recurrence ended earlier than that for death in some women. A death after that end keeps its day here;
    ``end`` of the study says that it does not count.
    """
    first = "recurrence" if row["recur"] == "1" else "death" if row["death"] == "1" else "none"
    return row | {"first": first, "days": row["dtime" if first == "death" else "rtime"]}


def invented(rng: np.random.Generator, number: int) -> dict[str, str]:
    """One invented woman: nodes, size and grade bring recurrence, recurrence and age bring death."""
    age, grade, size = int(np.clip(rng.normal(55, 13), 24, 90)), int(rng.integers(2, 4)), int(rng.integers(3))
    nodes = int(rng.negative_binomial(0.5, 0.15))
    er, pgr = (int(np.clip(np.exp(rng.normal(mean, 1.8)), 0, 3000)) for mean in (4, 3.5))
    treated, chemo = rng.uniform() < (0.3 if nodes else 0.0), rng.uniform() < 0.2
    risk = 0.12 * min(nodes, 12) + 0.5 * (grade == 3) + 0.4 * size - 0.0004 * pgr - 0.3 * treated - 0.2 * chemo
    relapses = 5500 * np.exp(-risk) * rng.weibull(0.9)
    dies = min(rng.exponential(1400) + relapses, 16000 * np.exp(-0.05 * (age - 55)) * rng.weibull(1.3))
    leaves = rng.uniform(1500, 7000)
    end, recurs = min(dies, leaves), min(relapses, dies, leaves)
    columns = {
        "pid": number, "age": age, "meno": int(age > 51), "size": ("<=20", "20-50", ">50")[size], "grade": grade,
        "nodes": nodes, "pgr": pgr, "er": er, "hormon": int(treated), "chemo": int(chemo),
        "rtime": int(recurs) + 1, "recur": int(relapses < min(dies, leaves)), "dtime": int(end) + 1,
        "death": int(dies < leaves),
    }  # fmt: skip
    return {name: str(value) for name, value in columns.items()}


def write(rows: Iterable[dict[str, str]], path: Path) -> None:
    """The table of these rows, with what came first."""
    table = [with_first_event(row) for row in rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    public = Path(sys.argv[1])
    if public.is_file():
        with public.open(newline="", encoding="utf-8") as source:
            write(csv.DictReader(source), OUT)
        print(f"2982 women after surgery for breast cancer: {public}")
    else:
        rng = np.random.default_rng(30)
        write((invented(rng, number) for number in range(1, PATIENTS + 1)), OUT)
        print(f"Public data not found ({public}): the patients are INVENTED, and no figure means anything")
