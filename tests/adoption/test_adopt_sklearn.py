"""scikit-learn's pipelines from skops files; nothing but scikit-learn's own types is ever opened."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heart import patients, write_study
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import bedside
from bedside.adoption import Asked
from bedside.adoption.runtime import runner
from bedside.adoption.sklearn_file import read
from bedside.errors import BedsideError, DataError, StudyError, UsageError
from bedside.release import open_candidate

skops = pytest.importorskip("skops.io", reason="skops is not installed")

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def heart(data_dir: Path) -> Data:
    return patients(data_dir)


def _filled(*steps: Any) -> Any:
    return make_pipeline(SimpleImputer(strategy="median"), *steps)


def _columns() -> Any:
    numbers = _filled(StandardScaler())
    pain = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(
        ColumnTransformer([("numbers", numbers, [0, 2, 3, 4, 5, 6]), ("pain", pain, [1])]), LogisticRegression()
    )


KINDS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: _filled(StandardScaler(), LogisticRegression()),
    "columns": _columns,
    "network": lambda: _filled(StandardScaler(), MLPClassifier((8,), max_iter=40, random_state=0)),
    "naive Bayes": lambda: _filled(GaussianNB()),
    "calibrated": lambda: _filled(CalibratedClassifierCV(LogisticRegression(max_iter=3000), cv=3)),
    "tree": lambda: _filled(DecisionTreeClassifier(max_depth=5, random_state=0)),
    "forest": lambda: RandomForestClassifier(30, random_state=0, n_jobs=1),
    "extra trees behind a scaler": lambda: _filled(StandardScaler(), ExtraTreesClassifier(30, random_state=0)),
    "boosting": lambda: _filled(GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=25, random_state=0),
    "vote": lambda: _filled(
        VotingClassifier([("line", LogisticRegression(max_iter=3000)), ("Bayes", GaussianNB())], voting="soft")
    ),
    "AdaBoost": lambda: _filled(AdaBoostClassifier(n_estimators=10, random_state=0)),
}


def fitted(model: Any, heart: Data, path: Path, outcome: Any = None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(heart[0], heart[1] if outcome is None else outcome)
    skops.dump(model, path)
    return model


def rows_around(values: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    rows = low + (high - low) * rng.uniform(-0.2, 1.2, (1500, values.shape[1]))
    rows[:, 1] = np.floor(rng.uniform(1, 5, 1500))
    rows[rng.uniform(size=rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "outcomes"), [*((kind, 2) for kind in KINDS), ("forest", 3), ("histogram boosting", 3), ("columns", 3)]
)
def test_every_kind_is_equal(heart: Data, tmp_path: Path, kind: str, outcomes: int) -> None:
    outcome = heart[1] + (heart[0][:, 0] > 55) * heart[1] if outcomes == 3 else heart[1]
    model = fitted(KINDS[kind](), heart, tmp_path / "m.skops", outcome)
    original = read(tmp_path / "m.skops", Asked(width=7))
    assert (original.width, original.columns, original.takes_nan) == (7, outcomes, True)
    graph = runner(original.graph, "y", where="here")
    for rows in (rows_around(heart[0]), original.boundaries):
        if rows is not None:
            expected = model.predict_proba(rows)
            assert np.abs(original.predict(rows) - expected).max() < 1e-12
            assert np.abs(graph(rows) - expected).max() < 1e-5
    if kind in ("forest", "histogram boosting"):
        assert original.boundaries is not None and len(original.boundaries) > 50


BEFORE = {
    "standard": StandardScaler(),
    "not centred": StandardScaler(with_mean=False),
    "least and most": MinMaxScaler(),
    "robust": RobustScaler(),
}
TREES = ("forest", "boosting", "histogram boosting")


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("before", BEFORE)
def test_whole_numbers_on_a_boundary_fall_on_the_same_side_behind_a_scaler(
    heart: Data, tmp_path: Path, before: str, kind: str
) -> None:
    steps = KINDS[kind]()
    model = fitted(_filled(BEFORE[before], steps[-1] if kind == "boosting" else steps), heart, tmp_path / "m.skops")
    rows = np.round(2 * np.nan_to_num(rows_around(heart[0]), nan=1.0)) / 2
    found = runner(read(tmp_path / "m.skops", Asked(width=7)).graph, "y", where="here")(rows)
    assert np.abs(found - model.predict_proba(rows)).max() < 1e-6


def test_it_becomes_a_candidate(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    model = fitted(_columns(), heart, tmp_path / "m.skops")
    adopted = bedside.adopt(tmp_path / "m.skops", write_study(data_dir, tmp_path), out=tmp_path / "c")
    assert adopted.adopted is not None and adopted.adopted.largest < 1e-5
    values = heart[0].astype(np.float64)
    served = open_candidate(tmp_path / "c").load().predict(np.where(np.arange(7) == 1, values - 1, values))
    assert np.isnan(values).any()
    assert np.abs(served.columns - model.predict_proba(heart[0])).max() < 1e-5
    origin = bedside.validate(tmp_path / "c").evidence.release.adopted
    assert origin is not None and origin.says["classes"] == "0, 1" and "scikit-learn" in origin.says["written by"]


def test_trees_become_a_candidate_with_their_boundaries_counted(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    fitted(KINDS["histogram boosting"](), heart, tmp_path / "m.skops")
    proof = bedside.adopt(tmp_path / "m.skops", write_study(data_dir, tmp_path), out=tmp_path / "c").adopted
    assert proof is not None and proof.boundary > 50 and proof.boundary_differing == 0 and proof.largest < 1e-5


def test_a_model_that_takes_no_nan_abstains(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    known = np.nan_to_num(heart[0], nan=0.5)
    fitted(make_pipeline(StandardScaler(), LogisticRegression()), (known, heart[1]), tmp_path / "m.skops")
    assert not read(tmp_path / "m.skops", Asked(width=7)).takes_nan
    study = write_study(data_dir, tmp_path)
    bedside.adopt(tmp_path / "m.skops", study, out=tmp_path / "c")
    assert open_candidate(tmp_path / "c").manifest.missing_limit == 0.0
    study.write_text(study.read_text().replace("[adoption.inputs]", '[adoption]\nunknown = "model"\n[adoption.inputs]'))
    with pytest.raises(DataError, match="plausible rows the model gives no number"):
        bedside.adopt(tmp_path / "m.skops", study, out=tmp_path / "d")


def test_columns_chosen_by_name_are_found_by_place(heart: Data, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="could not import 'shap': it brings pandas")
    frame = pandas.DataFrame(heart[0], columns=list("abcdefg"))
    model = make_pipeline(
        ColumnTransformer([("some", _filled(StandardScaler()), ["g", "a"])], remainder=SimpleImputer()),
        LogisticRegression(max_iter=3000),
    )
    fitted(model, (frame, heart[1]), tmp_path / "m.skops")
    original = read(tmp_path / "m.skops", Asked(width=7))
    rows = rows_around(heart[0])
    expected = model.predict_proba(pandas.DataFrame(rows, columns=list("abcdefg")))
    assert original.facts["inputs"] == "a, b, c, d, e, f, g"
    assert np.abs(original.predict(rows) - expected).max() < 1e-6
    assert np.abs(runner(original.graph, "y", where="here")(rows) - expected).max() < 1e-5


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a regressor": (lambda: _filled(LinearRegression()), "is no classifier"),
    "no probabilities": (lambda: _filled(RidgeClassifier()), "has no predict_proba"),
    "no ONNX form": (lambda: _filled(FunctionTransformer(np.cbrt), LogisticRegression()), "FunctionTransformer"),
    "a search tree": (lambda: _filled(KNeighborsClassifier(algorithm="kd_tree")), "KDTree"),
    "categories": (
        lambda: HistGradientBoostingClassifier(categorical_features=[1], max_iter=3),
        "harmless: functools.partial",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_adopted_is_said(heart: Data, tmp_path: Path, kind: str) -> None:
    make, expected = REFUSED[kind]
    fitted(make(), heart, tmp_path / "m.skops")
    with pytest.raises((DataError, UsageError)) as refused:
        read(tmp_path / "m.skops", Asked(width=7))
    assert expected in str(refused.value) and refused.value.remedy and refused.value.where.endswith("m.skops")


def test_an_unfitted_pipeline_is_refused(tmp_path: Path) -> None:
    skops.dump(_columns(), tmp_path / "m.skops")
    with pytest.raises(DataError, match=r"Pipeline was never fitted\. Save it after fit"):
        read(tmp_path / "m.skops", Asked(width=7))


def test_the_wrong_width_is_said(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    fitted(_filled(LogisticRegression(max_iter=3000)), (heart[0][:, :4], heart[1]), tmp_path / "m.skops")
    with pytest.raises(DataError, match="takes 4 numbers for each patient, and the study gives it 7"):
        bedside.adopt(tmp_path / "m.skops", write_study(data_dir, tmp_path), out=tmp_path / "c")


def test_more_classes_than_the_study_has(heart: Data, data_dir: Path, tmp_path: Path) -> None:
    three = heart[1] + (heart[0][:, 0] > 55) * heart[1]
    fitted(_filled(GaussianNB()), heart, tmp_path / "m.skops", three)
    with pytest.raises(StudyError, match="gives 3 numbers"):
        bedside.adopt(tmp_path / "m.skops", write_study(data_dir, tmp_path), out=tmp_path / "c")


@pytest.mark.parametrize("lost", ["coef_", "intercept_"])
def test_a_file_that_this_scikit_learn_cannot_use_is_refused(heart: Data, tmp_path: Path, lost: str) -> None:
    """As where another version of scikit-learn wrote it, whose estimators have other attributes."""
    fitted(_filled(LogisticRegression(max_iter=3000)), heart, tmp_path / "m.skops")
    _changed(tmp_path / "m.skops", lambda schema: _without(schema, lost))
    with pytest.raises(DataError, match=r"does not work with scikit-learn .* It was written by scikit-learn"):
        read(tmp_path / "m.skops", Asked(width=7))


def _without(value: Any, lost: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, lost) for name, inner in value.items() if name != lost}
    return [_without(inner, lost) for inner in value] if isinstance(value, list) else value


class Own(LogisticRegression):
    """An estimator of the user's own, which scikit-learn does not have."""


def _changed(path: Path, change: Callable[[Any], Any], extra: dict[str, bytes] | None = None) -> None:
    """The file with another schema."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    kept["schema.json"] = json.dumps(change(json.loads(kept["schema.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (kept | (extra or {})).items():
            archive.writestr(name, content)


def _leaf(value: Any) -> dict[str, Any]:
    return {"__class__": type(value).__name__, "__module__": "builtins", "__loader__": "JsonNode", "__id__": id(value),
            "content": json.dumps(value), "is_json": True}  # fmt: skip


def _calls(marker: Path) -> dict[str, Any]:
    """What would start a program that writes the marker."""
    words = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 2,
             "content": [_leaf("touch"), _leaf(str(marker))]}  # fmt: skip
    arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "__id__": 3,
                 "content": [words]}  # fmt: skip
    return {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ConstructorFromReduceNode", "__id__": 4,
            "content": arguments}  # fmt: skip


def test_a_program_in_the_file_is_listed_and_never_run(
    heart: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, marker = tmp_path / "m.skops", tmp_path / "ran"
    fitted(_filled(GaussianNB()), heart, path)

    def hidden(schema: Any) -> Any:
        schema["content"]["content"]["memory"] = _calls(marker)
        return schema

    _changed(path, hidden)
    started: list[Any] = []
    with monkeypatch.context() as patched:  # whoever trusts the file starts the program
        patched.setattr(subprocess, "Popen", lambda *words: started.append(words))
        skops.load(path, trusted=skops.get_untrusted_types(file=path))
        assert started
        started.clear()
        with pytest.raises(UsageError, match=r"not known to be harmless: subprocess\.Popen"):
            read(path, Asked(width=7))
    assert not started and not marker.exists()


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "FunctionNode"),
        ("numpy", "load", "FunctionNode"),
        ("sklearn.datasets", "load_files", "TypeNode"),
        ("operator", "methodcaller", "OperatorFuncNode"),
        ("sklearn.pipeline", "Pipeline", "MethodNode"),
        ("sklearn.pipeline", "Pipeline", ["ObjectNode"]),
    ],
)
def test_functions_of_elsewhere_are_refused(heart: Data, tmp_path: Path, module: str, name: str, loader: Any) -> None:
    path = tmp_path / "m.skops"
    fitted(_filled(GaussianNB()), heart, path)

    def named(schema: Any) -> Any:
        schema["content"]["content"]["memory"] = {"__class__": name, "__module__": module, "__loader__": loader,
            "__id__": 7, "content": {"attrs": _leaf(1), "obj": _leaf(2), "func": "x"}}  # fmt: skip
        return schema

    _changed(path, named)
    with pytest.raises(UsageError, match=f"{module}.{name}"):
        read(path, Asked(width=7))


def test_an_estimator_of_ones_own_is_listed(heart: Data, tmp_path: Path) -> None:
    fitted(_filled(Own(max_iter=3000)), heart, tmp_path / "m.skops")
    with pytest.raises(UsageError, match=r"harmless: .*test_adopt_sklearn\.Own\. .* export it to ONNX"):
        read(tmp_path / "m.skops", Asked(width=7))


class _Marks:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def test_a_pickle_among_the_arrays_is_not_opened(heart: Data, tmp_path: Path) -> None:
    path, marker = tmp_path / "m.skops", tmp_path / "ran"
    fitted(_filled(GaussianNB()), heart, path)
    array = io.BytesIO()
    np.save(array, np.array([_Marks(marker)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path) as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
    _changed(path, lambda schema: schema, {name: array.getvalue() for name in arrays})
    with pytest.raises(DataError, match="skops cannot open it"):
        read(path, Asked(width=7))
    assert not marker.exists()
    array.seek(0)
    np.load(array, allow_pickle=True)
    assert marker.exists()  # it would have


@pytest.mark.parametrize("name", ["m.skops", "m.pkl", "m.joblib"])
def test_a_pickle_by_any_name_is_refused_with_the_way_out(
    heart: Data, data_dir: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(_Marks(tmp_path / "ran")))
    with pytest.raises(UsageError, match=r"is a pickle: opening it would run .* skops"):
        bedside.adopt(tmp_path / name, write_study(data_dir, tmp_path), out=tmp_path / "c")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["tree", "histogram boosting"])
def test_a_tree_that_leads_out_of_itself_is_refused_before_it_predicts(heart: Data, tmp_path: Path, kind: str) -> None:
    model = KINDS[kind]().fit(*heart)
    if kind == "tree":
        tree = model[-1].tree_
        state = tree.__getstate__()
        state["nodes"]["left_child"][0] = 10**6
        tree.__setstate__(state)
    else:
        model._predictors[3][0].nodes["right"][0] = 10**6
    skops.dump(model, tmp_path / "m.skops")
    with pytest.raises(DataError, match="is damaged: tree 0 is no tree"):
        read(tmp_path / "m.skops", Asked(width=7))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"nothing"])
def test_no_skops_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(BedsideError, match="cannot be read as a skops file"):
        read(tmp_path / "m.skops", Asked(width=7))


def test_a_model_of_when_something_happens_is_refused(data_dir: Path, tmp_path: Path) -> None:
    import rotterdam

    (tmp_path / "model.skops").write_bytes(skops.dumps(LogisticRegression()))
    with pytest.raises(StudyError, match="when something happens cannot be adopted"):
        bedside.adopt(tmp_path / "model.skops", rotterdam.death(data_dir, tmp_path), out=tmp_path / "out")
