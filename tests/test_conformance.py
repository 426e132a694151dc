"""The built-ins pass the checks that plug-ins are held to, and the checks can fail."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bedside.cohort import task
from bedside.explanation import explainer, shap
from bedside.release import target
from bedside.sources import parts, sources
from bedside.testing import THREE_PATIENTS, check_explainer, check_source, check_target, check_task


def names(group: str) -> list[str]:
    return sorted({point.name for point in entry_points(group=group)})


@pytest.mark.parametrize("name", names("bedside.explainers"))
def test_explainers(name: str) -> None:
    check_explainer(explainer(name))


@pytest.mark.parametrize("name", names("bedside.tasks"))
def test_tasks(name: str) -> None:
    check_task(task(name))


@pytest.mark.parametrize("name", names("bedside.targets"))
def test_targets(name: str, demonstrated: Path) -> None:
    check_target(target(name), (demonstrated / "demo" / "release" / "model.onnx").read_bytes(), 30, 2)


def three_patients(path: Path) -> Path:
    numbers = np.array([np.nan if age is None else age for age in THREE_PATIENTS["age"]], dtype=float)
    texts = {name: np.array(THREE_PATIENTS[name], dtype=object) for name in ("patient", "sex")}
    with parts(path, {}) as written:
        written.append({"patient": texts["patient"], "age": numbers, "sex": texts["sex"]})
        written.finish()
    return path


@pytest.mark.parametrize("name", names("bedside.sources"))
def test_sources(name: str, tmp_path: Path) -> None:
    (source,) = [one for one in sources() if one.name == name]
    check_source(source, three_patients(tmp_path / f"three.{name}"))


def test_a_source_that_guesses_types_is_caught(tmp_path: Path) -> None:
    path = three_patients(tmp_path / "three.csv")
    path.write_text(path.read_text().replace("001", "1"))
    with pytest.raises(AssertionError, match="001 is not 1"):
        check_source(sources()[-1], path)


def test_each_group_has_its_built_in() -> None:
    assert names("bedside.sources") == ["csv", "parquet"]
    assert names("bedside.explainers") == ["shap"]
    assert names("bedside.tasks") == ["diagnosis"]
    assert names("bedside.targets") == ["server-cpu"]


def test_an_explainer_that_lies_is_caught() -> None:
    def halved(*arguments, **named):
        found = shap(*arguments, **named)
        values = {name: value / 2 for name, value in found.values.items()}
        rest = sum(found.values.values()) / 2
        return msgspec.structs.replace(found, values=values, base_value=found.base_value + rest)

    with pytest.raises(AssertionError, match=r"w \* \(x - mean\)"):
        check_explainer(halved)


def test_a_target_that_mixes_patients_is_caught(demonstrated: Path) -> None:
    graph = (demonstrated / "demo" / "release" / "model.onnx").read_bytes()
    real = target("server-cpu")

    class Mixing:
        name, runtime, tolerance = "mixing", real.runtime, real.tolerance

        def load(self, graph, **named):
            predict = real.load(graph, **named)

            def mixed(values):
                found = predict(values)
                mean = found.probability.mean(axis=0, keepdims=True)
                return replace(found, probability=(found.probability + mean) / 2)

            return mixed

    with pytest.raises(AssertionError, match="batch"):
        check_target(Mixing(), graph, 30, 2)
