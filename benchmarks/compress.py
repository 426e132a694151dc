"""What int8 gains and loses on a convolutional network, beside torch and onnxruntime on the same images.

    python benchmarks/compress.py [--model FILE] [--json FILE]

A DenseNet121 is trained for a short while on PneumoniaMNIST (chest X-rays of children, 28x28, enlarged), first at 56x56
and then at 224x224, and exported; ``--model`` keeps the graph, and takes it where it is there. Images of the validation
part that also occur in the training part are left out. Ranges for int8 come from 300 training images. Then, at batch 1
on one thread and on two: torch eager, onnxruntime float32, and our int8 file in OpenVINO; medians over rounds in which
each has its turn. Beside it the size, the AUROC on the validation part, how many decisions flip at .5, and the largest
and the 99th-percentile change of a probability. The last figure is the time to pack the demo's model for every target
whose tools are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("BEDSIDE_DATA", "../shared/data")) / "images" / "pneumoniamnist.npz"
SIZE = 224
CALIBRATION = 300
ROUNDS, CALLS = 7, 20

Predict = Callable[[np.ndarray], np.ndarray]
"""Images [n, 1, 224, 224] to the probability of pneumonia [n]."""


def images() -> dict[str, np.ndarray]:
    """Training images and labels; those of the validation part that are not also in training."""
    kept = np.load(DATA)
    seen = {image.tobytes() for image in kept["train_images"]}
    new = np.array([image.tobytes() not in seen for image in kept["val_images"]])
    return {
        "train": kept["train_images"],
        "train_labels": kept["train_labels"].ravel().astype(int),
        "test": kept["val_images"][new],
        "test_labels": kept["val_labels"].ravel().astype(int)[new],
    }


def enlarged(raw: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Grey values [n, 28, 28] as the network takes them: float32 [n, 1, size, size], centred."""
    import torch

    given = torch.from_numpy(raw.astype(np.float32))[:, None] / 255
    larger = torch.nn.functional.interpolate(given, size=(size, size), mode="bilinear", align_corners=False)
    return np.asarray(((larger - 0.5) / 0.25).numpy())


def trained(data: dict[str, np.ndarray]) -> object:
    """A DenseNet121, after 240 batches at 56x56 and 40 at 224x224."""
    import torch
    from monai.networks.nets import DenseNet121

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2)
    for size, batches, batch, rate in ((56, 240, 32, 1e-3), (SIZE, 40, 16, 3e-4)):
        optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=batches)
        network.train()
        for step in range(batches):
            rows = rng.integers(len(data["train"]), size=batch)
            x = torch.from_numpy(enlarged(data["train"][rows], size))
            x = x.flip(-1) if rng.random() < 0.5 else x
            loss = torch.nn.functional.cross_entropy(network(x), torch.from_numpy(data["train_labels"][rows]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % 20 == 0:
                print(f"{size}x{size}, batch {step} of {batches}: loss {loss.item():.3f}", flush=True)
    return network.eval()


def exported(network: object, path: Path) -> None:
    """The graph as ONNX in one file, and the weights for torch beside it."""
    import torch

    onnx_program = torch.onnx.export(
        network,
        (torch.zeros(2, 1, SIZE, SIZE),),
        dynamo=True,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"x": {0: torch.export.Dim("n", min=1, max=4096)}},
        verbose=False,
    )
    onnx_program.save(path, external_data=False)
    torch.save(network.state_dict(), path.with_suffix(".pt"))


def probability(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(logits[:, 0].astype(np.float64) - logits[:, 1])))


def in_torch(path: Path, threads: int) -> Predict:
    import torch
    from monai.networks.nets import DenseNet121

    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2)
    network.load_state_dict(torch.load(path.with_suffix(".pt"), weights_only=True))
    network.eval()

    def predict(x: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return probability(network(torch.from_numpy(x)).numpy())

    return predict


def in_onnxruntime(path: Path, threads: int) -> Predict:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: probability(session.run(["logits"], {"image": x})[0])


def in_openvino(path: Path, threads: int) -> Predict:
    from bedside.release.convolutions import opened

    run = opened(path.read_bytes(), threads=threads, where=str(path))
    return lambda x: probability(run(x)["logits"])


def timed(systems: dict[str, Predict], x: np.ndarray) -> dict[str, dict[str, float]]:
    """Milliseconds of wall time and of CPU for one image."""
    wall: dict[str, list[float]] = {name: [] for name in systems}
    cpu: dict[str, list[float]] = {name: [] for name in systems}
    for predict in systems.values():
        for _ in range(3):
            predict(x)
    for _ in range(ROUNDS):
        for name, predict in systems.items():
            began, used = time.perf_counter(), time.process_time()
            for _ in range(CALLS):
                predict(x)
            wall[name].append((time.perf_counter() - began) / CALLS * 1e3)
            cpu[name].append((time.process_time() - used) / CALLS * 1e3)
    return {
        name: {"ms": round(statistics.median(wall[name]), 2), "cpu_ms": round(statistics.median(cpu[name]), 2)}
        for name in systems
    }


def judged(systems: dict[str, Predict], data: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """AUROC of each on the validation part; the change of probabilities against onnxruntime float32."""
    from sklearn.metrics import roc_auc_score

    found = {
        name: np.concatenate([predict(enlarged(data["test"][at : at + 16])) for at in range(0, len(data["test"]), 16)])
        for name, predict in systems.items()
    }
    reference = found["onnxruntime float32"]
    return {
        name: {
            "auroc": round(float(roc_auc_score(data["test_labels"], p)), 5),
            "flips": int(((p >= 0.5) != (reference >= 0.5)).sum()),
            "largest_change": round(float(np.abs(p - reference).max()), 4),
            "change_99": round(float(np.quantile(np.abs(p - reference), 0.99)), 4),
        }
        for name, p in found.items()
    }


def packing() -> tuple[float, list[str]]:
    """Seconds to pack the demo's model for every target whose tools are installed here, and which these are."""
    import bedside.release
    from bedside.cli.study import train
    from bedside.demonstration import write_study
    from bedside.release.target import BUILT_IN, target

    installed = [name for name in BUILT_IN if target(name).missing_to_make() is None]
    pack, taken = bedside.release.pack, []

    def timed_pack(*given: object, **more: object) -> object:
        began = time.perf_counter()
        packed = pack(*given, **more)  # type: ignore[arg-type]
        taken.append(time.perf_counter() - began)
        return packed

    bedside.release.pack = timed_pack  # type: ignore[assignment]
    try:
        with tempfile.TemporaryDirectory(prefix="bedside-pack-") as name:
            study = write_study(Path(name))
            study.write_text(study.read_text() + f"\n[targets]\nnames = {json.dumps(installed)}\n")
            train(study, out=Path(name) / "candidate")
    finally:
        bedside.release.pack = pack
    return taken[0], installed


def has_vnni() -> bool:
    try:
        return "avx512_vnni" in Path("/proc/cpuinfo").read_text() or "avx_vnni" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


LIMITS = {
    "int8 over onnxruntime float32, 2 threads": ">= 2",
    "int8 over onnxruntime float32, 1 thread": ">= 3 where the processor has VNNI",
    "size of float32": "<= .35",
    "AUROC lost": "<= .005",
    "packing the demo for all targets, s": "<= 30",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is not there: set BEDSIDE_DATA to the folder with the public data")
    from bedside.release.convolutions import quantised

    data = images()
    busy = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="bedside-compress-") as name:
        folder = Path(name)
        path = given.model or folder / "densenet.onnx"
        if not path.exists():
            exported(trained(data), path)
        rows = enlarged(data["train"][np.random.default_rng(1).permutation(len(data["train"]))[:CALIBRATION]])
        began = time.perf_counter()
        small = folder / "int8.onnx"
        small.write_bytes(quantised(path.read_bytes(), rows, [], where=str(path)))
        seconds = time.perf_counter() - began
        threads = {}
        one = enlarged(data["test"][:1])
        for count in (1, 2):
            systems = {
                "torch eager": in_torch(path, count),
                "onnxruntime float32": in_onnxruntime(path, count),
                "int8": in_openvino(small, count),
            }
            threads[count] = timed(systems, one)
            print(f"{count} thread(s), batch 1:", threads[count], flush=True)
        quality = judged(systems, data)
        share = small.stat().st_size / path.stat().st_size
    packed, installed = packing()
    print("packed for", ", ".join(installed))
    for system, figures in quality.items():
        print(f"{system:<24}", figures)

    def gain(count: int, peer: str) -> float:
        return threads[count][peer]["ms"] / threads[count]["int8"]["ms"]

    figures = {
        "int8 over onnxruntime float32, 2 threads": round(gain(2, "onnxruntime float32"), 2),
        "int8 over onnxruntime float32, 1 thread": round(gain(1, "onnxruntime float32"), 2),
        "int8 over torch eager, 2 threads": round(gain(2, "torch eager"), 2),
        "int8 over torch eager, 1 thread": round(gain(1, "torch eager"), 2),
        "size of float32": round(share, 3),
        "AUROC lost": round(quality["onnxruntime float32"]["auroc"] - quality["int8"]["auroc"], 5),
        "packing the demo for all targets, s": round(packed, 1),
    }
    print(f"\n{'figure':<44}{'found':>10}  limit")
    for figure, value in figures.items():
        print(f"{figure:<44}{value:>10.3f}  {LIMITS.get(figure, '')}")
    if given.json:
        result = {
            "python": platform.python_version(),
            "vnni": has_vnni(),
            "images": len(data["test"]),
            "load_before": busy,
            "load_after": os.getloadavg(),
            "quantise_s": round(seconds, 1),
            "threads": threads,
            "quality": quality,
            "packed_for": installed,
            "figures": figures,
            "limits": LIMITS,
        }
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
