"""Write ``patients.csv``: the public table in plain columns, or invented patients where it is not there.

patients.py TABLE: the table of the International Warfarin Pharmacogenetics Consortium (N Engl J Med 2009;360:753-764),
as CSV or gzipped CSV. Kept are patients with a stable dose, and with age, height and weight, so that the published
equations give each of them a dose too.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from equations import CYP2C9, FIXED, VKORC1, clinical, genetic

OUT = Path("patients.csv")
PATIENTS = 1500

RACES = {"White": "White", "Asian": "Asian", "Black or African American": "Black"}
INDUCERS = ("Carbamazepine (Tegretol)", "Phenytoin (Dilantin)", "Rifampin or Rifampicin")
YES_OR_NO = {
    "amiodarone": "Amiodarone (Cordarone)",
    "aspirin": "Aspirin",
    "simvastatin": "Simvastatin (Zocor)",
    "smoker": "Current Smoker",
    "diabetes": "Diabetes",
    "heart_failure": "Congestive Heart Failure and/or Cardiomyopathy",
    "valve": "Valve Replacement",
}
LINKED = (
    ("VKORC1 1173 consensus", {"C/C": "G/G", "C/T": "A/G", "T/T": "A/A"}, True),
    ("VKORC1 2255 consensus", {"C/C": "G/G", "C/T": "A/G", "T/T": "A/A"}, False),
    ("VKORC1 1542 consensus", {"G/G": "G/G", "C/G": "A/G", "C/C": "A/A"}, False),
)
"""Sites that are inherited together with -1639, in the order in which they are asked, and whether for every ancestry.

Where both are typed they agree in 98.0 % of the patients kept: 1,761 of 1,797.
"""


def read(row: dict[str, str], *, linked: bool = True) -> dict[str, str] | None:
    """A patient in plain columns; None for who has no stable dose, or no age, height or weight.

    `linked`: whether a missing -1639 of VKORC1 is read from a linked site.
    """
    stable, dose = number(row["Subject Reached Stable Dose of Warfarin"]), number(row["Therapeutic Dose of Warfarin"])
    height, weight, age = number(row["Height (cm)"]), number(row["Weight (kg)"]), row["Age"].strip()
    if stable != "1" or "" in (dose, height, weight, age):
        return None
    race = RACES.get(row["Race"], "")
    codes = row["Indication for Warfarin Treatment"].replace(" ", "").split(";")
    inducer = {number(row[name]) for name in INDUCERS}
    found = {
        "id": row["PharmGKB Subject ID"],
        "age": str(10 * int(age[0]) + 5),  # the middle of a decade: "60 - 69" is 65
        "sex": row["Gender"],
        "race": race,
        "height": height,
        "weight": weight,
        "reason": next((name for code, name in REASONS if code in codes), "other" if codes != [""] else ""),
        "inducer": "1" if "1" in inducer else "0" if "0" in inducer else "",
        **{name: number(row[column]) for name, column in YES_OR_NO.items()},
        "cyp2c9": row["CYP2C9 consensus"],
        "vkorc1": row["VKORC1 -1639 consensus"] or (_linked(row, race) if linked else ""),
        "dose": dose,
    }
    return found | others(found)


REASONS = (
    ("4", "valve"),
    ("3", "fibrillation"),
    ("2", "embolism"),
    ("1", "thrombosis"),
    ("6", "stroke"),
    ("7", "surgery"),
)
"""Codes of why warfarin is given; of several, the first in this order."""


def others(row: dict[str, str]) -> dict[str, str]:
    """What other rules would give, mg a week."""
    rules = {"iwpc_genetic": genetic(row), "iwpc_clinical": clinical(row), "fixed": FIXED}
    return {name: "" if dose is None else f"{dose:.4f}" for name, dose in rules.items()}


def number(text: str) -> str:
    """``1.0`` as ``1``; what is no number is not known."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return ""


def _linked(row: dict[str, str], race: str) -> str:
    for column, meaning, anyone in LINKED:
        if (anyone or race in ("White", "Asian")) and row[column] in meaning:
            return meaning[row[column]]
    return ""


def invented(rng: np.random.Generator, number: int) -> dict[str, str]:
    """One invented patient: the root of the dose follows genotypes, age, size and amiodarone, with an error."""
    race = str(rng.choice(["White", "Asian", "Black"], p=[0.6, 0.28, 0.12]))
    height, weight = rng.normal(168, 10), np.clip(rng.normal(78, 18), 40, 180)
    shares = {"White": [0.38, 0.47, 0.15], "Asian": [0.02, 0.2, 0.78], "Black": [0.8, 0.18, 0.02]}[race]
    row = {
        "id": str(number), "age": str(int(np.clip(rng.normal(63, 14), 20, 95))),
        "sex": str(rng.choice(["male", "female"])), "race": race, "height": f"{height:.0f}", "weight": f"{weight:.1f}",
        "reason": str(rng.choice([*(name for _, name in REASONS), "other"])),
        "inducer": str(int(rng.uniform() < 0.02)), "amiodarone": str(int(rng.uniform() < 0.06)),
        **{name: str(int(rng.uniform() < 0.2)) for name in list(YES_OR_NO)[1:]},
        "cyp2c9": str(rng.choice(list(CYP2C9), p=[0.74, 0.13, 0.09, 0.015, 0.015, 0.01])),
        "vkorc1": str(rng.choice(list(VKORC1), p=shares)),
    }  # fmt: skip
    needed = genetic(row)
    assert needed is not None
    row["dose"] = (
        f"{2 * np.clip((np.sqrt(needed) - 0.3 * (row['smoker'] == '0') + rng.normal() * 0.7) ** 2, 3.5, 150):.0f}"
    )
    row["dose"] = f"{float(row['dose']) / 2:g}"  # tablets are halved
    row["vkorc1"] = row["vkorc1"] if rng.uniform() > 0.05 else ""
    return row | others(row)


def write(rows: Iterable[dict[str, str]], path: Path) -> int:
    """The table of these rows; how many there are."""
    table = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return len(table)


def public_rows(path: Path, *, linked: bool = True) -> Iterator[dict[str, str]]:
    """The patients of the public table."""
    with _opened(path) as source:
        for row in csv.DictReader(source):
            if (found := read(row, linked=linked)) is not None:
                yield found


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8")
    return path.open(newline="", encoding="utf-8")


if __name__ == "__main__":
    public = Path(sys.argv[1])
    if public.is_file():
        print(f"{write(public_rows(public), OUT)} patients with a stable dose of warfarin: {public}")
    else:
        rng = np.random.default_rng(30)
        write((invented(rng, number) for number in range(1, PATIENTS + 1)), OUT)
        print(f"Public data not found ({public}): the patients are INVENTED, and no figure means anything")
