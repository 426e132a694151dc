"""Search for hyper-parameters on development patients only, in a store that a killed search goes on from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bedside.cohort import Scale
from bedside.errors import DataError
from bedside.network import Settings
from bedside.preparation import NUMPY
from bedside.training.cross_fitting import Fitted, Progress, fit_network, fit_without_network
from bedside.training.extras import require
from bedside.training.folds import stratified_folds
from bedside.training.model import mean_columns
from bedside.training.sample import FOLDS, Sample

STORE = "tuning.db"


@dataclass(frozen=True)
class Tuned:
    """The best settings found, their mean loss out of fold, and how many trials were finished."""

    settings: Settings
    loss: float
    trials: int


def tune(
    sample: Sample,
    scales: Mapping[str, Scale],
    settings: Settings,
    trials: int,
    folder: Path,
    seed: tuple[int, ...],
    progress: Progress | None = None,
) -> Tuned:
    """Try settings until ``trials`` are finished, those of earlier, interrupted searches included.

    The trials are kept in ``folder/tuning.db`` under a name that stands for data, scales, seed and network: another
    study never continues this one. Each is judged by the log-loss of the same division into folds, on which
    preparation and floor are fitted once. That division is not the one that later decides between network and floor.
    The sampler (tree-structured Parzen estimator, Bergstra et al., NeurIPS 2011) is seeded anew for each trial by the
    number of finished ones, so an interrupted search gives what an uninterrupted one would have given.

    Raises
    ------
    MissingExtra: optuna is not installed.
    """
    require("optuna")
    import optuna

    loss = _judge(sample, scales, seed)
    shown = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store = optuna.storages.RDBStorage(f"sqlite:///{(folder / STORE).resolve()}")
        study = optuna.create_study(
            storage=store, study_name=_name(sample, scales, settings, seed), direction="minimize", load_if_exists=True
        )
        done = _finished(study)
        while done < trials:
            if progress:
                progress("Tuning", done, trials)
            study.sampler = optuna.samplers.TPESampler(seed=int(np.random.default_rng([*seed, done]).integers(2**31)))
            study.optimize(lambda trial: loss(suggested(trial, settings)), n_trials=1, catch=(DataError,))
            done += 1 if _finished(study) > done else _failed(study)
        if progress:
            progress("Tuning", trials, trials)
        best = study.best_trial
        store.engine.dispose()
    finally:
        optuna.logging.set_verbosity(shown)
    return Tuned(suggested(optuna.trial.FixedTrial(best.params), settings), float(best.value), done)


def suggested(trial: Any, settings: Settings) -> Settings:
    """The settings with width, depth, weight decay, dropout and learning rate of one trial."""
    depth = trial.suggest_int("depth", 1, 3)
    width = trial.suggest_categorical("width", [8, 16, 32, 64, 128])
    return replace(
        settings,
        hidden=(width,) * depth,
        weight_decay=trial.suggest_float("weight_decay", 1e-3, 3.0, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.7),
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
    )


def _judge(sample: Sample, scales: Mapping[str, Scale], seed: tuple[int, ...]) -> Callable[[Settings], float]:
    fold = stratified_folds(sample.head.strata(sample), sample.patient, FOLDS, np.random.default_rng([*seed, 0]))
    parts: list[tuple[np.ndarray, Sample, Fitted]] = []
    for k in range(FOLDS):
        rest = sample.take(fold != k)
        parts.append((fold == k, rest, fit_without_network(rest, scales, (*seed, 1, k))))

    def loss(settings: Settings) -> float:
        probability = np.empty((len(sample.y), sample.head.width))
        for k, (out, rest, fitted) in enumerate(parts):
            network = fit_network(rest, fitted, settings, (*seed, 2, k)).network
            assert network is not None
            x = fitted.preparation.transform(sample.values[out])
            probability[out] = mean_columns(NUMPY, sample.head, network.members, x)[0]
        return float(sample.head.losses(sample, probability).mean())

    return loss


def _name(sample: Sample, scales: Mapping[str, Scale], settings: Settings, seed: tuple[int, ...]) -> str:
    told = msgspec.json.encode([sample.schema, dict(scales), settings, seed], order="sorted")
    given = (sample.followed, sample.entered, sample.amount, sample.arm)
    more = [array.tobytes() for array in given if array is not None]
    data = (sample.values.tobytes(), sample.y.tobytes(), sample.patient.tobytes(), *more)
    return hashlib.sha256(b"".join([told, *data])).hexdigest()[:32]


def _finished(study: Any) -> int:
    return sum(trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False))


def _failed(study: Any) -> int:
    """0, or an error where trial after trial diverges: that is a matter of the data, not of bad luck."""
    failed = sum(trial.state.name == "FAIL" for trial in study.get_trials(deepcopy=False))
    if failed > 2 * FOLDS:
        raise DataError(
            f"{failed} trials diverged",
            where="--tune",
            remedy='Give variables of very large or uneven size scale = "standard"',
        )
    return 0
