"""Types that several threads read for the first time at once; in a process of its own, because it died of that."""

from __future__ import annotations

import subprocess
import sys

CODE = '''
import sys, threading, types
import msgspec
from bedside.serving.types_ready import make_types_ready

SOURCE = """
from __future__ import annotations
import msgspec
class A(msgspec.Struct):
    x: int
    y: str | None = None
    z: dict[str, float] = {}
class B(msgspec.Struct):
    a: A
    l: tuple[A, ...] = ()
    s: dict[str, A] = {}
class C(msgspec.Struct):
    b: B
    q: A | None = None
"""
sys.setswitchinterval(1e-6)

def read():
    gate.wait()
    msgspec.json.decode(b'{"b":{"a":{"x":1},"l":[{"x":2}]},"q":{"x":3}}', type=made.C)
    msgspec.convert({"b": {"a": {"x": 1}, "l": [{"x": 2}]}, "q": {"x": 3}}, made.C)

for _ in range(300):
    made = sys.modules["bedside.made"] = types.ModuleType("bedside.made")
    exec(SOURCE, made.__dict__)
    make_types_ready()
    gate = threading.Barrier(8)
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
'''

EVERY_COMMAND = """
import importlib, pkgutil
import bedside.cli
from bedside.serving.types_ready import make_types_ready
for found in pkgutil.iter_modules(bedside.cli.__path__, "bedside.cli."):
    importlib.import_module(found.name)
make_types_ready()
"""
"""A type whose annotations name what is imported for type checkers alone cannot be made ready: NameError."""


def test_the_types_of_every_command_can_be_made_ready() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_COMMAND], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_that_read_a_type_at_once_do_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_makes_its_types_ready(hospital, monkeypatch) -> None:
    import bedside.serving.app as app

    called = []
    monkeypatch.setattr(app, "make_types_ready", lambda: called.append(1))
    app.create_app([next(iter(hospital.app.state.service.served.all))], hospital.ledger, solo=True)
    assert called == [1]
