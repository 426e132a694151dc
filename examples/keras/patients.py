"""Invented patients, for the example only: ten diseases that shift a hundred laboratory measurements."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

MEASUREMENTS, DISEASES = 100, 10
HERE = Path(__file__).parent


def invented(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Measurements in standard deviations [row, 100] and the disease of each row, 0 to 9."""
    shift = np.random.default_rng(0).normal(0, 0.45, size=(DISEASES, MEASUREMENTS))  # of each disease: never changes
    rng = np.random.default_rng(seed)
    disease = rng.integers(DISEASES, size=rows)
    return (shift[disease] + rng.normal(size=(rows, MEASUREMENTS))).round(3), disease


def write_table(path: Path) -> None:
    """The hospital's own patients, none of whom the model was trained on."""
    x, disease = invented(1000, seed=2)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient", *(f"m{i:02}" for i in range(MEASUREMENTS)), "disease"])
        for number, (row, found) in enumerate(zip(x, disease, strict=True)):
            table.writerow([f"p{number:04}", *row, f"disease {found}"])


if __name__ == "__main__":
    write_table(HERE / "patients.csv")
