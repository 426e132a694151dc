"""Write ``visits.csv``: the public table of visits where it is there, else visits of invented patients.

patients.py TABLE: a CSV file such as ``pbc2.csv`` of the R package JM (Mayo Clinic, 1974-1984).
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import numpy as np

OUT = Path("visits.csv")
PATIENTS = 312


def invented(rng: np.random.Generator, number: int) -> list[dict[str, object]]:
    """One invented patient, seen at registration, after half a year, and then each year until the end."""
    liver, worsening = rng.normal(0, 1), abs(rng.normal(0, 0.15))
    age, female = rng.normal(50, 10), rng.uniform() < 0.88
    pace = 0.02 * np.exp(1.8 * liver + 0.02 * (age - 50))
    # The hazard grows with the disease: pace * exp(worsening * t), solved for the time of death.
    dies = np.log1p(rng.exponential() * worsening / pace) / max(worsening, 1e-6)
    grafted, leaves = rng.exponential(60 * np.exp(-0.4 * liver)), rng.uniform(5, 14)
    end = min(dies, grafted, leaves)
    status = "dead" if end == dies else "transplanted" if end == grafted else "alive"
    course = {"id": number, "years": round(end, 4), "status": status}
    rows = []
    for planned in (0, 0.5, *range(1, 15)):
        year = round(planned + (rng.uniform(-0.08, 0.08) if planned else 0), 4)
        if year < end:
            measured = _measured(rng, liver + worsening * year)
            who = {"year": year, "age": round(float(np.clip(age, 20, 85)), 1), "sex": "female" if female else "male"}
            rows.append(course | who | measured)
    return rows


def _measured(rng: np.random.Generator, liver: float) -> dict[str, object]:
    """What one visit finds, the more severe the larger `liver`; some values are not measured."""

    def sign(often: float) -> str:
        return "Yes" if rng.normal() + liver > often else "No"

    def about(mean: float, spread: float, low: float) -> float:
        return round(max(rng.normal(mean, spread), low), 2)

    swollen = rng.normal(0, 0.7) + liver
    found: dict[str, object] = {
        "ascites": sign(2.3),
        "hepatomegaly": sign(0.0),
        "spiders": sign(0.9),
        "edema": "edema despite diuretics" if swollen > 2.2 else "edema no diuretics" if swollen > 1.3 else "No edema",
        "serBilir": round(float(np.clip(np.exp(rng.normal(0.6 + 0.9 * liver, 0.3)), 0.2, 45)), 1),
        "albumin": about(3.5 - 0.25 * liver, 0.3, 1.2),
        "alkaline": round(float(np.clip(np.exp(rng.normal(7.2 + 0.1 * liver, 0.5)), 100, 15000))),
        "SGOT": round(float(np.clip(np.exp(rng.normal(4.7 + 0.15 * liver, 0.4)), 10, 1200)), 1),
        "platelets": round(max(rng.normal(250 - 30 * liver, 80), 20)),
        "prothrombin": about(10.7 + 0.4 * liver, 0.7, 8),
        "histologic": int(np.clip(round(3 + 0.6 * liver + rng.normal(0, 0.5)), 1, 4)),
    }
    return {name: "NA" if rng.uniform() < 0.03 else value for name, value in found.items()}


def write_invented(path: Path) -> None:
    """All invented patients, the same each time."""
    rng = np.random.default_rng(20)
    rows = [row for number in range(1, PATIENTS + 1) for row in invented(rng, number)]
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    public = Path(sys.argv[1])
    if public.is_file():
        shutil.copyfile(public, OUT)
        print(f"Visits of 312 patients: {public}")
    else:
        write_invented(OUT)
        print(f"Public data not found ({public}): the patients are INVENTED, and no figure means anything")
