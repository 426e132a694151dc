"""The dosing equations of the International Warfarin Pharmacogenetics Consortium.

N Engl J Med 2009;360:753-764, Supplementary Appendix: the square root of the weekly dose in milligrams is linear. Age
counts in whole decades, height in centimetres, weight in kilograms; who is neither White nor Asian nor Black, or whose
race is not known, is "missing or mixed".
"""

from __future__ import annotations

from collections.abc import Mapping

VKORC1 = {"G/G": 0.0, "A/G": -0.8677, "A/A": -1.6974}
VKORC1_UNKNOWN = -0.4854
CYP2C9 = {
    "*1/*1": 0.0, "*1/*2": -0.5211, "*1/*3": -0.9357, "*2/*2": -1.0616, "*2/*3": -1.9206, "*3/*3": -2.3312,
}  # fmt: skip
CYP2C9_UNKNOWN = -0.2188
"""Also of any other genotype."""

FIXED = 35.0
"""Five milligrams a day for everybody, in milligrams a week."""


def clinical(row: Mapping[str, str]) -> float | None:
    """The dose without genotypes, mg a week; None where age, height or weight is not known."""
    if (size := _size(row)) is None:
        return None
    decade, height, weight = size
    root = 4.0376 - 0.2546 * decade + 0.0118 * height + 0.0134 * weight
    root += {"White": 0.0, "Asian": -0.6752, "Black": 0.4060}.get(row["race"], 0.0443)
    return (root + 1.2799 * (row["inducer"] == "1") - 0.5695 * (row["amiodarone"] == "1")) ** 2


def genetic(row: Mapping[str, str]) -> float | None:
    """The dose with genotypes, mg a week; None where age, height or weight is not known."""
    if (size := _size(row)) is None:
        return None
    decade, height, weight = size
    root = 5.6044 - 0.2614 * decade + 0.0087 * height + 0.0128 * weight
    root += VKORC1.get(row["vkorc1"], VKORC1_UNKNOWN) + CYP2C9.get(row["cyp2c9"], CYP2C9_UNKNOWN)
    root += {"White": 0.0, "Asian": -0.1092, "Black": -0.2760}.get(row["race"], -0.1032)
    return (root + 1.1816 * (row["inducer"] == "1") - 0.5503 * (row["amiodarone"] == "1")) ** 2


def _size(row: Mapping[str, str]) -> tuple[int, float, float] | None:
    if "" in (row["age"], row["height"], row["weight"]):
        return None
    return int(float(row["age"]) // 10), float(row["height"]), float(row["weight"])
