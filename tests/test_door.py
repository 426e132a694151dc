"""The door to the package: every verb of the command line is a function here, sorted, documented."""

from __future__ import annotations

import bedside
from bedside.cli.commands import COMMANDS


def test_every_verb_is_a_function_here() -> None:
    assert {command.verb for command in COMMANDS} == set(bedside.__all__)
    assert list(bedside.__all__) == sorted(bedside.__all__)
    for name in bedside.__all__:
        assert callable(getattr(bedside, name))
        assert getattr(bedside, name).__doc__
