"""What is computed from the same patients depends on the set of measures that their task names, and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest

from bedside.errors import UsageError
from bedside.validation.evidence import Estimate
from bedside.validation.registry import MEASURES, measures_named


def test_every_number_of_the_evidence_comes_from_the_set(world, binary):
    counted = replace(
        MEASURES["diagnosis"],
        compute=lambda given, only=None: {"patients": Estimate(value=float(len(given)))},
        difference=lambda given, other: {"auroc": Estimate(value=0.0)},
    )
    with patch.dict("bedside.validation.registry.MEASURES", diagnosis=counted):
        found = world.evidence(binary)
    assert set(found["measures"]) == {"patients", "abstained"}
    assert set(found["floor"]) == {"patients"}
    assert all(set(one["measures"]) == {"patients"} for one in found["targets"].values())
    assert all(set(one["measures"]) <= {"patients"} for one in found["subgroups"])


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no set of measures 'luck'"):
        measures_named("luck")
