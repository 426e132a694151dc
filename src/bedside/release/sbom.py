"""What built a candidate and what runs it: a software bill of materials in CycloneDX 1.6."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from bedside.release.folder import sha256
from bedside.release.json_document import document_bytes, read_document

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

BUILDING = ("onnx", "optuna", "scikit-learn", "scipy", "torch")
"""Distributions that only training and packing use."""


def sbom_bytes(name: str, version: str, files: Mapping[str, bytes], versions: Mapping[str, str]) -> bytes:
    """``sbom.cdx.json`` of a release.

    CycloneDX 1.6 (ECMA-424): the release is a ``machine-learning-model`` with the hashes of its graphs; the
    libraries that serve it have scope ``required``, those that only built it ``excluded``. `versions` are what
    training reports of the libraries that it used; other versions are those installed where the candidate is packed.
    No time stamp; the serial number is a name-based UUID of the content, so that equal content has equal bytes.
    """
    libraries = _libraries(versions)
    content: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "release",
                "name": name,
                "version": version,
                "components": [_file(file, files[file]) for file in sorted(files)],
            },
        },
        "components": libraries,
        "dependencies": [
            {"ref": "release", "dependsOn": [c["bom-ref"] for c in libraries if c["scope"] == "required"]},
            *({"ref": component["bom-ref"]} for component in libraries),
        ],
    }
    return _numbered(content)


def without_file(sbom: bytes, name: str) -> bytes:
    """The same bill of materials without one of the release's files."""
    content = read_document(sbom, dict[str, Any], where="sbom.cdx.json")
    release = content["metadata"]["component"]
    release["components"] = [one for one in release["components"] if one["name"] != name]
    return _numbered(content)


def _numbered(content: dict[str, Any]) -> bytes:
    plain = {key: value for key, value in content.items() if key != "serialNumber"}
    serial = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, sha256(document_bytes(plain)))}"
    return document_bytes(plain | {"serialNumber": serial})


def _file(name: str, content: bytes) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{name}",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": sha256(content)}],
    }


def _libraries(versions: Mapping[str, str]) -> list[dict[str, Any]]:
    wanted = {_normal(name): (name, "required") for name in ("bedside", *SERVING)}
    for name in (*BUILDING, *versions):
        wanted.setdefault(_normal(name), (name, "excluded"))
    reported = {_normal(name): version for name, version in versions.items()}
    found = []
    for normal, (name, scope) in sorted(wanted.items()):
        installed = _distribution(name)
        version = reported.get(normal) or (installed.version if installed else None)
        if version is not None and normal != "python":
            found.append(_library(normal, version, scope, installed))
    if "python" in reported:
        found.append(
            {
                "type": "platform",
                "bom-ref": "python",
                "name": "python",
                "version": reported["python"],
                "scope": "excluded",
            }
        )
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def _library(name: str, version: str, scope: str, installed: Distribution | None) -> dict[str, Any]:
    # A local version ("2.13.0+cpu") is part of the version in a package URL, percent-encoded.
    purl = f"pkg:pypi/{name}@{version.replace('+', '%2B')}"
    component: dict[str, Any] = {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": scope,
    }  # fmt: skip
    licence = _licence(installed) if installed else None
    return component | ({"licenses": [licence]} if licence else {})


def _licence(installed: Distribution) -> dict[str, Any] | None:
    """An SPDX expression where the distribution declares one, else the short name that it gives."""
    metadata = installed.metadata
    expressions = metadata.get_all("License-Expression") or []
    if expressions:
        return {"expression": str(expressions[0])}
    text = str((metadata.get_all("License") or [""])[0]).strip()
    classifiers = [str(value) for value in metadata.get_all("Classifier") or []]
    named = [value.rpartition(" :: ")[2] for value in classifiers if value.startswith("License :: OSI Approved ::")]
    short = text if text and "\n" not in text and len(text) <= 80 else ", ".join(named)
    return {"license": {"name": short}} if short else None
