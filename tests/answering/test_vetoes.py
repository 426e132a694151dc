"""A veto holds wherever an answer is asked for: in tables and in inferences, by what is known there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import hospital as house
import msgspec
import numpy as np
import pytest
import quantities as made

import bedside
from bedside.answering import answer_patient, predictions, vetoes
from bedside.errors import DataError
from bedside.release import Model, open_release
from bedside.sources import Reading, read_patient

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
OLD = house.HIGH | {"age": 81.0}
GUIDED = {
    "trial": (made.trial(), {"streptomycin": "streptomycin"}),
    "dose": (made.dosing(), {"warfarin": "warfarin"}),
}


def _model(folder: Path, name: str, **changes: Any) -> Model:
    one, drugs = GUIDED[name]
    told = made.guidance(drugs, "age", ">", 80.0, **changes)
    return open_release(*house.make_release(folder, quantities=one, guidance=told)).load()


def _together(model: Model, *patients: dict[str, Any]) -> Reading:
    each = [read_patient(model.manifest.schema, values, now=NOW) for values in patients]
    return Reading(
        rows=np.arange(1, len(each) + 1),
        values=np.concatenate([one.values for one in each]),
        problems=np.concatenate([one.problems for one in each]),
    )


def test_a_vetoed_arm_is_recommended_nowhere(tmp_path: Path) -> None:
    model = _model(tmp_path, "trial")
    for values, favoured in ((house.HIGH, "streptomycin"), (OLD, None)):
        arms = answer_patient(model, values, now=NOW).arms
        assert arms is not None
        assert arms.recommended == favoured
    found = predictions(model, _together(model, house.HIGH, OLD, house.HIGH), today=NOW.date())
    assert found["recommended"].tolist() == ["streptomycin", "", "streptomycin"]
    assert found["vetoed"].tolist() == ["", "streptomycin", ""]
    assert not np.isnan(found["effect_streptomycin"]).any(), "what the model says of the arm stays"


def test_a_vetoed_dose_is_told_nowhere(tmp_path: Path) -> None:
    model = _model(tmp_path, "dose")
    assert answer_patient(model, OLD, now=NOW).estimate is None
    found = predictions(model, _together(model, house.HIGH, OLD), today=NOW.date())
    for name in ("dose", "low", "high"):
        assert np.isnan(found[name]).tolist() == [False, True]
    assert found["vetoed"].tolist() == ["", "warfarin"]


@pytest.mark.parametrize("name", ["trial", "dose"])
def test_what_is_not_in_the_table_vetoes_nothing_there(tmp_path: Path, name: str) -> None:
    model = _model(tmp_path, name)
    found = vetoes(model, _together(model, house.HIGH | {"age": None}, OLD))
    assert found is not None
    assert found.any(axis=1).tolist() == [False, True]


def test_without_guidance_there_is_no_column(tmp_path: Path) -> None:
    model = open_release(*house.make_release(tmp_path, quantities=made.trial())).load()
    reading = _together(model, OLD)
    assert vetoes(model, reading) is None
    assert "vetoed" not in predictions(model, reading, today=NOW.date())


def test_a_vetoed_dose_is_not_explained_as_its_explanation_adds_up_to_it(tmp_path: Path) -> None:
    one, drugs = GUIDED["dose"]
    release, key = house.make_release(tmp_path, quantities=one, guidance=made.guidance(drugs, "pregnant", "==", "yes"))
    for name, sent in {"no": "no", "yes": "yes"}.items():
        record = {"pregnant": sent, "CYP2C9": "*1/*3", "medications": []}
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode({"values": house.HIGH | record}))
    (tmp_path / "list.json").write_bytes(b'{"values": [1]}')
    with pytest.raises(DataError, match="values must be one JSON object"):
        list(bedside.explain(release, tmp_path / "list.json", key=key).cases)
    (told,) = bedside.explain(release, tmp_path / "no.json", key=key).cases
    assert told["base_value"] + sum(told["values"].values()) == pytest.approx(_dose(release, key), rel=1e-3)
    (kept,) = bedside.explain(release, tmp_path / "yes.json", key=key).cases
    assert kept == {"patient": None, "abstained": False, "reasons": ["Guidance forbids the drug: its dose is not told"]}
    against_the_old = made.guidance(drugs, "age", ">", 80.0)
    release, key = house.make_release(tmp_path / "old", quantities=one, guidance=against_the_old)
    table = tmp_path / "patients.csv"
    table.write_text("\n".join([",".join(OLD), *(",".join(map(str, one.values())) for one in (house.HIGH, OLD))]))
    assert ["reasons" in case for case in bedside.explain(release, table, key=key).cases] == [False, True]


def _dose(release: Path, key: Path) -> float:
    answer = answer_patient(open_release(release, key).load(), house.HIGH, now=NOW, explain=False)
    assert answer.dose is not None
    assert answer.dose.dose is not None
    return answer.dose.dose


def test_a_table_that_has_the_record_is_vetoed_by_it(tmp_path: Path) -> None:
    """A pregnant patient beside an empty ``vetoed`` would read as an all-clear."""
    one, drugs = GUIDED["dose"]
    against = made.guidance(drugs, "pregnant", "==", "yes")
    release, key = house.make_release(tmp_path / "made", quantities=one, guidance=against)
    table, names = tmp_path / "patients.csv", [*house.HIGH, "pregnant", "medications"]
    own = ",".join(map(str, house.HIGH.values()))
    cells = ["no,", "yes,", ",", "perhaps,", "no,not aspirin", "no,aspirin; paracetamol"]
    table.write_text("\n".join([",".join(names), *(f"{own},{cell}" for cell in cells)]))
    (found,) = bedside.predict(release, table, key=key).pieces
    kept = [False, True, False, True, True, False]
    assert np.isnan(found["dose"]).tolist() == kept
    assert found["vetoed"].tolist() == ["warfarin" if one else "" for one in kept]
    assert ["reasons" in case for case in bedside.explain(release, table, key=key).cases] == kept
