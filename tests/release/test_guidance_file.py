"""``guidance.json``: the statements of a release, covered by its digest, read back as they were packed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from bedside.errors import DataError, Refused
from bedside.genome import Condition, Contraindication
from bedside.release import Guidance, Parts, guidance_of, open_candidate, pack
from bedside.sources import Variable


def guidance(**changes: object) -> Guidance:
    asked: dict[str, object] = {
        "indications": {},
        "genes": ("CYP2C9", "VKORC1"),
        "record": (Variable(name="VKORC1", kind="category", label="VKORC1", gene="VKORC1"),),
        "medications": "medications",
        "contraindications": (
            Contraindication(
                name="old",
                drugs=(),
                when=(Condition(text="age >= 90", variable="age", operator=">=", value=90),),
                action="monitor",
                reason="r",
                source="s",
            ),
        ),
    }
    return guidance_of({"warfarin": "warfarin"}, **(asked | changes))  # type: ignore[arg-type]


def with_guidance(small: ModuleType, stated: Guidance) -> Parts:
    return Parts(**(vars(small.parts()) | {"guidance": stated}))


def test_what_concerns_the_release_is_in_it(small: ModuleType, tmp_path: Path) -> None:
    made = guidance()
    packed = pack(with_guidance(small, made), tmp_path / "c")
    assert packed.manifest.files.keys() >= {"guidance.json"}
    opened = open_candidate(tmp_path / "c")
    assert opened.guidance == made
    assert opened.load().guidance == made
    assert opened.digest != pack(small.parts(), tmp_path / "d").digest
    assert {row.gene for row in made.rows} == {"CYP2C9", "VKORC1"}
    assert {drug for row in made.rows for drug in row.drugs} == {"warfarin"}
    assert all(row.source in made.sources for row in made.rows)
    assert made.sources["warfarin"].doi == "10.1002/cpt.668"
    assert set(made.versions) == {"alleles", "guidance", "interactions"}
    assert set(made.genes) == {"CYP2C9", "VKORC1"}
    assert made.synonyms["trimethoprim-sulfamethoxazole"]


def test_without_medications_no_interaction_is_promised() -> None:
    assert guidance(medications=None).interactions == ()


def test_rows_of_the_indication_only() -> None:
    asked = {"genes": ("CYP2C19",), "indications": {"clopidogrel": "neurovascular"}}
    made = guidance_of(
        {"new": "clopidogrel"},
        record=(),
        medications=None,
        contraindications=(),
        **asked,  # type: ignore[arg-type]
    )
    assert {row.indication for row in made.rows} == {"neurovascular"}


def test_a_changed_guidance_is_refused(small: ModuleType, tmp_path: Path) -> None:
    pack(with_guidance(small, guidance()), tmp_path / "c")
    path = tmp_path / "c" / "guidance.json"
    path.write_text(path.read_text().replace('"reduce"', '"as usual"', 1))
    with pytest.raises(Refused, match=r"guidance\.json"):
        open_candidate(tmp_path / "c")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"genes": {}}, "no gene of it"),
        ({"sources": {}}, "no source of it"),
        ({"medications": "age"}, "a predictor, too"),
    ],
)
def test_guidance_that_does_not_fit_is_refused(
    small: ModuleType, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    changed = msgspec.structs.replace(guidance(), **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=said):
        pack(with_guidance(small, changed), tmp_path / "c")


def test_the_card_says_what_guidance_rests_on(small: ModuleType, tmp_path: Path) -> None:
    packed = pack(with_guidance(small, guidance()), tmp_path / "c")
    card = packed.files["card.md"].decode()
    assert "## Guidance" in card
    assert "- About: warfarin" in card
    assert "age >= 90: monitor (s)" in card
    assert "doi:10.1002/cpt.668" in card
    assert "besides the predictors: VKORC1, medications" in card
    assert "## Guidance" not in pack(small.parts(), tmp_path / "d").files["card.md"].decode()


def test_the_file_is_plain_json(small: ModuleType, tmp_path: Path) -> None:
    pack(with_guidance(small, guidance()), tmp_path / "c")
    told = json.loads((tmp_path / "c" / "guidance.json").read_text())
    assert told["interactions"][0]["with"]
    assert told["drugs"] == {"warfarin": "warfarin"}
