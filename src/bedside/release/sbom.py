"""What built a candidate, and what is needed to run it: a software bill of materials in CycloneDX 1.6."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bedside.environments import TOOLS, listed_versions
from bedside.release.folder import sha256
from bedside.release.json_document import document_bytes, read_document
from bedside.release.manifest import TargetFile
from bedside.release.packages import Package, normal, packages

OURS = "bedside"
SERVING = (
    "alembic",
    "argon2-cffi",
    "cryptography",
    "duckdb",
    "httptools",
    "jaxtyping",
    "Jinja2",
    "joserfc",
    "model-signing",
    "msgspec",
    "numpy",
    "onnxruntime",
    "packaging",
    "pg8000",
    "Pint",
    "pyOpenSSL",
    "SQLAlchemy",
    "starlette",
    "tqdm",
    "tzdata",
    "ucumvert",
    "uvicorn",
    "uvloop",
)
"""Distributions that serving a release needs: bedside's own dependencies."""

READING = ("duckdb", "jaxtyping", "msgspec", "numpy", "onnxruntime", "packaging", "Pint", "tqdm", "ucumvert")
"""Those of them that also read the data, and pack."""
BUILDING = ("onnx", "optuna", "scikit-learn", "scipy", "torch")
"""Distributions that only training and packing use."""
MAKING = {"openvino": ("nncf", "openvino")}
"""Runtime → distributions that make a target's file for it, beside those."""

RELEASE, PYTHON, BUILT = "release", "python", "build:"
"""``bom-ref`` of the release, and of Python; before that of whatever is listed as having built it."""


def sbom_bytes(
    name: str, version: str, files: Mapping[str, bytes], versions: Mapping[str, str], targets: Mapping[str, TargetFile]
) -> bytes:
    """``sbom.cdx.json`` of a release.

    CycloneDX 1.6 (ECMA-424): the release is a ``machine-learning-model`` with the hashes of the files that run.

    - ``components``: what is needed to run it. Scope ``required``: Python, bedside, the runtime of ``server-cpu``,
      and what these need. Scope ``optional``: the runtime of any other target; whoever runs that target needs it.
    - ``dependencies``: the release needs Python, bedside and its files; a file needs its runtime; a package others.
    - ``formulation``: what built it: every package whose code may have computed a number in it, with versions.

    `versions` are what training reports of the libraries that it used; other versions are those installed where the
    candidate is packed. No time stamp; the serial number is a name-based UUID of the content, so that equal content
    has equal bytes.
    """
    runtimes, versions = _runtimes(files, targets), _apart(targets) | dict(versions)
    needed = {OURS: _bedside()} | packages((*SERVING, *runtimes.values()), versions)
    required = _reached((OURS,), {one.name: one.needs for one in needed.values()})
    python = versions.get(PYTHON)
    content: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "machine-learning-model",
                "bom-ref": RELEASE,
                "name": name,
                "version": version,
                "components": [_file(file, files[file]) for file in sorted(files)],
            },
        },
        "components": [
            *_python(python, ""),
            *(_library(one) | {"scope": "required" if one.name in required else "optional"} for one in needed.values()),
        ],
        "dependencies": _dependencies(needed, runtimes, python),
        "formulation": [{"bom-ref": "building", "components": _built(versions, targets)}],
    }
    return _numbered(content)


def without_file(sbom: bytes, name: str) -> bytes:
    """The same bill of materials without one of the release's files, and without what only that file needs to run.

    What made the file stays in the formulation: it was there when the rest was built.
    """
    content = read_document(sbom, dict[str, Any], where="sbom.cdx.json")
    release = content["metadata"]["component"]
    release["components"] = [one for one in release["components"] if one["name"] != name]
    gone = f"file:{name}"
    needs = {
        one["ref"]: [ref for ref in one.get("dependsOn", ()) if ref != gone]
        for one in content["dependencies"]
        if one["ref"] != gone
    }
    kept = _reached((RELEASE,), needs)
    content["components"] = [one for one in content["components"] if one["bom-ref"] in kept]
    content["dependencies"] = [_needs(ref, all_of) for ref, all_of in needs.items() if ref in kept]
    return _numbered(content)


def _reached(start: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    found, left = set[str](), list(start)
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += needs.get(one, ())
    return found


def _numbered(content: dict[str, Any]) -> bytes:
    plain = {key: value for key, value in content.items() if key != "serialNumber"}
    serial = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, sha256(document_bytes(plain)))}"
    return document_bytes(plain | {"serialNumber": serial})


def _runtimes(files: Mapping[str, bytes], targets: Mapping[str, TargetFile]) -> dict[str, str]:
    """File → distribution that runs it; what no target lists (the floor) runs as the reference does."""
    listed = {one.file: normal(one.runtime) for one in targets.values()}
    return {file: listed.get(file, "onnxruntime") for file in sorted(files)}


def _apart(targets: Mapping[str, TargetFile]) -> dict[str, str]:
    """Versions of runtimes that have an environment of their own."""
    apart = [one.runtime for one in targets.values() if one.runtime in TOOLS]
    return {name: listed_versions(name)[name] for name in apart}


def _bedside() -> Package:
    """Its needs as declared here: a source tree that is not installed declares none."""
    return replace(packages((OURS,))[OURS], needs=tuple(sorted(map(normal, SERVING))))


def _built(versions: Mapping[str, str], targets: Mapping[str, TargetFile]) -> list[dict[str, Any]]:
    tools = [tool for one in targets.values() for tool in MAKING.get(one.runtime, ())]
    used = [name for name in versions if name != PYTHON]
    found = {OURS: _bedside()} | packages((*READING, *BUILDING, *tools, *used), versions)
    return [
        *_python(versions.get(PYTHON), BUILT),
        *(_library(one, BUILT) for one in found.values() if one.version is not None),
    ]


def _python(version: str | None, mark: str) -> list[dict[str, Any]]:
    if version is None:
        return []
    scope = {} if mark else {"scope": "required"}
    return [{"type": "platform", "bom-ref": mark + PYTHON, "name": PYTHON, "version": version} | scope]


def _dependencies(
    needed: Mapping[str, Package], runtimes: Mapping[str, str], python: str | None
) -> list[dict[str, Any]]:
    top = [*([PYTHON] if python else []), _ref(needed[OURS]), *(f"file:{file}" for file in runtimes)]
    return [
        _needs(RELEASE, top),
        *([_needs(PYTHON, ())] if python else []),
        *(_needs(f"file:{file}", [_ref(needed[runtime])]) for file, runtime in runtimes.items()),
        *(_needs(_ref(one), [_ref(needed[need]) for need in one.needs if need in needed]) for one in needed.values()),
    ]


def _needs(ref: str, all_of: Iterable[str]) -> dict[str, Any]:
    listed = list(all_of)
    return {"ref": ref} | ({"dependsOn": listed} if listed else {})


def _file(name: str, content: bytes) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{name}",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": sha256(content)}],
    }


def _ref(package: Package) -> str:
    """The package URL where the version is known. What is not installed here may not even be a Python package."""
    if package.version is None:
        return f"package:{package.name}"
    if package.purl is not None:
        return package.purl
    # A local version ("2.13.0+cpu") is part of the version in a package URL, percent-encoded.
    return f"pkg:pypi/{package.name}@{package.version.replace('+', '%2B')}"


def _library(package: Package, mark: str = "") -> dict[str, Any]:
    component: dict[str, Any] = {"type": "library", "bom-ref": mark + _ref(package), "name": package.name}
    if package.version is not None:
        component |= {"version": package.version, "purl": _ref(package)}
    return component | ({"licenses": [package.licence]} if package.licence else {})
