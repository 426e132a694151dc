"""A small hospital for tests: a signed release made by hand, a ledger with one user of each role, logged-in clients."""

from __future__ import annotations

import atexit
import datetime as dt
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import course_model
import msgspec
import numpy as np
import onnx
from argon2 import PasswordHasher
from onnx import TensorProto, helper, numpy_helper
from quantities import Dosing, Trial
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bedside.ledger import Ledger, User
from bedside.privacy import prototypes
from bedside.release import (
    Conformal,
    Course,
    Guidance,
    Manifest,
    Network,
    Outputs,
    Parts,
    Release,
    ReviewRule,
    attach,
    keygen,
    open_candidate,
    open_release,
    pack,
    sign,
)
from bedside.serving import Pages, create_app
from bedside.sources import Schema, Variable

ROLES = ("clinician", "scientist", "admin", "auditor", "service")
PEOPLE = ROLES[:4]
PASSWORD = "correct horse battery"
START = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LOOPBACK = "http://127.0.0.1:8765"

NUMBERS = {
    # name: label, unit, range, mean, standard deviation, weight per standard deviation
    "age": ("Age", "a", (18, 100), 55.0, 12.0, 0.4),
    "mean_radius": ("Mean nucleus radius", "um", (1, 60), 14.0, 3.5, 1.6),
    "mean_texture": ("Mean texture", None, (1, 60), 19.0, 4.3, 0.7),
    "mean_smoothness": ("Mean smoothness", "1", (0, 1), 0.1, 0.02, 0.3),
    "mean_concavity": ("Mean concavity", "1", (0, 1), 0.09, 0.08, 0.9),
    "worst_radius": ("Worst nucleus radius", "um", (1, 80), 16.0, 4.8, 1.2),
    "worst_area": ("Worst nucleus area", "um2", (10, 9000), 880.0, 570.0, 0.5),
    "tumour_size": ("Size by ultrasound", "mm", (1, 150), 22.0, 9.0, -0.6),
}
CATEGORIES = {"menopause": ("Menopause", ("pre", "post"), 0.3), "side": ("Side", ("left", "right"), 0.02)}
PLAUSIBLE = {name: numbers[3] for name, numbers in NUMBERS.items()} | {"menopause": "post", "side": "left"}
HIGH = PLAUSIBLE | {"mean_radius": 20.0, "worst_radius": 24.0, "mean_concavity": 0.2}
STRANGE = PLAUSIBLE | {"mean_radius": 59.0, "worst_radius": 79.0, "mean_concavity": 0.99, "worst_area": 8900.0}

SCHEMA = Schema(
    variables=tuple(
        Variable(
            name=name,
            kind="number",
            label=label,
            unit=unit,
            range=limits,
            max_age_days=30 if name == "tumour_size" else None,
        )
        for name, (label, unit, limits, *_) in NUMBERS.items()
    )
    + tuple(
        Variable(name=name, kind="category", label=label, categories=texts)
        for name, (label, texts, _) in CATEGORIES.items()
    )
)
MEAN = np.array([row[3] for row in NUMBERS.values()] + [0.5] * len(CATEGORIES), dtype=np.float32)
SCALE = np.array([row[4] for row in NUMBERS.values()] + [0.5] * len(CATEGORIES), dtype=np.float32)
WEIGHTS = np.array([row[5] for row in NUMBERS.values()] + [row[2] for row in CATEGORIES.values()], dtype=np.float32)


def graph(classes: int, shift: float = 0.0) -> bytes:
    """Unknown → mean, standardise, linear, softmax; the distance is the norm of the standardised values."""
    weights = np.stack([WEIGHTS * share for share in np.linspace(0, 1, classes)], axis=1).astype(np.float32)
    constants = {
        "mean": MEAN,
        "scale": SCALE,
        "weights": weights,
        "bias": np.linspace(0, -0.8 + shift, classes, dtype=np.float32),
        "axis": np.array([1], dtype=np.int64),
        "tenth": np.array(0.05, dtype=np.float32),
    }
    nodes = [
        helper.make_node("IsNaN", ["values"], ["unknown"]),
        helper.make_node("Where", ["unknown", "mean", "values"], ["known"]),
        helper.make_node("Sub", ["known", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Gemm", ["standard", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
        helper.make_node("ReduceL2", ["standard", "axis"], ["distance"], keepdims=0),
        helper.make_node("Mul", ["probability", "tenth"], ["spread"]),
    ]
    shapes = {"probability": ["n", classes], "distance": ["n"], "spread": ["n", classes]}
    made = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", len(MEAN)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    return bytes(model.SerializeToString())


def probability(values: dict[str, Any]) -> float:
    """Of the positive class, by numpy in double precision: an oracle for what the server answers."""
    return float(1 / (1 + np.exp(0.8 - linear(values))))


def linear(values: dict[str, Any]) -> float:
    """The linear predictor that both kinds of release share."""
    row = [values.get(name, PLAUSIBLE[name]) for name in NUMBERS]
    row += [CATEGORIES[name][1].index(values[name]) for name in CATEGORIES]
    return float(((np.array(row) - MEAN) / SCALE) @ WEIGHTS)


def _manifest(name: str, classes: int, version: str, valid_until: dt.date | None, review: ReviewRule) -> Manifest:
    names = ("benign", "malignant") if classes == 2 else ("benign", "borderline", "malignant")
    return Manifest(
        name=name,
        version=version,
        valid_until=valid_until,
        review=review,
        task="diagnosis",
        intended_use="Supports a cytologist deciding whether a fine-needle aspirate needs excision.",
        population="Adults with a palpable breast mass",
        schema=SCHEMA,
        outputs=Outputs(classes=names, positive="malignant" if classes == 2 else None),
        threshold=0.2 if classes == 2 else {"malignant": 0.2, "borderline": 0.5},
        conformal=Conformal(alpha=0.1, quantiles=(0.7,) * classes),
        distance_limit=8.0,
        missing_limit=0.5,
        network=Network(packed="floor", asked="floor", members=1, log_loss_difference=None, parameters=11),
        targets={},
        files={},
        study_digest="a" * 64,
        cohort_digest="b" * 64,
        seed=7,
        trained_by="Ada Trainer",
        versions={"numpy": np.__version__, "onnx": onnx.__version__},
    )


def _asking(manifest: Manifest, course: Course | None, quantities: Trial | Dosing | None) -> Manifest:
    if quantities is not None:
        task = "treatment" if isinstance(quantities, Trial) else "dose"
        return msgspec.structs.replace(manifest, task=task, outputs=quantities.outputs, conformal=None, threshold=None)
    if course is None:
        return manifest
    classes = ("no event seen", *course.events)
    outputs = Outputs(classes=classes, positive=classes[1], column="status", course=course)
    return msgspec.structs.replace(manifest, task="prognosis", outputs=outputs, conformal=None)


def make_release(
    folder: Path,
    *,
    name: str = "breast-fna",
    classes: int = 2,
    version: str = "1.0.0",
    shift: float = 0.0,
    valid_until: dt.date | None = None,
    keys: Path | None = None,
    review: ReviewRule = ReviewRule(),  # noqa: B008  # frozen
    targets: tuple[str, ...] = (),
    course: Course | None = None,
    quantities: Trial | Dosing | None = None,
    told: dict[str, Any] | None = None,
    guidance: Guidance | None = None,
) -> tuple[Path, Path]:
    """A signed release and the public key, made in ``folder``; ``shift`` moves the logit of the last class.

    With ``course`` it foresees when something happens, by the graph of ``course_model``; with ``quantities`` it
    compares treatments or gives a dose, by that of ``quantities``. ``told`` goes into the evidence.
    """
    rng = np.random.default_rng(1)
    patients = MEAN + SCALE * rng.normal(size=(300, len(MEAN)))
    patients[:, len(NUMBERS) :] = rng.integers(0, 2, (300, len(CATEGORIES)))
    categorical = np.arange(len(MEAN)) >= len(NUMBERS)
    if quantities is not None:
        made, floor = (quantities.graph(MEAN, SCALE, WEIGHTS),) * 2
    elif course is not None:
        made, floor = (course_model.graph(MEAN, SCALE, WEIGHTS, course.events),) * 2
    else:
        made, floor = graph(classes, shift), graph(classes)
    parts = Parts(
        graph=made,
        floor=floor,
        background=prototypes(patients, categorical, count=12),
        development={"floor": {"log_loss": 0.31}},
        manifest=_asking(_manifest(name, classes, version, valid_until, review), course, quantities),
        targets=targets,
        guidance=guidance,
    )
    candidate = pack(parts, folder / "candidate")
    card = (
        "# Model card\n\nA **small** model, `made by hand`.\n\n| what | how |\n|---|---|\n| <b>x</b> | 1 |\n\n- one\n"
    )
    report = "<!doctype html><html><head><style>p{color:red}</style></head><body><p>Report</p></body></html>"
    told = evidence(name, candidate.digest, targets) | (told or {})
    if isinstance(quantities, Trial):
        told["measures"] = {"policy_gain": {"value": 0.05, "low": 0.01, "high": 0.09}} | told["measures"]
    if course is not None:
        told["development"] = {"course": course_model.marginal(course.events)}
        told["measures"] = {"band_coverage": {"value": 0.93, "low": None, "high": None}}
        found = {course.estimate(horizon): course_model.found_by(horizon) for horizon in course.horizons}
        told["curves"] = {kind: {name: one[kind] for name, one in found.items()} for kind in ("risk", "calibration")}
    candidate = attach(candidate, json.dumps(told).encode(), report, card)
    if keys is None:
        keys = folder / "keys"
        keygen(keys)
    sign(open_candidate(candidate.folder), keys / "signing.key", folder / "release", "Grace Signer")
    return folder / "release", keys / "signing.pub"


def evidence(name: str, digest: str, targets: tuple[str, ...] = ()) -> dict[str, Any]:
    """In the shape of INTERFACE.md; the figures are made up, and nothing here computes with them."""
    return {
        "release": {"name": name, "version": "1.0.0", "digest": digest},
        "data": {"digest": "c" * 64, "source": "held-out", "n": 143, "n_events": 53, "attrition": []},
        "measures": {
            "auroc": {"value": 0.981, "low": 0.962, "high": 0.995},
            "brier": {"value": 0.041, "low": 0.029, "high": 0.056},
            "calibration_slope": {"value": 1.02, "low": 0.81, "high": 1.26},
            "ici": {"value": None, "low": None, "high": None},
        },
        "floor": {},
        "subgroups": [],
        "targets": {
            target: {"validated": True, "runtime": "onnxruntime", "measures": {}} for target in ("server-cpu", *targets)
        },
        "gates": [{"name": "auroc", "limit": {"min": 0.9}, "value": 0.981, "passed": True}],
        "curves": {},
        "looks": 1,
        "warnings": [],
        "verdict": "accepted",
    }


@dataclass
class Clock:
    """Stands still until it is told to move."""

    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


@dataclass
class Hospital:
    """A served release with its ledger; users are named after their roles, and ``second`` is another clinician."""

    app: Starlette
    ledger: Ledger
    clock: Clock
    secrets: dict[str, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)

    def anonymous(self, base_url: str = LOOPBACK, **options: Any) -> TestClient:
        return TestClient(self.app, base_url=base_url, client=("127.0.0.1", 50000), follow_redirects=False, **options)

    def client(self, who: str) -> TestClient:
        """A client that is logged in, by key or by session; ``csrf`` headers are sent along."""
        client = self.anonymous()
        user = self.users[who]
        if user.role == "service":
            client.headers["Authorization"] = f"Bearer {self.secrets[who]}"
        else:
            token = self.ledger.open_session(user)
            client.cookies.set("bedside_session", token)
            client.headers["X-CSRF-Token"] = self.ledger.csrf_token(token)
        return client

    def ask(self, who: str = "clinician", values: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """An answer through the API."""
        body = {"values": HIGH if values is None else values, **more}
        reply = self.client(who).post("/api/v1/releases/breast-fna/answers", json=body)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    def form(self, client: TestClient, path: str, **fields: str) -> Any:
        """Send a form of the session that the client is in."""
        return client.post(path, data={"csrf": client.headers["X-CSRF-Token"], **fields})


@cache
def _opened(path: Path, key: Path) -> Release:
    return open_release(path, key)


@cache
def staffed() -> tuple[Path, dict[str, User], dict[str, str]]:
    """A ledger, closed, with a user of each role who has changed the password; each test works on a copy."""
    folder = Path(tempfile.mkdtemp(prefix="bedside-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    users, secrets = {}, {}
    names = {**{role: role for role in ROLES}, "second": "clinician", "monitor": "service"}
    with Ledger.open(folder / "ledger.db", clock=Clock(), hasher=CHEAP) as ledger:
        for name, role in names.items():
            full = {"clinician": "Dr. Ida Rolf", "second": "Dr. Jan Vos"}.get(name)
            users[name], secrets[name] = ledger.add_user(name, role, full_name=full, actor="test")
            if role != "service":
                ledger.change_password(name, secrets[name], PASSWORD)
                secrets[name] = PASSWORD
    return folder, users, secrets


def open_hospital(
    folder: Path,
    releases: list[tuple[Path, Path]],
    *,
    solo: bool = True,
    pages: Pages | None = None,
    **options: Any,
) -> Hospital:
    """A hospital with its staff; ``options`` are the application's."""
    template, users, secrets = staffed()
    for file in template.glob("ledger.db*"):
        shutil.copy2(file, folder / file.name)
    clock = Clock()
    ledger = Ledger.open(folder / "ledger.db", clock=clock, hasher=CHEAP)
    opened = [_opened(*release) for release in releases]
    options = {"key": releases[0][1], **options}
    app = create_app(opened, ledger, solo=solo, clock=clock, pages=pages, **options)
    app.state.service.check()
    return Hospital(app, ledger, clock, dict(secrets), dict(users))
