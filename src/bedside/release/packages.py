"""Installed Python packages: versions, licences, and which ones need which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any

from bedside.release.bundled import BUNDLED

if TYPE_CHECKING:
    from packaging.requirements import Requirement


@dataclass(frozen=True)
class Package:
    """One distribution as it is installed here.

    Attributes
    ----------
    name: normalised. version: installed, or as it was reported; None where it is not installed here.
    licence: as CycloneDX writes it; None where the package states none. needs: packages that it needs here.
    purl: its package URL, where it is no Python package.
    """

    name: str
    version: str | None
    licence: dict[str, Any] | None
    needs: tuple[str, ...]
    purl: str | None = None


def normal(name: str) -> str:
    """The one spelling of a package's name (PyPA, "Name normalization"), for example ``scikit-learn``."""
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))


def packages(roots: Iterable[str], versions: Mapping[str, str] = {}) -> dict[str, Package]:
    """The roots and everything they need on this machine, by name, sorted.

    What is optional to a package (its extras) is not followed unless it is asked for by name; a root that is not
    installed has no version, and a need that is not installed is left out.

    Parameters
    ----------
    roots: names. versions: what training reports of the packages that it used; before what is installed.
    """
    reported = {normal(name): version for name, version in versions.items()}
    asked = [(normal(name), frozenset[str]()) for name in roots]
    wanted = {name for name, _ in asked}
    needs: dict[tuple[str, frozenset[str]], set[str]] = {}
    while asked:
        name, extras = asked.pop()
        if (name, extras) in needs:
            continue
        found = [(normal(one.name), frozenset(one.extras)) for one in _requirements(name, extras)]
        found = [(need, more) for need, more in found if _installed(need) is not None]
        needs[name, extras] = {need for need, _ in found}
        wanted |= needs[name, extras]
        asked += found
    return {name: _package(name, reported.get(name), needs) for name in sorted(wanted)}


def _package(name: str, reported: str | None, needs: Mapping[tuple[str, frozenset[str]], set[str]]) -> Package:
    if name in BUNDLED:
        one = BUNDLED[name]
        return Package(name, one.version, {"expression": one.licence}, (), one.purl)
    installed = _installed(name)
    return Package(
        name=name,
        version=reported or (installed.version if installed else None),
        licence=_licence(installed) if installed else None,
        needs=tuple(sorted({need for (of, _), all_of in needs.items() if of == name for need in all_of})),
    )


def _requirements(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Those of a package that hold on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    installed = _installed(name)
    for line in (installed.requires or []) if installed else []:
        try:
            one = Requirement(line)
        except InvalidRequirement:  # some old packages write what no tool reads
            continue
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *sorted(extras))):
            yield one


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


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
