"""The example `examples/warfarin`: the published equations, what is read of the public table, and the way to a dose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from warfarin import TABLE, module, prepared

from bedside.cohort import assemble, check, read_study, split

PLAIN = {"age": "65", "race": "White", "height": "170", "weight": "80", "inducer": "", "amiodarone": "0"}


def rows(data_dir: Path, *, linked: bool) -> list[dict[str, str]]:
    return list(module("patients").public_rows(data_dir / TABLE, linked=linked))


@pytest.mark.parametrize(
    ("rule", "mae", "squared", "within"),
    [("iwpc_genetic", 8.53, 0.459, 0.451), ("iwpc_clinical", 9.82, 0.310, 0.390), ("fixed", 13.07, None, 0.297)],
)
def test_the_equations_give_the_published_figures(
    data_dir: Path, rule: str, mae: float, squared: float | None, within: float
) -> None:
    """Those that are published with the table, for its 2,597 patients; no coefficient could be wrong unseen."""
    found = rows(data_dir, linked=False)
    dose, given = (np.array([float(row[name]) for row in found]) for name in ("dose", rule))
    assert len(dose) == 2597
    assert np.abs(given - dose).mean() == pytest.approx(mae, abs=0.005)
    assert np.mean(np.abs(given - dose) <= 0.2 * dose) == pytest.approx(within, abs=0.0005)
    if squared is not None:
        assert np.corrcoef(given, dose)[0, 1] ** 2 == pytest.approx(squared, abs=0.0005)


def test_the_equations_by_hand() -> None:
    equations = module("equations")
    genes = PLAIN | {"vkorc1": "A/G", "cyp2c9": "*1/*3"}
    root = 5.6044 - 0.2614 * 6 + 0.0087 * 170 + 0.0128 * 80 - 0.8677 - 0.9357
    assert equations.genetic(genes) == pytest.approx(root**2)
    both = genes | {"race": "Black", "inducer": "1", "amiodarone": "1"}
    assert equations.genetic(both) == pytest.approx((root - 0.2760 + 1.1816 - 0.5503) ** 2)
    assert equations.clinical(both) == pytest.approx(
        (4.0376 - 0.2546 * 6 + 0.0118 * 170 + 0.0134 * 80 + 0.4060 + 1.2799 - 0.5695) ** 2
    )
    unknown = PLAIN | {"vkorc1": "", "cyp2c9": "*1/*5", "race": ""}
    assert equations.genetic(unknown) == pytest.approx((root + 0.8677 + 0.9357 - 0.4854 - 0.2188 - 0.1032) ** 2)
    assert equations.clinical(PLAIN | {"height": ""}) is None is equations.genetic(genes | {"age": ""})


def test_the_public_table_is_read_as_the_example_says(data_dir: Path, tmp_path: Path) -> None:
    study, printed = prepared(tmp_path, data_dir / TABLE)
    assert printed.startswith("2597 patients with a stable dose")
    found = assemble(read_study(study))
    assert len(found) == 2597
    # As counted with a few lines of csv.
    assert [int(np.sum(found.amount <= 21)), int(np.sum(found.amount >= 49))] == [828, 343]
    assert set(found.comparators) == {
        "IWPC pharmacogenetic equation", "IWPC clinical equation", "35 mg for everybody"
    }  # fmt: skip
    values = dict(zip(read_study(study).schema.names, found.reading.values.T, strict=True))
    assert set(np.unique(values["age"])) == {15, 25, 35, 45, 55, 65, 75, 85, 95}
    assert np.bincount(values["cyp2c9"][~np.isnan(values["cyp2c9"])].astype(int)).tolist() == [
        1924,
        345,
        204,
        27,
        41,
        7,
    ]
    assert np.isnan(values["cyp2c9"]).sum() == 37 + 12  # missing, and alleles that are too rare: never *1
    assert np.isnan(values["vkorc1"]).sum() == 35  # 475, less those read from a linked site
    assert np.isnan(values["race"]).sum() == 153


def test_a_missing_site_is_read_from_a_linked_one() -> None:
    patients = module("patients")
    row = dict.fromkeys((column for column, _, _ in patients.LINKED), "")
    first, second, third = row
    assert patients._linked(row | {first: "C/T", second: "T/T"}, "Black") == "A/G"
    assert patients._linked(row | {second: "T/T"}, "White") == "A/A"
    assert patients._linked(row | {third: "G/G"}, "Asian") == "G/G"
    assert patients._linked(row | {second: "T/T", third: "G/G"}, "Black") == ""  # there they are not inherited together
    assert patients._linked(row | {second: "T/T"}, "") == ""


def test_the_invented_patients_are_ready_to_train(tmp_path: Path) -> None:
    study, printed = prepared(tmp_path, tmp_path / "nothing.csv")
    assert "the patients are INVENTED" in printed
    read = read_study(study)
    cohort = assemble(read)
    found = check(read, cohort, split(read, cohort))
    assert not [one for one in found.findings if one.severity == "error"]
