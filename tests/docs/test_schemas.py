"""The checked-in schemas are those of the code, and the examples follow them."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import product
from typing import Any

import msgspec
import pytest
from pages import DOCS, ROOT

from bedside.cohort.tasks import OWN

NAMES = ("answer", "evidence", "manifest")
TASKS = tuple(sorted(OWN))


@pytest.fixture(scope="module")
def script() -> Any:
    """`scripts/schemas` as a module; it has no suffix, so it is loaded by hand."""
    spec = spec_from_loader("schemas", SourceFileLoader("schemas", str(ROOT / "scripts" / "schemas")))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _example(name: str, task: str) -> bytes:
    return (DOCS / "schemas" / "examples" / f"{name}-{task}.json").read_bytes()


def test_every_document_has_its_schema(script: Any) -> None:
    assert sorted(script.documents()) == list(NAMES)
    assert sorted(path.stem for path in (DOCS / "schemas").glob("*.json")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_that_of_the_code(script: Any, name: str) -> None:
    checked_in = (DOCS / "schemas" / f"{name}.json").read_bytes()
    assert checked_in == script.schema(name), "run ./.venv/bin/python scripts/schemas"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_read_by_the_code(script: Any, name: str, task: str) -> None:
    struct = script.documents()[name]
    read = msgspec.json.decode(_example(name, task), type=struct, strict=True)
    written = msgspec.json.decode(msgspec.json.encode(read))
    assert written == msgspec.json.decode(_example(name, task)), "the example has fields that the code no longer writes"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_the_example_follows_the_schema(name: str, task: str) -> None:
    jsonschema = pytest.importorskip(
        "jsonschema", reason="jsonschema is not installed; the example is read by msgspec only"
    )
    schema = msgspec.json.decode((DOCS / "schemas" / f"{name}.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(msgspec.json.decode(_example(name, task)))


def test_the_examples_tell_nothing_of_the_machine_that_made_them() -> None:
    for name, task in product(NAMES, TASKS):
        text = _example(name, task).decode()
        assert "/tmp/" not in text
        assert "/home/" not in text
        assert str(ROOT) not in text
