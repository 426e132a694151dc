"""One folder a tool, made by ``bedside environment NAME`` from a list of exact versions and found again by its name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bedside.errors import MissingEnvironment, UsageError

TOOLS = {"executorch": "ExecuTorch", "tensorflow": "TensorFlow"}
"""By the name of its environment, and of the list of versions beside this file: how people call it."""


def python_of(name: str) -> Path:
    """The interpreter of an environment that is there, with the versions that this bedside wants.

    Raises
    ------
    MissingEnvironment: it was never made here, or by a bedside that wanted other versions.
    """
    if not _is_made(name):
        raise MissingEnvironment(
            f"{TOOLS[name]} is not installed for bedside; it needs an environment of its own",
            where=str(_folder(name)),
            remedy=f"Make it, once: bedside environment {name}",
        )
    return _python(name)


def make(name: str) -> Path:
    """Make an environment, which takes a network or a mirror of packages; gives its folder.

    One that is there with the right versions stays as it is; one with others, or half made, is made anew.

    Raises
    ------
    UsageError: there is no such tool. MissingEnvironment: it could not be made; pip's own words are in it.
    """
    if name not in TOOLS:
        raise UsageError(f"there is no environment '{name}'", remedy=f"There are: {', '.join(TOOLS)}")
    folder = _folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_made(name):
            shutil.rmtree(folder, ignore_errors=True)
            _made([sys.executable, "-m", "venv", str(folder)], name)
            pip = [str(_python(name)), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
            _made([*pip, "--only-binary", ":all:", "--requirement", str(_versions(name))], name)
            (folder / "installed").write_text(_wanted(name))
    return folder


def listed_versions(name: str) -> dict[str, str]:
    """The exact versions that an environment has, by distribution; it need not be here."""
    pairs = (line.split("==") for line in _versions(name).read_text().splitlines() if "==" in line)
    return {distribution: version.strip() for distribution, version in pairs}


def run(name: str, program: Path, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of ours (the folder of a package) by an environment's interpreter, in a folder of its own.

    It gets no more of our environment than the path of programs: no settings, no home, no graphics card. Names that it
    makes up come in the same order each time.

    Raises
    ------
    MissingEnvironment: as `python_of`.
    """
    return subprocess.run(  # noqa: S603 - our own program
        [str(python_of(name)), "-s", "-P", "-B", "-m", program.name, *words],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "PYTHONPATH": str(program.parent),
            "PYTHONHASHSEED": "0",
            "CUDA_VISIBLE_DEVICES": "-1",
            "OMP_NUM_THREADS": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _folder(name: str) -> Path:
    """``BEDSIDE_ENVIRONMENTS``, or where programs of this user keep their data (XDG Base Directory Specification)."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    chosen = os.environ.get("BEDSIDE_ENVIRONMENTS")
    return (Path(chosen) if chosen else Path(data) / "bedside" / "environments").absolute() / name


def _python(name: str) -> Path:
    return _folder(name) / "bin" / "python"


def _versions(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.txt")


def _wanted(name: str) -> str:
    versions = hashlib.sha256(_versions(name).read_bytes()).hexdigest()
    return f"{versions} Python {sys.version_info[0]}.{sys.version_info[1]}\n"


def _is_made(name: str) -> bool:
    try:
        return (_folder(name) / "installed").read_text() == _wanted(name) and _python(name).exists()
    except OSError:
        return False


def _made(words: list[str], name: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - ours
    if done.returncode:
        told = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise MissingEnvironment(
            f"the environment of {TOOLS[name]} could not be made: {told[-1] if told else 'no reason given'}",
            where=str(_folder(name)),
            remedy="pip needs a network or a mirror (PIP_INDEX_URL), and 2 GB of room",
        )
