"""What one inference and one full answer cost over HTTP, beside other servers of the same graph in the same run.

    python benchmarks/serve.py RELEASE PUBLIC_KEY TABLE [--peers FOLDER] [--json FILE] [--requests N]

RELEASE is served by ``bedside serve --oip`` in solo mode; ``model.onnx`` in it by the peers: Starlette with msgspec and
onnxruntime (the least that answers; no key, no check of a value, no log), FastAPI, LitServe and BentoML, each in an
environment of its own below FOLDER, made at the first run. ``infer`` is asked for the probability, as the peers are,
and whether the release abstains; beside it for all five outputs, and for these as binary data. One worker each, on
loopback, one patient a request, a bounded number of requests, first on one connection and then on sixteen, in five
rounds in which each server has its turn; figures are medians of the rounds. CPU is user and system time of the server's
whole process tree per request; p50 and p99 are as the client saw them. Cold start is from the command to the first
reply; resident memory is that of the process tree after all requests.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
from load import Load, request, send

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CONNECTIONS = (1, 16)
ROUNDS = 5


@dataclass(frozen=True)
class Server:
    """How to start one, and what to send it."""

    name: str
    command: list[str]
    port: int
    sent: bytes
    check: Callable[[bytes], None]
    requests: int
    environment: dict[str, str]


@dataclass(frozen=True)
class Found:
    """Microseconds per request: CPU, and what half and 99 of 100 took at most."""

    cpu_us: float
    p50_us: float
    p99_us: float
    per_second: float


def tree(pid: int) -> list[int]:
    """A process and all its descendants that live."""
    found = [pid]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for process in tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(int(field) for field in fields[11:15])  # user, system, and both of children that ended
    return ticks / TICKS


def resident_mb(pid: int) -> float:
    return sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in tree(pid)) * PAGE / 1e6


@contextmanager
def started(server: Server, folder: Path) -> Iterator[tuple[int, float]]:
    """The server's process and how long it took until its first right reply."""
    began = time.perf_counter()
    with (folder / f"{server.name}.log").open("w") as log:
        process = subprocess.Popen(
            server.command,
            cwd=folder,
            stdout=log,
            stderr=log,
            env=os.environ | server.environment,
            start_new_session=True,
        )
    try:
        while True:
            try:
                send(server.port, server.sent, requests=1, connections=1, check=server.check)
                break
            except (OSError, EOFError, RuntimeError) as error:  # not there yet, or not ready
                if process.poll() is not None or time.perf_counter() - began > 90:
                    raise RuntimeError(f"{server.name} does not start: {(folder / log.name).read_text()}") from error
                time.sleep(0.01)
        yield process.pid, time.perf_counter() - began
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):  # some leave their workers behind
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measured(pid: int, server: Server, connections: int) -> Found:
    before = cpu_seconds(pid)
    load: Load = send(
        server.port, server.sent, requests=server.requests // ROUNDS, connections=connections, check=server.check
    )
    used = cpu_seconds(pid) - before
    seconds = np.sort(load.seconds)
    return Found(
        cpu_us=used / len(seconds) * 1e6,
        p50_us=float(np.quantile(seconds, 0.5)) * 1e6,
        p99_us=float(np.quantile(seconds, 0.99)) * 1e6,
        per_second=len(seconds) / load.wall,
    )


def median(rounds: list[Found]) -> dict[str, float]:
    return {name: round(statistics.median(asdict(one)[name] for one in rounds), 1) for name in asdict(rounds[0])}


def run(servers: list[Server], folder: Path) -> dict[str, dict[str, object]]:
    """All servers run at once and are asked in turn, round after round: what disturbs one disturbs all."""
    results: dict[str, dict[str, object]] = {}
    with ExitStack() as stack:
        pids = {}
        for server in servers:
            pids[server.name], cold = stack.enter_context(started(server, folder))
            results[server.name] = {"connections": {}, "cold_start_s": round(cold, 2)}
            warm = max(16, server.requests // 20)
            send(server.port, server.sent, requests=warm, connections=1, check=server.check)
        for connections in CONNECTIONS:
            found: dict[str, list[Found]] = {server.name: [] for server in servers}
            for _ in range(ROUNDS):
                for server in servers:
                    found[server.name].append(measured(pids[server.name], server, connections))
            for server in servers:
                results[server.name]["connections"][str(connections)] = median(found[server.name])  # type: ignore[index]
        for server in servers:
            results[server.name]["resident_mb"] = round(resident_mb(pids[server.name]), 1)
            print(f"{server.name:<28}", results[server.name])
    return results


def environment(peers: Path, name: str) -> Path:
    """The peer's interpreter; its environment is made where there is none."""
    python = peers / name / "bin" / "python"
    if not (peers / name / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(peers / name)], check=True)
        requirements = HERE / "peers" / f"requirements-{name}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        (peers / name / "complete").touch()
    return python


def near(expected: float) -> Callable[[bytes], None]:
    """The peers' replies hold the probability that bedside gives."""

    def check(body: bytes) -> None:
        found = json.loads(body)["probability"][0][1]
        assert abs(found - expected) < 1e-5, f"{found} is not {expected}"

    return check


def peers_of(folder: Path, graph: Path, values: list[float], expected: float, requests: int) -> list[Server]:
    sent = request("/infer", json.dumps({"values": [values]}).encode(), Content_Type="application/json")
    check = near(expected)
    bare = [sys.executable, str(HERE / "peers" / "bare.py"), str(graph), "9310"]
    found = [Server("bare", bare, 9310, sent, check, requests, {})]
    for port, (name, share) in enumerate((("fastapi", 1), ("litserve", 4), ("bentoml", 8)), start=9311):
        python = environment(folder, name)
        command = [str(python), str(HERE / "peers" / f"{name}_app.py"), str(graph), str(port)]
        more = {}
        if name == "bentoml":
            service = ["serve", "bentoml_app:Peer", "--port", str(port), "--host", "127.0.0.1"]
            command = [str(python.with_name("bentoml")), *service, "--working-dir", str(HERE / "peers")]
            more = {"GRAPH": str(graph), "BENTOML_DO_NOT_TRACK": "True"}
        found.append(Server(name, command, port, sent, check, requests // share, more))
    return found


def ours(release: Path, key: Path, folder: Path, values: list[float], expected: float, requests: int) -> list[Server]:
    ledger = folder / "ledger.db"
    add = [sys.executable, "-m", "bedside", "user", "add", "benchmark", "--role", "service", "--ledger", str(ledger)]
    secret = json.loads(subprocess.run([*add, "--json"], check=True, capture_output=True).stdout)["key"]
    manifest = json.loads((release / "manifest.json").read_text())
    names = [variable["name"] for variable in manifest["schema"]["variables"]]
    tensor = {"name": "values", "shape": [1, len(values)], "datatype": "FP64"}
    packed = np.array(values).tobytes()
    head = json.dumps(
        {
            "inputs": [tensor | {"parameters": {"binary_data_size": len(packed)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    infer, answers = f"/v2/models/{manifest['name']}/infer", f"/api/v1/releases/{manifest['name']}/answers"
    headers = {"Authorization": f"Bearer {secret}", "Content_Type": "application/json"}
    asked = {"inputs": [tensor | {"data": values}], "outputs": [{"name": "probability"}, {"name": "abstained"}]}
    in_json = request(infer, json.dumps(asked).encode(), **headers)
    everything = request(infer, json.dumps({"inputs": asked["inputs"]}).encode(), **headers)
    in_binary = request(infer, head + packed, **headers, Inference_Header_Content_Length=str(len(head)))
    whole = request(answers, json.dumps({"values": dict(zip(names, values, strict=True))}).encode(), **headers)
    options = ["--key", str(key), "--ledger", str(ledger), "--solo", "--oip", "--rate-limit", "1000000"]
    found = []
    for port, (name, sent, check, count) in enumerate(
        (
            ("bedside infer", in_json, inferred(expected), requests),
            ("bedside infer, all outputs", everything, inferred(expected), requests),
            ("bedside infer, binary", in_binary, lambda _: None, requests),
            ("bedside answer", whole, explained, max(16 * ROUNDS, requests // 50)),
        ),
        start=9320,
    ):
        command = [sys.executable, "-m", "bedside", "serve", str(release), *options, "--port", str(port)]
        found.append(Server(name, command, port, sent, check, count, {}))
    return found


def inferred(expected: float) -> Callable[[bytes], None]:
    """The same for outputs of the Open Inference Protocol."""

    def check(body: bytes) -> None:
        outputs = {output["name"]: output for output in json.loads(body)["outputs"]}
        found = outputs["probability"]["data"][1]
        assert abs(found - expected) < 1e-5, f"{found} is not {expected}"

    return check


def explained(body: bytes) -> None:
    assert json.loads(body)["explanation"]["method"] == "shap"


def patient(release: Path, table: Path) -> list[float]:
    """The first complete one of the table whose variables are all numbers."""
    names = [v["name"] for v in json.loads((release / "manifest.json").read_text())["schema"]["variables"]]
    with table.open(newline="") as rows:
        return next([float(row[name]) for name in names] for row in csv.DictReader(rows) if all(row[n] for n in names))


def expected(release: Path, values: list[float]) -> float:
    from bedside.release import open_candidate

    model = open_candidate(release).load("server-cpu")
    return float(model.predict(np.array([values])).columns[0, 1])


def ratios(found: dict[str, dict[str, object]]) -> dict[str, float]:
    """Each figure that was promised, beside its limit."""

    def cpu(name: str, connections: str) -> float:
        return float(found[name]["connections"][connections]["cpu_us"])  # type: ignore[index]

    def rate(name: str) -> float:
        return float(found[name]["connections"]["16"]["per_second"])  # type: ignore[index]

    made = {f"infer CPU over bare, {c} connections": cpu("bedside infer", c) / cpu("bare", c) for c in ("1", "16")}
    for name in ("all outputs", "binary"):
        made |= {f"{name}, CPU over bare, {c}": cpu(f"bedside infer, {name}", c) / cpu("bare", c) for c in ("1", "16")}
    made |= {f"infer CPU over fastapi, {c}": cpu("bedside infer", c) / cpu("fastapi", c) for c in ("1", "16")}
    made |= {f"infer rate over {name}": rate("bedside infer") / rate(name) for name in ("litserve", "bentoml")}
    made["infer p99, ms"] = float(found["bedside infer"]["connections"]["1"]["p99_us"]) / 1000  # type: ignore[index]
    made |= {f"answer CPU, ms, {c}": cpu("bedside answer", c) / 1000 for c in ("1", "16")}
    made["cold start, s"] = max(float(found[n]["cold_start_s"]) for n in found if n.startswith("bedside"))  # type: ignore[arg-type]
    made["resident, MB"] = max(float(found[n]["resident_mb"]) for n in found if n.startswith("bedside"))  # type: ignore[arg-type]
    return {name: round(value, 3) for name, value in made.items()}


LIMITS = {
    "infer CPU over bare, 1 connections": "<= 2",
    "infer CPU over bare, 16 connections": "<= 2",
    "infer CPU over fastapi, 1": "< 1",
    "infer CPU over fastapi, 16": "< 1",
    "infer rate over litserve": ">= 5",
    "infer rate over bentoml": ">= 5",
    "infer p99, ms": "< 1",
    "answer CPU, ms, 1": "<= 20",
    "answer CPU, ms, 16": "<= 20",
    "cold start, s": "<= 1.5",
    "resident, MB": "<= 150",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "bedside-peers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    release, key = given.release.resolve(), given.key.resolve()
    values = patient(release, given.table)
    right = expected(release, values)
    given.peers.mkdir(parents=True, exist_ok=True)
    busy = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="bedside-serve-") as name:
        folder = Path(name)
        servers = peers_of(given.peers.resolve(), release / "model.onnx", values, right, given.requests)
        found = run([*servers, *ours(release, key, folder, values, right, given.requests)], folder)
    figures = ratios(found)
    print(f"\n{'figure':<40}{'found':>10}  limit")
    for name, value in figures.items():
        print(f"{name:<40}{value:>10.3f}  {LIMITS.get(name, '')}")
    if given.json:
        result = {
            "variables": len(values),
            "python": platform.python_version(),
            "load_before": busy,
            "load_after": os.getloadavg(),
            "servers": found,
            "figures": figures,
            "limits": LIMITS,
        }
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
