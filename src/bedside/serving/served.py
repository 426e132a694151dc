"""Which releases are loaded, which of each name answers, and what stands of them: one picture, replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from bedside.errors import DataError, NotFound, Refused, UsageError
from bedside.ledger import Deployment, Standings, Succession, Suspension, refusal, successions
from bedside.release import REFERENCE, Model, Release, chosen

NOT_FOR_CARE = "Not approved for care."
SILENT = "this release runs silently: its answers are stored and shown to nobody who treats patients"
_CURRENT = "Leave the version out: the one that answers now is found"
Mode = Literal["live", "silent", "loaded", "withdrawn"]


@dataclass(frozen=True)
class Loaded:
    """A verified release, ready to run, with the documents that people read.

    ``card`` is card.md, ``evidence`` evidence.json as parsed, ``report`` report.html as it was signed, ``place`` the
    folder or zip that it was read from, ``why`` the reason for its target, where the server chose it.
    """

    model: Model
    card: str
    evidence: dict[str, Any]
    report: bytes
    place: str = ""
    why: str = ""

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
        for replay and for whoever names its version; ``withdrawn``: rolled back, for replay only.
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
    live, silent: by name. standings: by digest, of what is loaded.
    said: what the ledger says, of releases that are not loaded, too. decided: what follows from it, by name.
    """

    versions: Mapping[str, Mapping[str, Loaded]]
    live: Mapping[str, Loaded] = field(default_factory=dict)
    silent: Mapping[str, Loaded] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    said: Standings = field(default_factory=Standings)
    decided: Mapping[str, Succession] = field(default_factory=dict)

    @property
    def all(self) -> tuple[Loaded, ...]:
        """Every release that is loaded."""
        return tuple(loaded for versions in self.versions.values() for loaded in versions.values())

    def find(self, name: str, version: str | None = None) -> Loaded:
        """The release that answers under that name, or the version named. Raises ``NotFound``.

        Raises ``Refused`` where the name has no live release but a silent one, and for a version that was rolled back.
        """
        if version is None:
            if name in self.live:
                return self.live[name]
            if name in self.silent:
                raise Refused(SILENT, where=name)
        loaded = self.versions.get(name, {}).get(version or "")
        if loaded is None:
            raise NotFound(
                "no release of this name is served here" if version is None else "this version is not loaded here",
                where=(name if version is None else f"{name} {version}")[:100],
            )
        if self.standings[loaded.digest].mode == "withdrawn":
            raise Refused("this version was rolled back or withdrawn", where=f"{name} {version}", remedy=_CURRENT)
        return loaded

    def decisions(self, name: str) -> tuple[Deployment, ...]:
        """What people decided about a name, oldest first."""
        return tuple(act for act in self.said.acts if act.name == name and act.kind in ("deployed", "rolled-back"))

    def of_digest(self, digest: str) -> Loaded | None:
        """The loaded release of these bytes."""
        return next((loaded for loaded in self.all if loaded.digest == digest), None)


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


def settled(
    versions: Mapping[str, Mapping[str, Loaded]], before: Mapping[str, Loaded], said: Standings, *, solo: bool
) -> Served:
    """The picture from what is loaded and what the ledger says.

    ``before`` is what was live until now, by name: it stays where what shall be live is not loaded (yet). Decisions for
    ``solo`` servers do not count on others, unless the release was approved since.
    """
    decided = successions(said.acts, lambda act: solo or not act.solo or said.approved(act.digest))
    live: dict[str, Loaded] = {}
    silent: dict[str, Loaded] = {}
    for name, of_name in versions.items():
        by_digest = {loaded.digest: loaded for loaded in of_name.values()}
        found = decided.get(name, Succession())
        answers = _answers(found, before.get(name), by_digest)
        if answers is not None:
            live[name] = answers
        if found.silent is not None and found.silent.digest in by_digest:
            silent[name] = by_digest[found.silent.digest]
    loaded_now = Served(versions).all
    return Served(
        versions=MappingProxyType({name: MappingProxyType(dict(of_name)) for name, of_name in versions.items()}),
        live=MappingProxyType(live),
        silent=MappingProxyType(silent),
        standings=MappingProxyType(
            {
                loaded.digest: Standing(
                    approved=said.approved(loaded.digest),
                    suspended=said.suspensions.get(loaded.digest),
                    mode=_mode(loaded, live, silent, decided.get(loaded.name, Succession())),
                )
                for loaded in loaded_now
            }
        ),
        said=said,
        decided=MappingProxyType(decided),
    )


def _answers(found: Succession, before: Loaded | None, by_digest: Mapping[str, Loaded]) -> Loaded | None:
    """The live one of a name: as decided; else as before; else the highest version that may be live."""
    if found.decided:
        if found.present is None:
            return None
        return by_digest.get(found.present.digest, before)
    quiet = found.withdrawn | ({found.silent.digest} if found.silent is not None else set())
    if before is not None and before.digest in by_digest and before.digest not in quiet:
        return before
    return next((loaded for loaded in by_digest.values() if loaded.digest not in quiet), None)


def _mode(loaded: Loaded, live: Mapping[str, Loaded], silent: Mapping[str, Loaded], found: Succession) -> Mode:
    if live.get(loaded.name) is loaded:
        return "live"
    if silent.get(loaded.name) is loaded:
        return "silent"
    return "withdrawn" if loaded.digest in found.withdrawn else "loaded"


def cleared(served: Served, loaded: Loaded, *, solo: bool) -> tuple[str, ...]:
    """Warnings that an answer of this release must carry.

    Raises ``Refused`` where it is suspended, silent, or not approved for care and the server is not ``solo``.
    """
    standing = served.standings.get(loaded.digest)
    if standing is None:  # let go since it was found
        raise Refused("this version is not loaded here any more", where=f"{loaded.name} {loaded.version}")
    if standing.suspended is not None:
        raise refusal(standing.suspended)
    if standing.mode == "silent":
        raise Refused(SILENT, where=loaded.name)
    if solo:
        return (NOT_FOR_CARE,)
    if not standing.approved:
        raise Refused(
            "this release is not approved for care",
            where=loaded.name,
            remedy="Two people, one of them a clinician, approve it: bedside approve",
        )
    return ()


def load(release: Release, *, target: str = REFERENCE) -> Loaded:
    """A verified release as serving needs it: one target's graph in its runtime, and its documents.

    With the target ``auto``, the fastest that reproduces its golden cases here.

    The documents are the bytes that were verified. Raises ``UsageError`` where the release has no such target,
    ``MissingExtra`` where its runtime is not here, and ``DataError`` where its graph cannot be loaded or a document is
    missing or no text.
    """
    found = chosen(release, target)
    return Loaded(
        model=found.model,
        why=found.why,
        card=_text(release, "card.md"),
        evidence=release.document("evidence.json"),
        report=_document(release, "report.html"),
        place=str(release.folder.absolute()),
    )


def _text(release: Release, name: str) -> str:
    try:
        return _document(release, name).decode("utf-8")
    except UnicodeDecodeError as error:
        where = str(release.folder / name)
        raise DataError("is not UTF-8", where=where, remedy="Validate and sign again") from error


def _document(release: Release, name: str) -> bytes:
    if name not in release.files:
        raise DataError(
            "the release holds no such document", where=str(release.folder / name), remedy="Validate and sign again"
        )
    return release.files[name]
