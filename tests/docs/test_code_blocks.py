"""The code that the pages show does what they say."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, Block, blocks, pages


def _named(block: Block) -> str:
    return f"{block.page.stem}-{block.text.splitlines()[0]}"


def _maps() -> list[Block]:
    """Map files; what else is TOML is part of a study (test_study_keys.py)."""
    found = [block for page in pages() for block in blocks(page, "toml")]
    return [block for block in found if {"columns", "units", "codes"} & _keys(block)]


def _keys(block: Block) -> set[str]:
    content = tomllib.loads(block.text)
    return {*content, *content.get("outcome", {})}


@pytest.mark.parametrize("block", _maps(), ids=_named)
def test_a_map_block_can_be_read(block: Block, tmp_path: Path) -> None:
    from bedside.sources import Schema, Variable, apply_map, read_map

    schema = Schema(
        variables=(
            Variable(name="trestbps", kind="number", label="Blood pressure", unit="mm[Hg]"),
            Variable(name="chol", kind="number", label="Cholesterol", unit="mg/dL"),
            Variable(name="sex", kind="category", label="Sex", categories=("female", "male")),
        )
    )
    path = tmp_path / "map.toml"
    path.write_text(block.text)
    found = read_map(path)
    apply_map(schema, found)
    assert found.outcome.codes


@pytest.mark.parametrize("block", [block for page in pages() for block in blocks(page, "json")], ids=_named)
def test_a_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", [block for page in pages() for block in blocks(page, "python")], ids=_named)
def test_a_python_block_compiles(block: Block) -> None:
    compile(block.text, str(block.page), "exec")


def test_the_ledger_can_be_checked_with_the_standard_library_alone(tmp_path: Path) -> None:
    from bedside.ledger import Identity, Ledger

    given: dict[str, Any] = {}
    exec(blocks(DOCS / "reference" / "ledger.md", "python")[0].text, given)
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        ledger.add_user("ada", "clinician", full_name="Dr. Ada Exämple", actor="test")
        ledger.patient(Identity(id="H-1", name="Jo", birth_date=None))
        ledger.append("note", actor="test", body={"said": "something"})
        assert given["check"](path) == ledger.verify().head

    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET actor = 'another' WHERE seq = 2")
    with pytest.raises(AssertionError, match="entry 2 was changed"):
        given["check"](path)


@pytest.mark.parametrize("page", ["reference/release.md", "how-to/sign-and-verify.md"])
def test_the_candidate_digest_in_a_shell_is_ours(page: str, tmp_path: Path) -> None:
    from bedside.release import candidate_digest

    names = [
        "manifest.json",
        "model.onnx",
        "Zebra.bin",
        "a.b",
        "evidence.json",
        "report.html",
        "card.md",
        "signing.json",
    ]
    for number, name in enumerate([*names, "signature.json"]):
        (tmp_path / name).write_bytes(bytes([number]) * number)
    script = blocks(DOCS / page, "sh")[0].text
    shown = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[0] == candidate_digest(tmp_path)


def test_the_explainer_in_the_how_to_passes_the_check_that_it_names() -> None:
    page, given = DOCS / "how-to" / "add-a-plug-in.md", dict[str, Any]()
    example, check = (block.text for block in blocks(page, "python"))
    exec(example + check, given)
    given["test_it_conforms"]()


def test_every_check_for_plug_ins_is_documented_with_its_parameters() -> None:
    from bedside import testing

    rows = re.findall(r"^\| `(\w+)\(([^)]*)\)`", (DOCS / "how-to" / "add-a-plug-in.md").read_text(), re.M)
    documented = {name: parameters.split(", ") for name, parameters in rows}
    assert documented == {
        name: list(inspect.signature(getattr(testing, name)).parameters)
        for name in testing.__all__
        if name.startswith("check_")
    }
