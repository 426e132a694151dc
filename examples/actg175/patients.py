"""Write ``patients.csv``: the public trial, or invented patients where it is not there.

patients.py TABLE: a CSV file such as ``ACTG175`` of the R package speff2trial (Hammer, N Engl J Med 1996;335:1081-90).
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import numpy as np

OUT = Path("patients.csv")
PATIENTS = 2000


def invented(rng: np.random.Generator, number: int) -> dict[str, str]:
    """One invented patient: who was treated before is helped by the second drug alone, others by both."""
    age, weight, arm = int(np.clip(rng.normal(35, 9), 14, 70)), float(np.clip(rng.normal(75, 13), 40, 140)), number % 4
    before = int(rng.integers(2) * rng.exponential(600))
    cd4, cd8 = int(np.clip(rng.normal(350, 110), 60, 900)), int(np.clip(rng.normal(980, 450), 150, 4000))
    symptom, karnof = int(rng.uniform() < 0.2), int(rng.choice([80, 90, 100], p=[0.05, 0.35, 0.6]))
    helped = ((0.0, 150.0, 40.0, 20.0), (0.0, 10.0, -20.0, 170.0))[before > 100][arm]
    later = int(np.clip(0.75 * cd4 + 70 + helped - 20 * symptom + rng.normal(0, 90), 0, 1500))
    fails = rng.exponential(2500 * np.exp(0.006 * (helped + 0.5 * (cd4 - 350))))
    leaves = rng.uniform(900, 1230)
    columns = {
        "pidnum": number, "age": age, "wtkg": f"{weight:.1f}", "hemo": int(rng.uniform() < 0.08),
        "homo": int(rng.uniform() < 0.66), "drugs": int(rng.uniform() < 0.13), "karnof": karnof, "preanti": before,
        "race": int(rng.uniform() < 0.29), "gender": int(rng.uniform() < 0.83), "symptom": symptom, "cd40": cd4,
        "cd80": cd8, "cd420": later, "days": max(1, int(min(fails, leaves))), "cens": int(fails < leaves), "arms": arm,
    }  # fmt: skip
    return {name: str(value) for name, value in columns.items()}


if __name__ == "__main__":
    public = Path(sys.argv[1])
    if public.is_file():
        shutil.copyfile(public, OUT)
        print(f"2139 patients of ACTG 175: {public}")
    else:
        rng = np.random.default_rng(175)
        table = [invented(rng, number) for number in range(1, PATIENTS + 1)]
        with OUT.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        print(f"Public data not found ({public}): the patients are INVENTED, and no figure means anything")
