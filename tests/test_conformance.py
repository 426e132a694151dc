"""The built-ins pass the checks that plug-ins are held to, and the checks can fail."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import numpy as np
import pytest
from own_environment import require

from bedside.cohort import task, task_names
from bedside.cohort.study_keys import TARGETS
from bedside.explanation import explainer, shap
from bedside.release import Material, open_candidate, target
from bedside.release.server_cpu import ServerCpu
from bedside.release.target import BUILT_IN
from bedside.sources import parts, sources
from bedside.testing import THREE_PATIENTS, check_explainer, check_source, check_target, check_task

ROOT = Path(__file__).parents[1]


def names(group: str) -> list[str]:
    return sorted({point.name for point in entry_points(group=group)})


@pytest.mark.parametrize("name", names("bedside.explainers"))
def test_explainers(name: str) -> None:
    check_explainer(explainer(name))


@pytest.mark.parametrize("name", task_names())
def test_tasks(name: str) -> None:
    check_task(task(name))


def test_each_layer_has_the_parts_of_each_task() -> None:
    from bedside.cohort.draft import OUTCOMES
    from bedside.cohort.labels import LABELS
    from bedside.cohort.measure_names import MEASURES
    from bedside.cohort.sample_size_check import SIZES
    from bedside.network.losses import LOSSES
    from bedside.training.heads import FLOORS, HEADS
    from bedside.validation.registry import MEASURES as EVIDENCE
    from bedside.validation.shown import SHOWN

    own = [task(name) for name in task_names()]
    for registry in (LABELS, OUTCOMES, SIZES):
        assert {one.label for one in own} <= set(registry)
    for registry in (MEASURES, EVIDENCE, SHOWN):
        assert {one.measures for one in own} <= set(registry)
    assert {one.head for one in own} <= set(HEADS)
    assert {one.loss for one in own} <= set(LOSSES)
    assert {one.floor for one in own} <= set(FLOORS)


def test_a_gate_of_a_prognosis_can_name_what_the_evidence_has_and_nothing_else() -> None:
    from bedside.cohort.measure_names import MEASURES
    from bedside.validation.prognosis import ORDER

    assert set(MEASURES["prognosis"].names) == set(ORDER) - {"net_benefit_gain"}


def test_a_gate_of_a_treatment_or_a_dose_can_name_what_the_evidence_has_and_nothing_else() -> None:
    from bedside.cohort.measure_names import MEASURES
    from bedside.validation import dose, treatment

    assert set(MEASURES["treatment"].names) == set(treatment.ORDER)
    assert set(MEASURES["dose"].names) == set(dose.ORDER)


def material(demonstrated: Path) -> Material:
    candidate = open_candidate(demonstrated / "demo" / "release")
    calibration = np.random.default_rng(1).normal(size=(100, 30))
    return Material(candidate.files["model.onnx"], candidate.manifest, calibration, candidate.files)


@pytest.mark.parametrize("name", sorted({*names("bedside.targets"), *BUILT_IN}))
def test_targets(name: str, demonstrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "browser" and target(name).missing_to_make() is not None:
        pytest.skip("onnxruntime-web is not installed; scripts/onnxruntime-web fetches it")
    if name == "phone":
        require("executorch", monkeypatch)
    check_target(target(name), material(demonstrated))


def test_every_built_in_target_is_registered_and_known_to_the_study() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["bedside.targets"]
    assert listed == BUILT_IN
    assert set(TARGETS) == set(BUILT_IN)
    assert {target(name).name for name in BUILT_IN} == set(BUILT_IN)


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
    assert names("bedside.tasks") == ["diagnosis", "dose", "prognosis", "treatment"]
    assert names("bedside.targets") == ["browser", "phone", "server-cpu", "server-cpu-int8", "server-gpu"]


def test_an_explainer_that_lies_is_caught() -> None:
    def halved(*arguments, **named):
        found = shap(*arguments, **named)
        values = {name: value / 2 for name, value in found.values.items()}
        rest = sum(found.values.values()) / 2
        return msgspec.structs.replace(found, values=values, base_value=found.base_value + rest)

    with pytest.raises(AssertionError, match=r"w \* \(x - mean\)"):
        check_explainer(halved)


def test_a_target_that_mixes_patients_is_caught(demonstrated: Path) -> None:
    class Mixing(ServerCpu):
        def load(self, graph, **named):
            predict = super().load(graph, **named)

            def mixed(values):
                found = predict(values)
                mean = found.columns.mean(axis=0, keepdims=True)
                return replace(found, columns=(found.columns + mean) / 2)

            return mixed

    with pytest.raises(AssertionError, match="batch"):
        check_target(Mixing(), material(demonstrated))
