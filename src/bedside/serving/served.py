"""Which releases are loaded, which of each name answers, and what stands of them: one picture, replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from bedside.errors import DataError, NotFound, Refused, UsageError
from bedside.ledger import Standings, Suspension
from bedside.release import Model, Release

NOT_FOR_CARE = "Not approved for care."
Mode = Literal["live", "silent", "loaded", "withdrawn"]


@dataclass(frozen=True)
class Loaded:
    """A verified release, ready to run, with the documents that people read.

    ``card`` is card.md, ``evidence`` evidence.json as parsed, ``report`` report.html as it was signed, ``place`` the
    folder or zip that it was read from.
    """

    model: Model
    card: str
    evidence: dict[str, Any]
    report: bytes
    place: str = ""

    @property
    def name(self) -> str:
        """The release's name, by which routes find it."""
        return self.model.manifest.name

    @property
    def version(self) -> str:
        """The release's version, which tells it from others of its name."""
        return self.model.manifest.version

    @property
    def digest(self) -> str:
        """The digest of its bytes."""
        return self.model.digest


@dataclass(frozen=True)
class Standing:
    """What a loaded release may do.

    Attributes
    ----------
    approved: whether the approvals for care are in the ledger. suspended: by whom, when and why it must not answer.
    mode: ``live``: it answers; ``silent``: it answers beside the live one, and nobody who treats sees it; ``loaded``:
        for replay and for who names its version; ``withdrawn``: rolled back, for replay only.
    """

    approved: bool
    suspended: Suspension | None
    mode: Mode


@dataclass(frozen=True)
class Served:
    """One moment's picture. It never changes: a newer one takes its place, and a request that has it keeps it.

    Attributes
    ----------
    versions: name → version → release, the highest version first.
    live, silent: by name. standings: by digest, of what is loaded. suspensions: by digest, loaded or not.
    """

    versions: Mapping[str, Mapping[str, Loaded]]
    live: Mapping[str, Loaded]
    silent: Mapping[str, Loaded] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    suspensions: Mapping[str, Suspension] = field(default_factory=dict)

    def find(self, name: str, version: str | None = None) -> Loaded:
        """The live release of that name, or its version that is loaded, whatever it may do. Raises ``NotFound``.

        Raises ``Refused`` where the name has only a silent release and no version is named.
        """
        if version is None and name in self.live:
            return self.live[name]
        versions = self.versions.get(name, {})
        if version is not None and version in versions:
            return versions[version]
        if version is None and name in self.silent:
            raise Refused(
                "this release runs silently: its answers are stored and shown to nobody who treats patients", where=name
            )
        raise NotFound(
            "no release of this name is served here" if not versions else "this version is not loaded here",
            where=(name if version is None else f"{name} {version}")[:100],
        )


def arranged(releases: Iterable[Loaded]) -> dict[str, dict[str, Loaded]]:
    """By name and version, the highest version of each name first.

    Raises ``UsageError`` where two releases have the same name and version: nobody could tell them apart.
    """
    versions: dict[str, dict[str, Loaded]] = {}
    for loaded in sorted(releases, key=lambda one: (one.name, precedence(one.version)), reverse=True):
        if loaded.version in versions.setdefault(loaded.name, {}):
            raise UsageError(
                f"two of the releases have the same name and version, {loaded.name} {loaded.version}",
                remedy="Serve one of them, or give the newer one a version of its own",
            )
        versions[loaded.name][loaded.version] = loaded
    return versions


def precedence(version: str) -> tuple[Any, ...]:
    """A key by which versions sort as Semantic Versioning 2.0.0 (section 11) orders them."""
    core, _, before = version.partition("+")[0].partition("-")
    numbers = tuple(int(part) if part.isdecimal() else 0 for part in core.split("."))
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in before.split("."))
    return numbers, (1, ()) if not before else (0, parts), version


def settled(versions: Mapping[str, Mapping[str, Loaded]], before: Mapping[str, Loaded], said: Standings) -> Served:
    """The picture from what is loaded and what the ledger says; ``before`` is what was live until now, by name."""
    live = {name: before.get(name) or next(iter(loaded.values())) for name, loaded in versions.items()}
    standings = {
        loaded.digest: Standing(
            approved=said.approved(loaded.digest),
            suspended=said.suspensions.get(loaded.digest),
            mode="live" if live[loaded.name] is loaded else "loaded",
        )
        for of_name in versions.values()
        for loaded in of_name.values()
    }
    return Served(
        versions=MappingProxyType({name: MappingProxyType(dict(of_name)) for name, of_name in versions.items()}),
        live=MappingProxyType(live),
        standings=MappingProxyType(standings),
        suspensions=MappingProxyType(dict(said.suspensions)),
    )


def cleared(served: Served, loaded: Loaded, *, solo: bool) -> tuple[str, ...]:
    """Warnings that an answer of this release must carry.

    Raises ``Refused`` where it is suspended, silent, or not approved for care and the server is not ``solo``.
    """
    standing = served.standings[loaded.digest]
    if standing.suspended is not None:
        raise Refused(suspended_words(standing.suspended), where=loaded.name, remedy=_REINSTATE)
    if standing.mode == "silent":
        raise Refused("this release runs silently: its answers are stored and shown to nobody", where=loaded.name)
    if solo:
        return (NOT_FOR_CARE,)
    if not standing.approved:
        raise Refused(
            "this release is not approved for care",
            where=loaded.name,
            remedy="Two people, one of them a clinician, approve it: bedside approve",
        )
    return ()


def suspended_words(suspension: Suspension) -> str:
    """Who suspended it, when and why, as a sentence."""
    return f"this release was suspended by {suspension.by_name} on {suspension.at[:16]}Z: {suspension.reason}"


_REINSTATE = "Two people, one of them a clinician, reinstate it: bedside reinstate"


def load(release: Release, *, target: str = "server-cpu") -> Loaded:
    """A verified release as serving needs it: one target's graph in its runtime, and its documents.

    The documents are the bytes that were verified. Raises ``UsageError`` where the release has no such target, and
    ``DataError`` where its graph cannot be loaded or a document is missing.
    """
    return Loaded(
        model=release.load(target),
        card=_document(release, "card.md").decode("utf-8"),
        evidence=release.document("evidence.json"),
        report=_document(release, "report.html"),
        place=str(release.folder.absolute()),
    )


def _document(release: Release, name: str) -> bytes:
    if name not in release.files:
        raise DataError(
            "the release holds no such document", where=str(release.folder / name), remedy="Validate and sign again"
        )
    return release.files[name]
