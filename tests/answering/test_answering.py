from __future__ import annotations

import datetime as dt
import math
import uuid
from dataclasses import replace
from types import ModuleType

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.answering import Answer, answer_patient, answer_row, judge, predictions, reason_codes, reason_texts
from bedside.answering.identifier import answer_id
from bedside.errors import DataError, UsageError, ValueRefused
from bedside.release import Model, Prediction, ReviewRule, pack
from bedside.sources import Problem, Reading

NOW = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
TODAY = NOW.date()
VALUES = {"age": 61, "radius": 14.1, "ratio": 0.2, "menopause": "post"}


@pytest.fixture(scope="session")
def model(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pack(small.parts(), tmp_path_factory.mktemp("a") / "candidate").load()


@pytest.fixture(scope="session")
def three(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pack(small.parts(3, spread=True), tmp_path_factory.mktemp("b") / "candidate").load()


def reading(values: np.ndarray, **changes: object) -> Reading:
    problems = np.where(np.isnan(values), np.uint8(Problem.MISSING), np.uint8(0))
    made = Reading(rows=np.arange(1, len(values) + 1), values=values, problems=problems.astype(np.uint8))
    return replace(made, **changes)  # type: ignore[arg-type]


def changed(model: Model, **changes: object) -> Model:
    return replace(model, manifest=msgspec.structs.replace(model.manifest, **changes))


def test_probability_sets_and_alert(small: ModuleType, model: Model) -> None:
    values = small.patients(200)
    judged = judge(model, reading(values), today=TODAY)
    probability, distance = small.expected(values)
    np.testing.assert_allclose(judged.columns, probability, atol=2e-6)
    np.testing.assert_allclose(judged.distance, distance, rtol=1e-5)
    assert judged.alert is not None
    np.testing.assert_array_equal(judged.alert, judged.columns[:, 1] >= 0.2)
    assert 0 < judged.alert.sum() < 200
    for row in range(200):
        expected = [1 - p <= 0.6 for p in judged.columns[row]]
        expected[int(judged.columns[row].argmax())] = True
        assert judged.sets[row].tolist() == expected


def test_threshold_itself_is_an_alert(model: Model) -> None:
    exact = replace(changed(model, threshold=0.25), predict=fixed([[0.75, 0.25], [0.76, 0.24]]))
    judged = judge(exact, reading(np.full((2, 4), 1.0)), today=TODAY)
    assert judged.alert is not None and judged.alert.tolist() == [True, False]


def fixed(probability: list[list[float]], distance: float = 1.0) -> object:
    def predict(values: np.ndarray) -> Prediction:
        return Prediction(
            np.array(probability, dtype=np.float32), np.full(len(values), distance, dtype=np.float32), None
        )

    return predict


def test_several_classes_alert_by_any_threshold(three: Model) -> None:
    model = changed(three, threshold={"class 1": 0.5, "class 2": 0.3})
    model = replace(model, predict=fixed([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.6, 0.1, 0.3], [0.9, 0.05, 0.05]]))
    judged = judge(model, reading(np.full((4, 4), 1.0)), today=TODAY)
    assert judged.alert is not None and judged.alert.tolist() == [False, True, True, False]
    assert judge(changed(model, threshold=None), reading(np.full((4, 4), 1.0)), today=TODAY).alert is None


def test_limits_are_exclusive(small: ModuleType, model: Model) -> None:
    values = np.tile(small.MEAN.astype(float), (3, 1))
    values[1, :2] = np.nan  # 2 of 4: exactly the limit of one half
    values[2, :3] = np.nan
    judged = judge(model, reading(values), today=TODAY)
    assert [reason_codes(int(bits)) for bits in judged.reasons] == [(), (), ("too-much-missing",)]
    far = replace(model, predict=fixed([[0.5, 0.5]] * 3, distance=6.0))
    assert not judge(far, reading(values[:1].repeat(3, axis=0)), today=TODAY).abstained.any()
    for distance in (6.0001, math.nan, math.inf):
        beyond = replace(model, predict=fixed([[0.5, 0.5]] * 3, distance=distance))
        judged = judge(beyond, reading(values[:1].repeat(3, axis=0)), today=TODAY)
        assert [reason_codes(int(bits)) for bits in judged.reasons] == [("unlike-training",)] * 3


@pytest.mark.parametrize(("limit", "most"), [(0.0, 0), (0.24, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_missing_limit_counts_whole_predictors(small: ModuleType, model: Model, limit: float, most: int) -> None:
    values = np.tile(small.MEAN.astype(float), (5, 1))
    for unknown in range(5):
        values[unknown, :unknown] = np.nan
    judged = judge(changed(model, missing_limit=limit), reading(values), today=TODAY)
    assert judged.abstained.tolist() == [unknown > most for unknown in range(5)]


def test_expired_from_the_next_day_on(small: ModuleType, model: Model) -> None:
    dated = changed(model, valid_until=TODAY)
    patient = reading(np.tile(small.MEAN.astype(float), (1, 1)))
    assert not judge(dated, patient, today=TODAY).abstained.any()
    judged = judge(dated, patient, today=TODAY + dt.timedelta(days=1))
    assert (
        reason_texts(dated, patient, judged, 0)[0].text == "The release was valid until 2026-11-22; today is 2026-11-23"
    )


def test_stale_values(small: ModuleType, model: Model) -> None:
    values = np.tile(small.MEAN.astype(float), (4, 1))
    ages = np.full((4, 4), np.nan)
    ages[:, 0] = 400.0  # age has no limit
    ages[1, 1], ages[2, 1], ages[3, 1] = 30.0, 30.5, 99.0
    values[3, 1] = np.nan
    given = reading(values, ages_days=ages)
    judged = judge(model, given, today=TODAY)
    assert judged.abstained.tolist() == [False, False, True, False]
    (reason,) = reason_texts(model, given, judged, 2)
    assert (reason.code, reason.text) == (
        "stale-value",
        "Mean nucleus radius is 30.5 days old; at most 30 are accepted",
    )


def test_texts_of_cells(small: ModuleType, model: Model) -> None:
    values = np.tile(small.MEAN.astype(float), (1, 1))
    values[0, [0, 1, 3]] = np.nan
    problems = np.array([[Problem.IMPLAUSIBLE, Problem.NOT_A_NUMBER, 0, Problem.UNKNOWN_CATEGORY]], dtype=np.uint8)
    texts = {(0, 0): "430", (0, 1): "large", (0, 3): "peri"}
    given = reading(values, problems=problems, texts=texts)
    judged = judge(model, given, today=TODAY)
    assert [(r.code, r.text) for r in reason_texts(model, given, judged, 0)] == [
        ("too-much-missing", "3 of 4 predictors are unknown; at most 2 may be"),
        ("not-a-number", "Mean nucleus radius: 'large' is not a number"),
        ("unknown-category", "Menopause: 'peri' is not one of pre, post"),
        ("implausible", "Age: '430' is outside 18 to 100 a; taken as unknown"),
    ]


def test_implausible_is_only_noted(small: ModuleType, model: Model) -> None:
    values = np.tile(small.MEAN.astype(float), (1, 1))
    values[0, 0] = np.nan
    problems = np.array([[Problem.IMPLAUSIBLE, 0, 0, 0]], dtype=np.uint8)
    given = reading(values, problems=problems, texts={(0, 0): "430"})
    judged = judge(model, given, today=TODAY)
    assert not judged.abstained[0]
    answer = answer_row(model, given, 0, judged, now=NOW)
    assert answer.estimate is not None and answer.reasons == ()
    assert answer.warnings == ("Age: '430' is outside 18 to 100 a; taken as unknown",)
    columns = predictions(model, given, today=TODAY)
    assert columns["reasons"].tolist() == ["implausible"] and columns["abstained"].tolist() == [False]
    assert columns["probability"][0] == judged.columns[0, 1]


@pytest.mark.parametrize("sets", [True, False])
@pytest.mark.parametrize("given", [[math.nan, math.nan], [0.5, math.nan], [-1e-9, 1.0], [0.0, 1.1]])
def test_graph_that_gives_no_probability(model: Model, given: list[float], *, sets: bool) -> None:
    for rows in (1, 7):  # few numbers are looked at otherwise than many
        broken = replace(model, predict=fixed([[0.4, 0.6]] * (rows - 1) + [given]))
        with pytest.raises(DataError, match=f"row {rows - 1}"):
            judge(broken, reading(np.full((rows, 4), 1.0)), today=TODAY, sets=sets)


def test_sets_that_nobody_asks_for_are_not_formed_and_all_else_is_the_same(small: ModuleType, three: Model) -> None:
    values = small.patients(50)
    asked, unasked = (judge(three, reading(values), today=TODAY, sets=sets) for sets in (True, False))
    assert unasked.sets is None and asked.sets is not None
    for name in ("columns", "estimates", "distance", "spread", "reasons", "abstained", "alert"):
        np.testing.assert_array_equal(getattr(asked, name), getattr(unasked, name))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 99))
def test_judging_together_or_alone(small: ModuleType, model: Model, n: int, seed: int) -> None:
    values = small.patients(n, seed) * np.random.default_rng(seed).choice([1.0, 3.0], (n, 1))
    together = judge(model, reading(values), today=TODAY)
    for row in range(n):
        alone = judge(model, reading(values[row : row + 1]), today=TODAY)
        np.testing.assert_allclose(alone.columns[0], together.columns[row], atol=1e-6)
        assert alone.reasons[0] == together.reasons[row]
        assert (alone.sets[0] == together.sets[row]).all()


def test_columns_of_a_table(small: ModuleType, model: Model, three: Model) -> None:
    values = small.patients(30)
    values[4] = np.nan
    columns = predictions(model, reading(values), today=TODAY)
    assert list(columns) == ["probability", "abstained", "reasons"]
    np.testing.assert_allclose(columns["probability"][:4], small.expected(values)[0][:4, 1], atol=2e-6)
    assert math.isnan(columns["probability"][4]) and columns["abstained"][4]
    assert columns["reasons"][4] == "too-much-missing" and columns["reasons"][0] == ""
    several = predictions(three, reading(values), today=TODAY)
    assert list(several) == [
        "probability_class 0",
        "probability_class 1",
        "probability_class 2",
        "abstained",
        "reasons",
    ]
    none = predictions(model, reading(np.empty((0, 4))), today=TODAY)
    assert all(len(column) == 0 for column in none.values())


def test_reason_codes() -> None:
    assert reason_codes(0) == ()
    every = (
        "expired",
        "too-much-missing",
        "stale-value",
        "unlike-training",
        "not-a-number",
        "unknown-category",
        "implausible",
    )
    assert reason_codes(127) == every


def test_one_patient(small: ModuleType, model: Model) -> None:
    answer = answer_patient(model, VALUES, now=NOW, patient="ref", warnings=("Not approved for care",))
    row = np.array([[61, 14.1, 0.2, 1.0]])
    expected = small.expected(row)[0][0]
    assert answer.estimate is not None and list(answer.estimate) == ["benign", "malignant"]
    np.testing.assert_allclose(list(answer.estimate.values()), expected, atol=2e-6)
    assert (answer.positive, answer.patient, answer.status) == ("malignant", "ref", "preliminary")
    assert answer.alert == (expected[1] >= 0.2)
    assert not answer.abstained and answer.reasons == () and answer.spread is None
    assert answer.warnings == ("Not approved for care",)
    assert answer.expires - answer.created == dt.timedelta(days=30)
    assert answer.release.digest == model.digest and answer.release.processor == model.processor
    assert (
        answer.values["menopause"].value == "post"
        and answer.values["age"].value == 61
        and answer.values["age"].unit == "a"
    )
    assert set(answer.prediction_set) <= {"benign", "malignant"} and answer.prediction_set
    again = msgspec.json.decode(msgspec.json.encode(answer), type=Answer)
    assert again == answer


def test_explanation_explains_the_estimate(small: ModuleType, model: Model) -> None:
    answer = answer_patient(model, VALUES, now=NOW)
    found = answer.explanation
    assert found is not None and answer.estimate is not None
    assert found.output == "malignant" and list(found.values) == list(small.SCHEMA.names)
    assert found.base_value + sum(found.values.values()) == pytest.approx(answer.estimate["malignant"], abs=1e-6)
    background = small.expected(model.background.values)[0][:, 1]
    assert found.base_value == pytest.approx(float(model.background.weights @ background), abs=1e-5)
    assert "none of them is a person" in found.compared_with
    assert answer_patient(model, VALUES, now=NOW, explain=False).explanation is None


def test_several_classes(three: Model) -> None:
    answer = answer_patient(three, VALUES, now=NOW)
    assert answer.estimate is not None and answer.explanation is not None
    likely = max(answer.estimate, key=lambda name: answer.estimate[name])  # type: ignore[index]
    assert answer.explanation.output == likely and answer.positive is None
    assert answer.spread == pytest.approx(0.1 * answer.estimate[likely], rel=1e-5)


def test_abstaining_answer_shows_no_number(model: Model) -> None:
    answer = answer_patient(model, {"age": 61}, now=NOW)
    assert answer.abstained and answer.queued
    assert (answer.estimate, answer.prediction_set, answer.spread, answer.alert, answer.explanation) == (
        None,
        (),
        None,
        None,
        None,
    )
    assert answer.reasons[0].text == "3 of 4 predictors are unknown; at most 2 may be"
    assert answer.values["radius"].value is None


def test_unlike_training(model: Model) -> None:
    answer = answer_patient(model, VALUES | {"radius": 59.0}, now=NOW)
    assert [reason.code for reason in answer.reasons] == ["unlike-training"]
    assert "distance 12.9; at most 6 is answered" in answer.reasons[0].text


def test_units_and_times_are_kept_as_given(model: Model) -> None:
    measured = NOW - dt.timedelta(days=3)
    answer = answer_patient(
        model, VALUES | {"radius": {"value": 0.0141, "unit": "mm", "time": measured.isoformat()}}, now=NOW
    )
    radius = answer.values["radius"]
    assert radius.value == pytest.approx(14.1) and radius.unit == "um"
    assert radius.given == "0.0141 mm" and radius.time == measured
    same = answer_patient(model, VALUES | {"radius": {"value": 14.1, "unit": "um"}}, now=NOW).values["radius"]
    assert same.given is None and same.time is None
    old = {"value": 14.1, "time": (NOW - dt.timedelta(days=31)).isoformat()}
    assert [r.code for r in answer_patient(model, VALUES | {"radius": old}, now=NOW).reasons] == ["stale-value"]


def test_bad_values_are_refused_and_named(model: Model) -> None:
    with pytest.raises(ValueRefused) as caught:
        answer_patient(model, {"age": 430, "radius": "large", "weight": 1, "menopause": "peri"}, now=NOW)
    assert set(caught.value.problems) == {"age", "radius", "weight", "menopause"}


@pytest.mark.parametrize(
    ("queue", "expected"),
    [((), (False, False, False)), (("alert",), (True, False, False)), (("abstained",), (False, True, False)),
     (("asked",), (False, False, True)), (("alert", "abstained", "asked"), (True, True, True))],
)  # fmt: skip
def test_what_queues(model: Model, queue: tuple[str, ...], expected: tuple[bool, ...]) -> None:
    ruled = changed(model, review=ReviewRule(queue=queue, expires_after_days=1), threshold=0.0)
    calm = changed(ruled, threshold=None)
    queued = (
        answer_patient(ruled, VALUES, now=NOW, explain=False).queued,
        answer_patient(calm, {}, now=NOW, explain=False).queued,
        answer_patient(calm, VALUES, now=NOW, explain=False, asked=True).queued,
    )
    assert queued == expected
    assert not answer_patient(calm, VALUES, now=NOW, explain=False).queued


def test_where_the_own_estimate_comes_first_waiting_does_not_tell_an_alert(model: Model) -> None:
    for threshold in (0.0, 1.0):
        ruled = changed(model, review=ReviewRule(queue=("alert",), own_estimate_first=True), threshold=threshold)
        answer = answer_patient(ruled, VALUES, now=NOW, explain=False)
        assert (answer.alert, answer.queued, answer.own_estimate_first) == (threshold == 0, True, True)
    silent = answer_patient(ruled, {}, now=NOW, explain=False)
    assert (silent.abstained, silent.queued, silent.own_estimate_first) == (True, False, False)


def test_the_answer_says_how_far_the_patient_is_from_the_training_population(small: ModuleType, model: Model) -> None:
    values = small.patients(1)
    row = dict(zip(model.manifest.schema.names, values[0].tolist(), strict=True))
    row["menopause"] = ("pre", "post")[int(row["menopause"])]
    answer = answer_patient(model, {k: v for k, v in row.items() if v == v}, now=NOW, explain=False)
    assert answer.distance == pytest.approx(small.expected(values)[1][0], rel=1e-5)


def test_a_clock_without_a_zone_is_utc(model: Model) -> None:
    answer = answer_patient(model, VALUES, now=NOW.replace(tzinfo=None), explain=False)
    assert answer.created == NOW
    east = NOW.astimezone(dt.timezone(dt.timedelta(hours=8)))
    assert answer_patient(model, VALUES, now=east, explain=False).created.tzinfo == dt.UTC
    evening = dt.datetime(2026, 11, 22, 23, 0, tzinfo=dt.timezone(dt.timedelta(hours=-8)))  # the 23rd in UTC
    dated = changed(model, valid_until=TODAY)
    first = answer_patient(dated, VALUES, now=evening, explain=False)
    assert first.abstained and answer_patient(dated, VALUES, now=first.created, explain=False).abstained


def test_identifiers_sort_by_time() -> None:
    times = [NOW + dt.timedelta(milliseconds=j) for j in range(50)]
    made = [answer_id(time) for time in times]
    assert made == sorted(made) and len(set(made)) == 50
    read = uuid.UUID(made[7])
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert read.int >> 80 == int(times[7].timestamp() * 1000)


def test_unknown_explainer(model: Model) -> None:
    from bedside.answering import explain_row

    given = reading(np.full((1, 4), 1.0))
    with pytest.raises(UsageError, match="tea-leaves"):
        explain_row(model, given.values[0], 0, "tea-leaves")


def test_answering_needs_no_training_library() -> None:
    """In a process of its own: the packages that serving imports reach none of these."""
    import subprocess
    import sys

    code = (
        "import sys, bedside.answering, bedside.release;"
        "slow = 'torch sklearn onnx scipy pandas matplotlib model_signing onnxruntime'.split();"
        "bad = {m.split('.')[0] for m in sys.modules} & set(slow);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
