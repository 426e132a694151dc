"""Each package has one door: a sorted ``__all__``, and behind every name in it something that says what it is."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

import bedside

PACKAGES = ["bedside", *sorted(f"bedside.{one.name}" for one in pkgutil.iter_modules(bedside.__path__) if one.ispkg)]


def _rank(name: str) -> tuple[int, str]:
    """The order that ruff keeps (RUF022): CONSTANTS, then Classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_one_door(name: str) -> None:
    package = import_module(name)
    names = package.__all__
    assert list(names) == sorted(names, key=_rank)
    assert len(set(names)) == len(names)
    for public in names:
        thing = getattr(package, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name}.{public} has no docstring"


def test_the_packages_are_found() -> None:
    assert {"bedside.measures", "bedside.release", "bedside.ledger"} <= set(PACKAGES)
