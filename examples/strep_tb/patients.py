"""Write ``patients.csv``: the public trial, or invented patients where it is not there.

patients.py TABLE: a CSV file such as ``strep_tb`` of the R package medicaldata, the trial of 1948 (BMJ 1948;2:769-82).
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import numpy as np

OUT = Path("patients.csv")
PATIENTS = 107
TEMPERATURES = ("1_98-98.9F", "2_99-99.9F", "3_100-100.9F", "4_100F+")


def invented(rng: np.random.Generator, number: int) -> dict[str, str]:
    """One invented patient: the drug helps all alike."""
    poor, warm, treated = int(rng.integers(3)), int(rng.integers(4)), number % 2
    improves = 1 / (1 + np.exp(-(0.4 + 1.4 * treated - 0.5 * poor - 0.3 * warm)))
    return {
        "patient_id": f"{number:04d}",
        "arm": ("Control", "Streptomycin")[treated],
        "gender": "FM"[rng.integers(2)],
        "baseline_condition": ("1_Good", "2_Fair", "3_Poor")[poor],
        "baseline_temp": TEMPERATURES[warm],
        "baseline_cavitation": ("no", "yes")[rng.integers(2)],
        "improved": ("FALSE", "TRUE")[int(rng.uniform() < improves)],
    }


if __name__ == "__main__":
    public = Path(sys.argv[1])
    if public.is_file():
        shutil.copyfile(public, OUT)
        print(f"107 patients of the trial of 1948: {public}")
    else:
        rng = np.random.default_rng(1948)
        table = [invented(rng, number) for number in range(1, PATIENTS + 1)]
        with OUT.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        print(f"Public data not found ({public}): the patients are INVENTED, and no figure means anything")
