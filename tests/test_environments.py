"""Environments of their own: missing, half made, of other versions; made by pip, here from an empty list."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elsewhere import STUDY, write_patients

import bedside
from bedside.environments import environments, python_of, run
from bedside.errors import MissingEnvironment, UsageError

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments are kept, with a list of versions that this test may change."""
    monkeypatch.setenv("BEDSIDE_ENVIRONMENTS", str(tmp_path / "kept"))
    monkeypatch.setattr(environments, "_versions", lambda name: tmp_path / "wanted.txt")
    (tmp_path / "wanted.txt").write_text("# nothing\n")
    return tmp_path / "kept"


def test_a_missing_one_is_said_with_the_command_that_makes_it(tmp_path: Path, bedside: Run) -> None:
    write_patients(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"")
    told = bedside("adopt", "model", "study.toml", cwd=tmp_path, BEDSIDE_ENVIRONMENTS="kept")
    assert told.returncode == 2 and "Traceback" not in told.stderr
    assert told.stderr.rstrip().endswith("Make it, once: bedside environment tensorflow")


def test_an_unknown_tool_is_told_what_there_is(place: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no environment 'pytorch'\. There are: executorch, tensorflow"):
        bedside.environment("pytorch")
    assert not place.exists()


def test_it_is_made_once_and_anew_for_other_versions(place: Path, tmp_path: Path) -> None:
    folder = Path(bedside.environment("tensorflow").folder)
    assert folder == place / "tensorflow"
    (folder / "kept").touch()
    bedside.environment("tensorflow")
    assert (folder / "kept").exists()
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "__main__.py").write_text(
        "import os, sys; print(os.getcwd(), sys.prefix, sorted(os.environ), sys.argv[1:])"
    )
    done = run("tensorflow", tmp_path / "program", ["a word"], tmp_path)
    assert f"{tmp_path} {folder} " in done.stdout and "['a word']" in done.stdout and "BEDSIDE" not in done.stdout
    (tmp_path / "wanted.txt").write_text("./not-there-1.0-py3-none-any.whl\n")
    with pytest.raises(MissingEnvironment, match="bedside environment tensorflow"):
        python_of("tensorflow")
    with pytest.raises(MissingEnvironment, match=r"could not be made: .*not-there.*PIP_INDEX_URL"):
        bedside.environment("tensorflow")
    assert not (folder / "kept").exists()
    with pytest.raises(MissingEnvironment):
        python_of("tensorflow")
