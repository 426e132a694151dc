"""Which of a release's targets answers on this machine: the one named, or the fastest that computes what was signed."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.errors import BedsideError, Refused, UsageError
from bedside.release.candidate import Candidate, golden_check
from bedside.release.footprint import single_latency
from bedside.release.model import Model
from bedside.release.target import REFERENCE
from bedside.release.target import target as find_target

AUTO = "auto"
FASTER = 0.9
"""A target is called faster where it takes at most this part of the reference's time: less is noise."""
SECONDS = 0.25


@dataclass(frozen=True)
class Chosen:
    """A loaded target, and why it is this one; `why` is empty where it was asked for by name."""

    model: Model
    why: str = ""


def chosen(candidate: Candidate, target: str = REFERENCE) -> Chosen:
    """Load the target of this name; with ``auto``, `fastest`.

    Raises
    ------
    UsageError: there is no such target, or none that a server can use. MissingExtra: its runtime is not here.
    """
    if target == AUTO:
        return fastest(candidate)
    if target in candidate.manifest.targets and not find_target(target).serves:
        raise UsageError(f"the target {target} is a file to carry elsewhere; no server runs it", where="--target")
    return Chosen(candidate.load(target))


def fastest(candidate: Candidate) -> Chosen:
    """The fastest target that reproduces its golden cases on this machine; the reference where none is clearly faster.

    Raises
    ------
    Refused: no target passes; each is named with the reason.
    """
    models: dict[str, Model] = {}
    reasons: dict[str, str] = {}
    for name in candidate.manifest.targets:
        try:
            if find_target(name).serves:
                models[name] = _passing(candidate, name)
        except BedsideError as error:
            reasons[name] = error.what
    if not models:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise Refused(f"no target can serve on this machine ({told})", where=str(candidate.folder))
    taken = {name: single_latency(model, SECONDS) for name, model in models.items()}
    best = min(taken, key=lambda name: taken[name] * (FASTER if name == REFERENCE else 1.0))
    figures = [f"{name} {1e6 * seconds:.0f} \N{MICRO SIGN}s" for name, seconds in sorted(taken.items())]
    why = "; ".join([", ".join(figures) + " for one patient", *(f"{name}: {text}" for name, text in reasons.items())])
    return Chosen(models[best], why)


def _passing(candidate: Candidate, name: str) -> Model:
    model = candidate.load(name)
    golden_check(model)
    return model
