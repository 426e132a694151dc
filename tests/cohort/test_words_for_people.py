"""Names of classes and labels of categories: what people read, while the table keeps its codes."""

from __future__ import annotations

import numpy as np
import pytest

from bedside.cohort import assemble, read_study, subgroup_masks
from bedside.errors import StudyError

NAMED = ('positive = "yes"', 'positive = "yes"\nnames = ["not ill", "ill"]')
LABELLED = ('categories = ["f", "m"]', 'categories = ["f", "m"]\nlabels = ["female", "male"]')


def test_classes_have_the_given_names_and_the_same_patients(make) -> None:
    plain = assemble(read_study(make()))
    study = read_study(make(NAMED))
    assert (study.outcome.classes, study.outcome.positive) == (("not ill", "ill"), "ill")
    np.testing.assert_array_equal(assemble(study).outcome, plain.outcome)


def test_categories_have_labels_and_the_same_codes(make) -> None:
    study = read_study(make(LABELLED, ("threshold = 0.2", 'threshold = 0.2\nsubgroups = ["sex"]')))
    sex = study.schema["sex"]
    assert (sex.categories, sex.labels, sex.category_label("m")) == (("f", "m"), ("female", "male"), "male")
    masks = subgroup_masks(study.validation.subgroups, study.schema, assemble(study).reading, None)
    assert [name for name, _ in masks] == ["sex = female", "sex = male"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (NAMED[0], 'positive = "yes"\nnames = ["ill"]', "1 names for 2 classes"),
        (NAMED[0], 'positive = "yes"\nnames = ["ill", "ill"]', "stands twice"),
        (NAMED[0], 'positive = "yes"\nnames = ["", "ill"]', "empty"),
        (LABELLED[0], 'categories = ["f", "m"]\nlabels = ["female"]', "1 labels for 2 categories"),
        (LABELLED[0], 'categories = ["f", "m"]\nlabels = ["x", "x"]', "stands twice"),
        ('unit = "a"', 'unit = "a"\nlabels = ["x", "y"]', "labels go with categories"),
    ],
)
def test_names_and_labels_that_do_not_fit(make, old: str, new: str, says: str) -> None:
    with pytest.raises(StudyError, match=says):
        read_study(make((old, new)))


def test_the_share_of_abstentions_can_be_a_gate(make) -> None:
    text = ("seed = 7", "seed = 7\n\n[accept]\nabstained = { max = 0.1 }")
    (gate,) = read_study(make(text)).gates
    assert (gate.measure, gate.max) == ("abstained", 0.1)
