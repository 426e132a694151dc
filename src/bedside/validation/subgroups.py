"""The measures in each group, small groups withheld."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from bedside.privacy import suppressed
from bedside.validation.evidence import FEW, SubgroupEvidence
from bedside.validation.given import Given
from bedside.validation.registry import measures_of


@dataclass(frozen=True)
class Group:
    """A named set of patients.

    Attributes
    ----------
    name: in words. kind: ``"declared"``, ``"site"`` or ``"group"``.
    family: groups of one family do not overlap, so that the size of one can follow from the others.
    mask: over all judged patients.
    """

    name: str
    kind: str
    family: str
    mask: Bool[np.ndarray, " patient"]


def groups_of_column(column: np.ndarray, kind: str, label: str) -> list[Group]:
    """One group per text of a column, in the order of the texts; rows without one are in none."""
    texts = sorted({str(text) for text in column if text is not None})
    return [Group(f"{label} = {text}", kind, label, np.array([one == text for one in column], bool)) for text in texts]


def _too_small(given: Given, group: Group) -> bool:
    """Fewer than ten answered patients, or fewer than ten of any class."""
    inside = given.take(group.mask)
    counts = measures_of(given).sizes(inside).values()
    return suppressed(len(inside), FEW) or any(suppressed(count, FEW) for count in counts)


def _withheld(given: Given, groups: Sequence[Group]) -> set[int]:
    """Positions of groups that are too small, and of those whose size would give a small one away.

    A group is also withheld where the patients outside it are 1 to 9; and where a family has a single withheld group
    of 1 to 9 patients, the next smallest of that family is withheld with it, as a sum would give it away.
    """
    sizes = [int(np.sum(group.mask)) for group in groups]
    hidden = set()
    for position, group in enumerate(groups):
        outside = len(given) - sizes[position]
        if _too_small(given, group) or (outside and suppressed(outside, FEW)):
            hidden.add(position)
    for family in {group.family for group in groups}:
        members = [position for position, group in enumerate(groups) if group.family == family]
        gone = [position for position in members if position in hidden]
        left = sorted((position for position in members if position not in hidden), key=lambda one: sizes[one])
        if len(gone) == 1 and suppressed(sizes[gone[0]], FEW) and sizes[gone[0]] and left:
            hidden.add(left[0])
    return hidden


def subgroups(given: Given, groups: Sequence[Group], compared: Iterable[str] = ()) -> tuple[SubgroupEvidence, ...]:
    """The measures of each group's answered patients; those `compared` also over all other answered patients together.

    A group with fewer than ten patients, or fewer than ten of any class, keeps its name and nothing else.
    """
    task, kept = measures_of(given), ~given.abstained
    given = given.take(kept)
    groups = [Group(group.name, group.kind, group.family, group.mask[kept]) for group in groups]
    hidden, compared = _withheld(given, groups), tuple(compared)
    found = []
    for position, group in enumerate(groups):
        if position in hidden:
            found.append(_suppressed(group))
            continue
        inside, outside = given.take(group.mask), given.take(~group.mask)
        found.append(
            SubgroupEvidence(
                group=group.name,
                kind=group.kind,
                n=len(inside),
                n_events=None if given.positive is None else int(np.sum(inside.outcome == given.positive)),
                rarest=min(task.sizes(inside).values()),
                others_rarest=min(task.sizes(outside).values()),
                suppressed=False,
                measures=task.compute(inside),
                others=task.compute(outside, compared) if compared else {},
                curves=task.curves_within(inside, outside),
            )
        )
    return tuple(found)


def _suppressed(group: Group) -> SubgroupEvidence:
    return SubgroupEvidence(group=group.name, kind=group.kind, n=None, n_events=None, suppressed=True, measures={})


def without_small_names(found: Sequence[SubgroupEvidence]) -> tuple[tuple[SubgroupEvidence, ...], dict[str, int]]:
    """Suppressed groups whose name comes from the data are only counted, by kind: a name can be a person's.

    Declared groups keep their line, because their names come from the study and not from the patients.
    """
    named = tuple(one for one in found if one.kind == "declared" or not one.suppressed)
    dropped = [one for one in found if one.kind != "declared" and one.suppressed]
    return named, {kind: sum(one.kind == kind for one in dropped) for kind in sorted({one.kind for one in dropped})}
