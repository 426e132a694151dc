"""A study as drafted trains and validates, but what it is for must be written by a person before it can be signed."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def test_sign_refuses_a_purpose_that_nobody_wrote(tmp_path: Path, bedside) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 3)).round(3)
    ill = (x[:, 0] + rng.normal(size=160) > 0).astype(int)
    rows = [f"{a},{b},{c},{y}" for (a, b, c), y in zip(x, ill, strict=True)]
    (tmp_path / "patients.csv").write_text("\n".join(["first,second,third,ill", *rows]) + "\n")
    assert bedside("init", tmp_path / "patients.csv", "--dir", tmp_path).returncode == 0
    study = tmp_path / "study.toml"
    text = study.read_text().replace("members = 5", "members = 1")
    study.write_text(text + "\n[accept]\nauroc = { min = 0.5 }\n")
    for words in (["train", study, "--out", tmp_path / "candidate"], ["validate", tmp_path / "candidate"]):
        done = bedside(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert bedside("keygen", "--out", tmp_path / "keys").returncode == 0
    words = ["sign", tmp_path / "candidate", "--key", tmp_path / "keys" / "signing.key", "--out", tmp_path / "release"]
    done = bedside(*words)
    assert done.returncode == 1
    assert "intended_use" in done.stderr
    assert not (tmp_path / "release").exists()
