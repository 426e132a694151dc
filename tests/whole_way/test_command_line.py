"""Exit statuses, one JSON object, and errors without tracebacks, for every command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bedside.cli.commands import COMMANDS

NAMES = [" ".join(command.words) for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_help_names_every_option(command, capsys: pytest.CaptureFixture[str]) -> None:
    from bedside.cli.parser import build

    with pytest.raises(SystemExit):
        build().parse_args([*command.words, "--help"])
    shown = capsys.readouterr().out
    for argument in command.arguments:
        assert argument.flag in shown


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_the_verb_takes_exactly_the_declared_parameters(command) -> None:
    import inspect

    import bedside

    verb = getattr(bedside, command.verb)
    declared = {argument.parameter for argument in command.arguments} | ({"progress"} if command.progress else set())
    secret = {"password"}  # never on a command line, where others could read it
    assert declared == set(inspect.signature(verb).parameters) - secret
    assert inspect.getdoc(verb)


def test_help_imports_nothing_slow(bedside) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from bedside.cli import run\ntry:\n run(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"numpy", "torch", "sklearn", "scipy", "matplotlib", "onnxruntime", "sqlalchemy", "duckdb", "msgspec"}
    assert not slow & set(done.stdout.split("status")[-1].split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trane"], "invalid choice: 'trane'"),
        (["check", "nowhere.toml"], "nowhere.toml"),
        (["train", "nowhere.toml"], "nowhere.toml"),
        (["init", "nowhere.csv"], "nowhere.csv"),
        (["validate"], "candidate"),
        (["validate", "nowhere"], "nowhere"),
        (["verify", "nowhere", "--key", "nowhere.pub"], "nowhere"),
        (["predict", "nowhere", "nowhere.csv"], "nowhere"),
        (["explain", "nowhere", "nowhere.csv"], "nowhere"),
        (["serve", "nowhere", "--key", "nowhere.pub"], "nowhere"),
        (["sign", "nowhere", "--key", "nowhere.key", "--out", "release"], "nowhere"),
        (["ledger", "verify", "--ledger", "nowhere.db"], "nowhere.db"),
        (["user", "add", "ann", "--role", "wizard", "--ledger", "new.db"], "wizard"),
        (["train", "study.toml", "--tune", "many"], "--tune"),
    ],
)
def test_bad_usage_is_one_message_and_exit_2(words: list[str], says: str, tmp_path: Path, bedside) -> None:
    done = bedside(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.startswith("bedside: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_refused_signature_is_exit_1(demonstrated: Path, tmp_path: Path, bedside) -> None:
    release = tmp_path / "release"
    shutil.copytree(demonstrated / "demo" / "release", release)
    (release / "card.md").write_text("This model is always right.\n")
    key = demonstrated / "demo" / "keys" / "signing.pub"
    for words in (["verify", release], ["serve", release, "--ledger", tmp_path / "ledger.db"]):
        done = bedside(*words, "--key", key)
        assert done.returncode == 1, done.stderr
        assert "card.md" in done.stderr


def test_json_is_one_object_and_nothing_else(demonstrated: Path, tmp_path: Path, bedside) -> None:
    demo = demonstrated / "demo"
    table = demo / "patients.csv"
    for words in (
        ["check", demo / "study.toml"],
        ["verify", demo / "release", "--key", demo / "keys" / "signing.pub"],
        ["predict", demo / "release", table],
        ["predict", demo / "release", table, "--out", tmp_path / "out.csv"],
        ["keygen", "--out", tmp_path / "keys"],
        ["user", "add", "ann", "--role", "clinician", "--ledger", tmp_path / "ledger.db"],
        ["ledger", "verify", "--ledger", tmp_path / "ledger.db"],
        ["init", table, "--dir", tmp_path],
    ):
        done = bedside(*words, "--json")
        assert done.returncode == 0, done.stderr
        assert isinstance(json.loads(done.stdout), dict)


def test_an_admin_erases_a_patient_with_the_password(tmp_path: Path, bedside) -> None:
    from bedside.ledger import Identity, Ledger

    place = tmp_path / "ward.db"
    with Ledger.open(place) as ledger:
        ledger.patient(Identity("H-1042", "Ann"))
        _, once = ledger.add_user("root", "admin", actor="test")
        words = ("ledger", "erase", "H-1042", "--user", "root", "--reason", "law", "--ledger", place)
        done = bedside(*words, input=f"{once}\n")
        assert (done.returncode, "one-time password must be changed" in done.stderr) == (2, True)
        ledger.change_password("root", once, "correct horse battery")
    done = bedside(*words, input="wrong\n")
    assert (done.returncode, "not right" in done.stderr) == (2, True)
    done = bedside(*words, "--json", input="correct horse battery\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["wiped"] is True
    done = bedside(*words, input="correct horse battery\n")
    assert (done.returncode, "no patient with this id" in done.stderr) == (2, True)
    done = bedside("ledger", "verify", "--ledger", place)
    assert "Patients erased: 1" in done.stdout


def test_checkpoints_find_an_older_copy(tmp_path: Path, bedside) -> None:
    place, kept = tmp_path / "ward.db", tmp_path / "kept"
    kept.mkdir()
    bedside("keygen", "--out", tmp_path)
    for name in ("ann", "bob"):
        bedside("user", "add", name, "--role", "clinician", "--ledger", place)
        shutil.copy(place, tmp_path / f"{name}.db")
        done = bedside("ledger", "checkpoint", "--key", tmp_path / "signing.key", "--out", kept, "--ledger", place)
        assert done.returncode == 0, done.stderr
    check = ("ledger", "verify", "--ledger", place, "--checkpoints", kept, "--key", tmp_path / "signing.pub")
    done = bedside(*check)
    assert (done.returncode, "Checkpoints that hold: 2" in done.stdout) == (0, True)
    shutil.copy(tmp_path / "bob.db", place)
    assert bedside(*check).returncode == 0
    shutil.copy(tmp_path / "ann.db", place)
    done = bedside(*check)
    assert (done.returncode, "entry 3, signed at" in done.stdout) == (1, True), done.stdout
    assert bedside(*check[:6]).returncode == 2


def test_a_ledger_is_exported_backed_up_and_restored(tmp_path: Path, bedside) -> None:
    place, again = tmp_path / "ward.db", tmp_path / "again.db"
    bedside("user", "add", "ann", "--role", "clinician", "--ledger", place)
    done = bedside("ledger", "export", "--out", tmp_path / "events.ndjson", "--ledger", place, "--json")
    assert json.loads(done.stdout) == {"out": str(tmp_path / "events.ndjson"), "events": 2, "first": 1, "last": 2}
    done = bedside("ledger", "backup", "--out", tmp_path / "backup.zip", "--ledger", place)
    assert (done.returncode, "Backed up 3 entries" in done.stdout) == (0, True), done.stderr
    restore = ("ledger", "restore", tmp_path / "backup.zip", "--ledger", again)
    done = bedside(*restore)
    assert (done.returncode, "master key is missing" in done.stderr) == (2, True)
    for ending in (".key", ".key.erased"):
        shutil.copy(f"{place}{ending}", f"{again}{ending}")
    done = bedside(*restore)
    assert (done.returncode, "it holds" in done.stdout) == (0, True), done.stderr
    assert "4 entries" in bedside("ledger", "verify", "--ledger", again).stdout
    assert bedside(*restore).returncode == 2
    (tmp_path / "backup.zip").write_bytes((tmp_path / "backup.zip").read_bytes()[:-900])
    again.unlink()
    done = bedside(*restore)
    assert (done.returncode, done.stderr.startswith("bedside: "), again.exists()) == (2, True, False)
