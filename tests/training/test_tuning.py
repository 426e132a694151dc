"""A search that is killed goes on, and ends as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from bedside.network import Settings, residual
from bedside.sources import Schema, Variable
from bedside.training import tuning
from bedside.training.classes import Classes
from bedside.training.sample import Sample
from bedside.training.tuning import tune

QUICK = replace(residual(1), epochs=2)


@pytest.fixture(scope="module")
def sample() -> Sample:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype(np.float32).astype(np.float64)
    schema = Schema(variables=tuple(Variable(name=f"v{i}", kind="number", label="") for i in range(2)))
    return Sample(schema, x, (x[:, 0] + rng.normal(size=60) > 0).astype(np.int64), np.arange(60), Classes(2))


def trials(folder: Path) -> list[Any]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'tuning.db'}")
    names = [study.study_name for study in optuna.get_all_study_summaries(storage)]
    found = [optuna.load_study(study_name=name, storage=storage).trials for name in names]
    storage.engine.dispose()
    return [trial for some in found for trial in some]


def test_a_killed_search_goes_on_and_ends_as_if_it_had_not_been_killed(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tune(sample, {}, QUICK, 5, tmp_path / "whole", (1,))
    assert len(trials(tmp_path / "whole")) == whole.trials == 5

    original, asked = tuning.fit_network, 0

    def killed(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 13:  # in the third fold of the third trial
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(tuning, "fit_network", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(sample, {}, QUICK, 5, tmp_path / "killed", (1,))
    monkeypatch.setattr(tuning, "fit_network", original)
    calls: list[tuple[str, int, int]] = []
    resumed = tune(sample, {}, QUICK, 5, tmp_path / "killed", (1,), lambda *call: calls.append(call))
    assert calls[0] == ("Tuning", 2, 5)
    assert sum(trial.state.name == "COMPLETE" for trial in trials(tmp_path / "killed")) == 5
    assert resumed == whole
    again = tune(sample, {}, QUICK, 5, tmp_path / "killed", (1,))
    assert again == whole


def test_another_study_in_the_same_folder_does_not_go_on_with_it(sample: Sample, tmp_path: Path) -> None:
    tune(sample, {}, QUICK, 2, tmp_path, (1,))
    tune(replace(sample, y=1 - sample.y), {}, QUICK, 2, tmp_path, (1,))
    assert len(trials(tmp_path)) == 4


def test_the_best_settings_are_those_with_the_least_loss(sample: Sample, tmp_path: Path) -> None:
    found = tune(sample, {}, QUICK, 3, tmp_path, (2,))
    assert found.loss == min(trial.value for trial in trials(tmp_path))
    assert isinstance(found.settings, Settings)
    assert found.settings.members == QUICK.members
    assert found.settings.epochs == QUICK.epochs
