"""LightGBM's and XGBoost's own files become candidates; each is compared with the library that trained it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heart import patients, write_study

import bedside
from bedside.adoption import Asked, Original, lightgbm_file, xgboost_file
from bedside.adoption.formats import format_of
from bedside.adoption.runtime import runner
from bedside.adoption.ubjson import read_ubjson
from bedside.errors import DataError, MissingExtra, StudyError, UsageError
from bedside.release import open_candidate

lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed")
xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed")

Data = tuple[np.ndarray, np.ndarray]
CATEGORY = 1  # the chest pain's column


@pytest.fixture(scope="module")
def heart(data_dir: Path) -> Data:
    return patients(data_dir)


def strange_rows(values: np.ndarray, *, whole: bool) -> np.ndarray:
    """Rows around the real ones with much unknown, zeros of both signs and almost zeros, and extreme values."""
    rng = np.random.default_rng(0)
    rows = values[rng.integers(0, len(values), 2000)] * rng.uniform(-0.5, 2.0, (2000, values.shape[1]))
    for share, value in ((0.1, np.nan), (0.05, 0.0), (0.02, -0.0), (0.02, 1e-36), (0.02, -1e-35), (0.02, 1e20)):
        rows[rng.uniform(size=rows.shape) < share] = value
    rows[:, CATEGORY] = rng.uniform(-2, 7, 2000)
    if whole:
        rows[:, CATEGORY] = np.floor(rng.uniform(0, 7, 2000))
    rows[::9, CATEGORY] = np.nan
    return rows.astype(np.float32)


def _light(heart: Data, path: Path, categories: bool = False, **settings: Any) -> Any:
    values, ill = heart
    outcome = ill + (values[:, 0] > 55) * ill if "num_class" in settings else ill
    data = lightgbm.Dataset(values, outcome, categorical_feature=[CATEGORY] if categories else [])
    known = {"verbose": -1, "num_threads": 1, "num_leaves": 8, "min_data_per_group": 5, "cat_smooth": 1}
    booster = lightgbm.train(known | {"objective": "binary"} | settings, data, 30)
    booster.save_model(path)
    return booster


def _extreme(heart: Data, path: Path, categories: bool = False, stop: bool = False, **settings: Any) -> Any:
    values, ill = heart
    outcome = ill + (values[:, 0] > 55) * ill if "num_class" in settings else ill
    kinds = ["c" if categories and place == CATEGORY else "q" for place in range(values.shape[1])]

    def rows(part: slice) -> Any:
        return xgboost.DMatrix(
            values[part], outcome[part], feature_types=kinds, enable_categorical=categories, nthread=1
        )

    known = {"nthread": 1, "verbosity": 0, "max_depth": 4, "max_cat_to_onehot": 1, "objective": "binary:logistic"}
    booster = xgboost.train(
        known | settings,
        rows(slice(0, 200)),
        30,
        evals=[(rows(slice(200, None)), "rest")],
        early_stopping_rounds=3 if stop else None,
        verbose_eval=False,
    )
    booster.save_model(path)
    return booster


def largest(original: Original, rows: np.ndarray, expected: np.ndarray) -> float:
    found = runner(original.graph, "y", where="here")(rows)
    return float(np.abs(found - expected.reshape(len(rows), -1)).max())


LIGHT = {
    "plain": {},
    "sigmoid": {"sigmoid": 1.7},
    "three classes": {"objective": "multiclass", "num_class": 3},
    "one against all": {"objective": "multiclassova", "num_class": 3},
    "random forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "dart": {"boosting": "dart"},
    "zero is missing": {"zero_as_missing": True},
    "missing unused": {"use_missing": False},
    "cross-entropy": {"objective": "cross_entropy"},
}


@pytest.mark.parametrize("categories", [False, True])
@pytest.mark.parametrize("kind", LIGHT)
def test_lightgbm_is_equal(heart: Data, tmp_path: Path, kind: str, categories: bool) -> None:
    booster = _light(heart, tmp_path / "m.txt", categories, **LIGHT[kind])
    original = lightgbm_file.read(tmp_path / "m.txt", Asked(width=7))
    for rows in (strange_rows(heart[0], whole=False), original.boundaries):
        assert rows is not None
        expected = booster.predict(rows, num_threads=1)
        assert largest(original, rows, expected) < 1e-6
        assert np.array_equal(original.predict(rows), expected.reshape(len(rows), -1))


EXTREME = {
    "plain": {},
    "base score": {"base_score": 0.1},
    "three classes": {"objective": "multi:softprob", "num_class": 3},
    "random forest": {"num_parallel_tree": 3, "subsample": 0.5},
    "dart": {"booster": "dart", "rate_drop": 0.3},
    "early stopping": {"stop": True, "eta": 0.6},
}


@pytest.mark.parametrize("categories", [False, True])
@pytest.mark.parametrize("kind", EXTREME)
def test_xgboost_is_equal(heart: Data, tmp_path: Path, kind: str, categories: bool) -> None:
    path = tmp_path / ("m.ubj" if categories else "m.json")
    booster = _extreme(heart, path, categories, **EXTREME[kind])
    original = xgboost_file.read(path, Asked(width=7))
    used = (0, booster.best_iteration + 1) if "stop" in EXTREME[kind] else (0, 0)
    kinds = ["c" if categories and place == CATEGORY else "q" for place in range(7)]
    for rows in (strange_rows(heart[0], whole=categories), original.boundaries):
        assert rows is not None
        matrix = xgboost.DMatrix(rows, feature_types=kinds, enable_categorical=categories, nthread=1)
        expected = booster.predict(matrix, iteration_range=used)
        assert largest(original, rows, expected) < 1e-6
        assert np.abs(original.predict(rows) - expected.reshape(len(rows), -1)).max() == 0
    if "stop" in EXTREME[kind]:
        done, of = original.facts["iterations"].split(" of ")
        assert int(done) == booster.best_iteration + 1 < int(of)


def test_xgboost_as_its_classifier_predicts(heart: Data, tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2, n_jobs=1, learning_rate=0.5)
    values, ill = heart
    model.fit(values[:200], ill[:200], eval_set=[(values[200:], ill[200:])], verbose=False)
    model.save_model(tmp_path / "m.json")
    original = xgboost_file.read(tmp_path / "m.json", Asked(width=7))
    assert largest(original, values, model.predict_proba(values)[:, 1]) < 1e-6


@pytest.mark.parametrize("name", ["m.txt", "m.json", "m.ubj"])
def test_it_becomes_a_candidate(heart: Data, data_dir: Path, tmp_path: Path, name: str) -> None:
    booster = (_light if name == "m.txt" else _extreme)(heart, tmp_path / name)
    adopted = bedside.adopt(tmp_path / name, write_study(data_dir, tmp_path), out=tmp_path / "c")
    proof = adopted.adopted
    assert proof is not None and proof.random == 1000 and proof.largest < 1e-6
    assert proof.boundary >= 100 and proof.boundary_differing == 0
    candidate = open_candidate(tmp_path / "c")
    values = heart[0].astype(np.float64)
    served = candidate.load().predict(np.where(np.arange(7) == CATEGORY, values - 1, values)).columns[:, 1]
    rows = values if name == "m.txt" else xgboost.DMatrix(heart[0], nthread=1)
    expected = booster.predict(rows) if name != "m.txt" else booster.predict(rows, num_threads=1)
    assert np.isnan(values).any() and np.abs(served - expected).max() < 1e-6
    evidence = bedside.validate(tmp_path / "c").evidence
    origin = evidence.release.adopted
    assert origin is not None and origin.format in ("LightGBM", "XGBoost")
    assert evidence.measures["auroc"].value > 0.7


def _refusal(read: Callable[[Path, Asked], Original], path: Path) -> DataError:
    with pytest.raises(DataError) as refused:
        read(path, Asked(width=7))
    assert refused.value.where == str(path)
    return refused.value


@pytest.mark.parametrize("objective", ["regression", "poisson", "lambdarank", "quantile"])
def test_a_lightgbm_regressor_is_refused(heart: Data, tmp_path: Path, objective: str) -> None:
    values, ill = heart
    group = [len(ill)] if objective == "lambdarank" else None
    data = lightgbm.Dataset(values, ill, group=group)
    lightgbm.train({"objective": objective, "verbose": -1, "num_threads": 1}, data, 2).save_model(tmp_path / "m.txt")
    assert f"{objective}, gives no probability" in str(_refusal(lightgbm_file.read, tmp_path / "m.txt"))


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:hinge", "multi:softmax", "survival:cox"])
def test_an_xgboost_regressor_is_refused(heart: Data, tmp_path: Path, objective: str) -> None:
    settings = {"num_class": 3} if objective.startswith("multi") else {}
    _extreme(heart, tmp_path / "m.json", objective=objective, **settings)
    assert f"{objective}, gives no probability" in str(_refusal(xgboost_file.read, tmp_path / "m.json"))


def test_other_boosters_are_refused(heart: Data, tmp_path: Path) -> None:
    _extreme(heart, tmp_path / "m.json", booster="gblinear")
    assert "gblinear, is not made of trees" in str(_refusal(xgboost_file.read, tmp_path / "m.json"))
    _light(heart, tmp_path / "m.txt", linear_tree=True)
    assert "linear_tree" in str(_refusal(lightgbm_file.read, tmp_path / "m.txt"))


def test_margins_are_adopted_as_logits(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    _extreme(heart, tmp_path / "m.json", objective="binary:logitraw")
    study = write_study(data_dir, tmp_path)
    with pytest.raises(DataError, match="no probabilities: they run from"):
        bedside.adopt(tmp_path / "m.json", study, out=tmp_path / "c")
    text = study.read_text().replace("[adoption.inputs]", '[adoption]\noutputs = "logits"\n[adoption.inputs]')
    study.write_text(text)
    bedside.adopt(tmp_path / "m.json", study, out=tmp_path / "c")


@pytest.mark.parametrize("name", ["m.txt", "m.json"])
def test_the_wrong_width_is_said(heart: Data, data_dir: Path, tmp_path: Path, name: str) -> None:
    (_light if name == "m.txt" else _extreme)((heart[0][:, 2:], heart[1]), tmp_path / name)
    with pytest.raises(DataError, match="takes 5 numbers for each patient, and the study gives it 7"):
        bedside.adopt(tmp_path / name, write_study(data_dir, tmp_path), out=tmp_path / "c")


def test_more_classes_than_the_study_has(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    _light(heart, tmp_path / "m.txt", objective="multiclass", num_class=3)
    with pytest.raises(StudyError, match="gives 3 numbers for each patient, and the study has 2 classes"):
        bedside.adopt(tmp_path / "m.txt", write_study(data_dir, tmp_path), out=tmp_path / "c")


def test_a_dump_that_lightgbm_cannot_read_is_refused(heart: Data, tmp_path: Path) -> None:
    booster = _light(heart, tmp_path / "m.txt")
    (tmp_path / "m.json").write_text(json.dumps(booster.dump_model()))
    with pytest.raises(UsageError, match=r"a dump of LightGBM.*save_model"):
        format_of(tmp_path / "m.json")


@pytest.mark.parametrize(("name", "module"), [("m.txt", "lightgbm"), ("m.json", "xgboost")])
def test_the_extra_is_named_where_it_is_missing(
    heart: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    (_light if name == "m.txt" else _extreme)(heart, tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"{module} is not installed.*bedside\[boosted\]"):
        format_of(tmp_path / name).read(tmp_path / name, Asked(width=7))


LIGHT_DAMAGE = {
    "cut short": (lambda text: text[:2000], "no whole model"),
    "a number too many": (lambda text: text.replace("right_child=", "right_child=9 ", 1), "right_child of tree 0"),
    "a circle": (lambda text: _first_child(text, "left_child", "0"), "tree 0 is no tree"),
    "a column that is not there": (lambda text: _first_child(text, "split_feature", "12"), "what is not there"),
    "no number": (lambda text: _first_child(text, "leaf_value", "nan"), "no number"),
    "words": (lambda text: _first_child(text, "threshold", "os.system"), "threshold of tree 0"),
}  # fmt: skip


def _first_child(text: str, key: str, value: str) -> str:
    before, _, after = text.partition(f"\n{key}=")
    return f"{before}\n{key}={value} {after.partition(' ')[2]}"


@pytest.mark.parametrize("damage", LIGHT_DAMAGE)
def test_a_damaged_lightgbm_file_is_refused(heart: Data, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.txt"
    _light(heart, path)
    change, expected = LIGHT_DAMAGE[damage]
    path.write_text(change(path.read_text()))
    assert expected in str(_refusal(lightgbm_file.read, path))


XGBOOST_DAMAGE: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "a circle": (lambda tree, learner: tree["left_children"].__setitem__(1, 0), "tree 0 is no tree"),
    "a child that is not there": (lambda tree, learner: tree["left_children"].__setitem__(1, 999), "is no tree"),
    "a column that is not there": (lambda tree, learner: tree["split_indices"].__setitem__(0, 77), "split_indices"),
    "too few numbers": (lambda tree, learner: tree["split_conditions"].pop(), "damaged"),
    "words": (lambda tree, learner: tree["split_conditions"].__setitem__(0, "os.system"), "damaged"),
    "no base": (lambda tree, learner: learner["learner_model_param"].pop("base_score"), "damaged"),
}


@pytest.mark.parametrize("damage", XGBOOST_DAMAGE)
def test_a_damaged_xgboost_file_is_refused_before_xgboost_crashes(heart: Data, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.json"
    _extreme(heart, path)
    whole = json.loads(path.read_text())
    change, expected = XGBOOST_DAMAGE[damage]
    change(whole["learner"]["gradient_booster"]["model"]["trees"][0], whole["learner"])
    path.write_text(json.dumps(whole))
    assert expected in str(_refusal(xgboost_file.read, path))


def test_ubjson_is_what_xgboost_writes_as_json(heart: Data, tmp_path: Path) -> None:
    booster = _extreme(heart, tmp_path / "m.ubj", categories=True)
    binary = read_ubjson((tmp_path / "m.ubj").read_bytes())
    plain = json.loads(booster.save_raw("json"))
    told = binary["learner"]["gradient_booster"]["model"]["trees"][3]
    expected = plain["learner"]["gradient_booster"]["model"]["trees"][3]
    assert told.keys() == expected.keys() and told["left_children"] == expected["left_children"]
    assert told["split_conditions"] == pytest.approx(expected["split_conditions"], rel=1e-6)
    assert binary["learner"]["learner_model_param"] == plain["learner"]["learner_model_param"]


NO_UBJSON = (b"", b"{", b"{L", b"[$d#L\0\0\0\0\x7f\xff\xff\xff", b"Sl\xff\xff\xff\xff", b"[" * 99, b"TT", b"[$T#i\x05")


@pytest.mark.parametrize("content", NO_UBJSON)
def test_ubjson_that_is_none(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_ubjson(content)
