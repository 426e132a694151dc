"""Studies of the Rotterdam breast cancer patients (Royston and Altman 2013), on the public table where it is there."""

from __future__ import annotations

import csv
from pathlib import Path

STUDY = """\
[study]
name = "rotterdam-{name}"
version = "1.0.0"
task = "prognosis"
intended_use = "Supports an oncologist and a patient who talk about the years after surgery for breast cancer."
population = "Women after surgery for primary breast cancer"

[data]
table = "{table}"
patient = "pid"
missing = ["", "NA"]

[predictors.age]
label = "Age at surgery"
unit = "a"
range = [18, 100]

[predictors.meno]
label = "Menopause"
categories = ["0", "1"]
labels = ["before", "after"]

[predictors.size]
label = "Tumour size, mm"
categories = ["<=20", "20-50", ">50"]

[predictors.grade]
label = "Grade"
categories = ["2", "3"]

[predictors.nodes]
label = "Positive lymph nodes"
range = [0, 60]

[predictors.pgr]
label = "Progesterone receptors"
unit = "fmol/L"
range = [0, 6000]

[predictors.er]
label = "Oestrogen receptors"
unit = "fmol/L"
range = [0, 6000]

[predictors.hormon]
label = "Hormonal treatment"
categories = ["0", "1"]
labels = ["no", "yes"]

[predictors.chemo]
label = "Chemotherapy"
categories = ["0", "1"]
labels = ["no", "yes"]

[outcome]
{outcome}
[validation]
holdout = 0.25
threshold = 0.3
decision = 1825
subgroups = ["grade", "age >= 65"]
seed = 11

[accept]
c_ipcw = {{ min = 0.60 }}
calibration_slope_at_1825 = {{ min = 0.70, max = 1.40 }}
net_benefit = {{ better_than = ["treat-all", "treat-none"] }}
"""

DEATH = """\
time = "dtime"
event = "death"
event_value = 1
unit = "d"
horizons = [365, 1825, 3650]
"""

RECURRENCE = """\
time = "days"
event = "first"
event_value = "recurrence"
competing = { death = "death without recurrence" }
censored = ["none"]
unit = "d"
horizons = [365, 1825]
end = "rtime"
"""


def death(data: Path, folder: Path) -> Path:
    """Write the study of death from any cause, decided at five years; its path."""
    return _written(folder, name="death", table=(data / "prognosis" / "rotterdam.csv").resolve(), outcome=DEATH)


def recurrence(data: Path, folder: Path) -> Path:
    """Write the study of recurrence, with death before it as competing event; its path."""
    table = folder / "first.csv"
    first_event(data / "prognosis" / "rotterdam.csv", table)
    return _written(folder, name="recurrence", table=table, outcome=RECURRENCE)


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


def _written(folder: Path, *, name: str, table: Path, outcome: str) -> Path:
    path = folder / "study.toml"
    path.write_text(STUDY.format(name=name, table=table.as_posix(), outcome=outcome), encoding="utf-8")
    return path
