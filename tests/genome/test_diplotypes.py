"""Diplotypes as text: one canonical form, unknown alleles named, what was not called never *1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.errors import DataError, UsageError
from bedside.genome import NOT_CALLABLE, gene, genes, parse_diplotype


@pytest.mark.parametrize(
    ("name", "text", "canonical"),
    [
        ("CYP2C9", "*3/*1", "*1/*3"),
        ("CYP2C9", "*10/*2", "*2/*10"),
        ("CYP2C9", " *1 | *3 ", "*1/*3"),
        ("CYP2C9", "CYP2C9*2/CYP2C9*3", "*2/*3"),
        ("CYP2C9", "cyp2c9 *2/*3", "*2/*3"),
        ("TPMT", "*3a/*1", "*1/*3A"),
        ("UGT1A1", "*80+*28/*1", "*1/*80+*28"),
        ("DPYD", "*2A/*1", "Reference/c.1905+1G>A (*2A)"),
        ("DPYD", "c.2846A>T/Reference", "Reference/c.2846A>T"),
        ("VKORC1", "G/A", "A/G"),
        ("VKORC1", "GA", "A/G"),
        ("VKORC1", "-1639 GA", "A/G"),
        ("VKORC1", "-1639G/A", "A/G"),
        ("VKORC1", "rs9923231 C/T", "A/G"),
        ("VKORC1", "T/T", "A/A"),
        ("SLCO1B1", "rs4149056 T/C", "C/T"),
        ("CYP4F2", "rs2108622 TT", "T/T"),
    ],
)
def test_one_canonical_form(name: str, text: str, canonical: str) -> None:
    found = parse_diplotype(gene(name), text)
    assert str(found) == canonical
    assert parse_diplotype(gene(name), canonical) == found


@pytest.mark.parametrize("text", [*sorted(NOT_CALLABLE), " Unknown ", "NO CALL", "?/?", "unknown/unknown"])
def test_what_was_not_called_is_no_diplotype(text: str) -> None:
    for name in genes():
        assert parse_diplotype(gene(name), text) is None


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("CYP2C9", "*1/*99", "'*99' in '*1/*99' is no known allele of CYP2C9"),
        ("CYP2C9", "*1/?", "'?' in '*1/?' is no known allele"),
        ("CYP2C9", "1/3", "'1' in '1/3'"),
        ("CYP2C9", "*1", "'*1' is no diplotype of CYP2C9"),
        ("CYP2C9", "*1/*2/*3", "is no diplotype"),
        ("CYP2C9", "wild type", "is no diplotype"),
        ("VKORC1", "A/T", "mixes two ways"),
        ("VKORC1", "C/G", "mixes two ways"),
        ("VKORC1", "*1/*2", "no known allele of VKORC1"),
        ("SLCO1B1", "*1/T", "mixes two ways"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, text: str, named: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_diplotype(gene(name), text)
    assert named in str(caught.value)
    assert caught.value.remedy


@given(st.sampled_from(genes()), st.data())
def test_the_order_of_two_alleles_does_not_matter(name: str, data: st.DataObject) -> None:
    known = gene(name)
    stars = [allele for allele in known.alleles if len(allele) > 1] or list(known.alleles)
    one, other = data.draw(st.sampled_from(stars)), data.draw(st.sampled_from(stars))
    found = parse_diplotype(known, f"{one}/{other}")
    assert found == parse_diplotype(known, f"{other}/{one}")
    assert found is not None
    assert sorted(found.alleles) == sorted([one, other])


@given(st.text(max_size=12))
def test_any_text_is_a_diplotype_or_not_callable_or_refused(text: str) -> None:
    for name in genes():
        try:
            found = parse_diplotype(gene(name), text)
        except DataError:
            continue
        if text.strip().lower() in NOT_CALLABLE:
            assert found is None
        if found is not None:
            assert set(found.alleles) <= set(gene(name).alleles)


def test_a_gene_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="CYP2C9"):
        gene("CYP2C99")
