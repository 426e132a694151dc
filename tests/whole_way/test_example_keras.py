"""The example ``examples/keras``: Keras' textbook model, word for word, from training to an answer of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from served import serving

ROOT = Path(__file__).parents[2]
TEXTBOOK = """\
model.add(Dense(units=64, activation="relu", input_dim=100))
model.add(Dense(units=10, activation="softmax"))

model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("keras") is None:
        pytest.skip("keras is not installed")
    folder = tmp_path_factory.mktemp("keras")
    done = subprocess.run(
        [ROOT / "examples" / "keras" / "run", folder, "--no-serve"],
        capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Equal to the original: 1000 random and 506 edge rows" in done.stdout
    assert "Verified: textbook 1.0.0" in done.stdout
    return folder


def test_the_textbook_stands_there_word_for_word() -> None:
    text = (ROOT / "examples" / "keras" / "train.py").read_text()
    assert TEXTBOOK in text
    assert "model.fit(x_train, y_train, epochs=5, batch_size=32)" in text
    assert "model.evaluate(x_test, y_test, batch_size=128)" in text
    assert 'model.save("my_model.h5")' in text


def test_the_evidence_holds_the_proof_and_what_was_stated(made: Path) -> None:
    evidence = json.loads((made / "release" / "evidence.json").read_text())
    origin = evidence["release"]["adopted"]
    assert origin["format"] == "Keras" and origin["file"] == "my_model.h5"
    assert origin["says"]["layers"] == "Dense(64, relu), Dense(10, softmax)"
    assert origin["proof"]["largest"] <= origin["proof"]["tolerance"] == 1e-5
    assert "of another hospital (train.py) (as the study" in (made / "release" / "card.md").read_text()
    assert evidence["verdict"] == "accepted"


def test_what_is_served_is_what_keras_says(made: Path, bedside: Any) -> None:
    rows = np.random.default_rng(9).normal(size=(3, 100)).round(3)
    script = (
        "import sys, json, keras, numpy\n"
        "model = keras.saving.load_model('my_model.h5', compile=False)\n"
        "rows = numpy.array(json.load(sys.stdin), dtype='float32')\n"
        "print('said', json.dumps(model.predict(rows, verbose=0).tolist()))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(rows.tolist()), capture_output=True, text=True, cwd=made,
        env=os.environ | {"KERAS_BACKEND": "torch"}, check=True,
    )  # fmt: skip
    expected = json.loads(next(line for line in said.stdout.splitlines() if line.startswith("said "))[5:])
    release = (made / "release", made / "keys" / "signing.pub")
    added = bedside("user", "add", "lab", "--role", "service", "--ledger", made / "ledger.db", "--json")
    key = json.loads(added.stdout)["key"]
    with (
        serving(made, release) as server,
        httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        for row, probability in zip(rows, expected, strict=True):
            values = {f"m{i:02}": value for i, value in enumerate(row.tolist())}
            reply = client.post("/api/v1/releases/textbook/answers", json={"values": values, "patient": {"id": "p1"}})
            assert reply.status_code == 201, reply.text
            answered = reply.json()["estimate"]
            assert np.abs(np.array(list(answered.values())) - probability).max() < 1e-5
