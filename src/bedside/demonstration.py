"""``bedside demo``: the whole way on real data, as a user would go it.

The data are 569 fine-needle aspirates of breast masses with 30 measurements of the cell nuclei (Street, Wolberg and
Mangasarian 1993), which scikit-learn carries. The sizes are taken as micrometres; the source names no unit.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bedside.cli.progress import Progress
from bedside.cli.words import Shown
from bedside.errors import Conflict, GateFailed, MissingExtra

if TYPE_CHECKING:
    from bedside.cli.study import HeldOut
    from bedside.ledger import Ledger, User
    from bedside.release import Model

MARK = "bedside-demo.txt"  # a folder that holds it was made by the demo and may be made anew by it
WAITING = 20
CLINICIAN = "clinician"
HEAD = """\
[study]
name = "breast-fna"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a cytologist deciding whether a fine-needle aspirate of a breast mass needs excision."
population = "Adults with a palpable breast mass who had a fine-needle aspirate"

[data]
table = "patients.csv"
patient = "patient_id"

[outcome]
column = "diagnosis"
positive = "malignant"

[validation]
holdout = 0.25
threshold = 0.2
alpha = 0.1
subgroups = ["mean_texture >= 19"]
seed = 1

[accept]
auroc = { min = 0.90, bound = "low" }
brier = { max = 0.06 }
sensitivity = { min = 0.90 }
net_benefit = { better_than = ["treat-all", "treat-none"] }
"""


def program() -> str:
    """How this bedside is started from a shell: by its name only where the shell finds it."""
    return "bedside" if shutil.which("bedside") else f"{sys.executable} -m bedside"


def demo(
    *,
    dir: str | Path = "bedside-demo",  # noqa: A002 - the option's name
    port: int = 8765,
    serve: bool = True,
    progress: Progress | None = None,
) -> Shown:
    """Write a study, go the whole way to a signed release, put 20 held-out patients on the worklist and serve it.

    The folder may be one that an earlier demo made, which is made anew; any other that is not empty is a `Conflict`.
    """
    started = time.monotonic()
    from bedside.cli import evidence, signing, study

    folder = _empty(Path(dir))
    asked = write_study(folder)
    trained = study.train(asked, out=folder / "candidate", progress=progress)
    validated = evidence.validate(folder / "candidate", progress=progress)
    if validated.evidence.verdict != "accepted":
        failed = [gate.name for gate in validated.evidence.gates if not gate.passed]
        raise GateFailed(f"the demo's model did not pass: {', '.join(failed)}", failed=failed, where=validated.report)
    signing.keygen(out=folder / "keys")
    signing.sign(trained.candidate, key=folder / "keys" / "signing.key", out=folder / "release")
    ledger = folder / "ledger.db"
    password = _fill_worklist(folder, ledger, progress)
    release, key = folder / "release", folder / "keys" / "signing.pub"
    shown = Shown(
        study=str(asked),
        release=str(release),
        report=str(release / "report.html"),
        ledger=str(ledger),
        user=CLINICIAN,
        password=password,
        seconds=round(time.monotonic() - started, 1),
        served=serve,
        serve_command=f"{program()} serve {release} --key {key} --ledger {ledger} --port {port} --solo",
    )
    _say(shown, port)
    if serve:
        from bedside.cli.server import serve as serve_releases

        serve_releases([release], key=key, ledger=str(ledger), port=port, solo=True)
    return shown


def _empty(folder: Path) -> Path:
    import shutil

    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise Conflict("the folder is not empty", where=str(folder), remedy="Name another one with --dir")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("Made by `bedside demo`, which makes this folder anew each time.\n")
    return folder


def write_study(folder: Path) -> Path:
    """Write the table and the study file such as a user would write them, and return the study file's path."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error

    data = load_breast_cancer()
    names = [_name(feature) for feature in data.feature_names]
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["patient_id", *names, "diagnosis"])
        for number, (row, target) in enumerate(zip(data.data, data.target, strict=True), start=1):
            writer.writerow([f"FNA-{number:04d}", *(repr(float(value)) for value in row), data.target_names[target]])
    sections = [
        _predictor(name, feature, data.data[:, at])
        for at, (name, feature) in enumerate(zip(names, data.feature_names, strict=True))
    ]
    study = folder / "study.toml"
    study.write_text(HEAD + "\n" + "\n".join(sections))
    return study


def _name(feature: str) -> str:
    """``mean radius`` → ``mean_radius``; ``radius error`` → ``radius_error``."""
    return str(feature).replace(" ", "_")


def _predictor(name: str, feature: str, column: Any) -> str:
    unit = "um" if "radius" in name or "perimeter" in name else "um2" if "area" in name else ""
    low, high = 0.0, float(f"{2 * column.max():.1g}")
    lines = [f"[predictors.{name}]", f'label = "{_label(feature)}"', f"range = [{low:g}, {high:g}]"]
    return "\n".join([*lines, *([f'unit = "{unit}"'] if unit else []), ""])


def _label(feature: str) -> str:
    words = str(feature).split()
    if words[-1] == "error":
        return f"Nucleus {' '.join(words[:-1])}, standard error"
    kinds = {"mean": "mean", "worst": "mean of the three largest"}
    return f"Nucleus {' '.join(words[1:])}, {kinds[words[0]]}"


def _fill_worklist(folder: Path, ledger: Path, progress: Progress | None) -> str:
    """Ask the signed release about held-out patients as a user would; returns the clinician's one-time password."""
    from bedside.cli.study import HeldOut
    from bedside.ledger import Ledger
    from bedside.release import open_release

    model = open_release(folder / "release", folder / "keys" / "signing.pub").load()
    held_out = msgspec.json.decode((folder / "candidate.local" / "split.json").read_bytes(), type=HeldOut)
    with Ledger.open(str(ledger)) as book:
        user, password = book.add_user(CLINICIAN, "clinician", full_name="Dr. Demo", actor="bedside demo")
        for done, row in enumerate(_patients(folder, held_out), start=1):
            _ask(model, book, user, row)
            if progress:
                progress("Answering held-out patients", done, WAITING)
    return str(password)


def _patients(folder: Path, held_out: HeldOut) -> list[dict[str, str]]:
    with (folder / "patients.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [rows[row - 1] for row in held_out.rows[:WAITING]]


def _ask(model: Model, book: Ledger, user: User, row: dict[str, str]) -> None:
    from bedside.answering import answer_patient
    from bedside.ledger import Identity

    values = {name: float(text) for name, text in row.items() if name not in ("patient_id", "diagnosis")}
    reference = book.patient(Identity(row["patient_id"], f"Demo patient {row['patient_id'][-4:]}", None))
    answer = answer_patient(
        model,
        values,
        now=dt.datetime.now(dt.UTC),
        asked=True,
        patient=reference,
        warnings=("Not approved for care: this server runs in solo mode.",),
    )
    book.record_answer(msgspec.to_builtins(answer), actor=user.name, patient=reference)


def _say(shown: Shown, port: int) -> None:
    lines = [
        f"Done in {shown.seconds:.0f} s",
        f"  study    {shown.study}",
        f"  release  {shown.release}",
        f"  report   {shown.report}",
    ]
    if shown.served:
        lines.append(f"  pages    http://127.0.0.1:{port}/  ({WAITING} patients wait for review)")
    lines.append(f"  log in   user {shown.user}, one-time password {shown.password}")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
