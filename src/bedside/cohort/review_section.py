"""``[review]`` of a study file."""

from __future__ import annotations

from bedside.cohort.section import Section
from bedside.cohort.study import Outcome, ReviewPlan

QUEUES = ("alert", "abstained", "asked", "all")


def read_review(section: Section, outcome: Outcome) -> ReviewPlan:
    """Which answers wait for a physician, for how long, and whether the physician's own estimate comes first.

    All of them, where there is no threshold that could alert.

    Raises
    ------
    StudyError: an unknown kind of answer, or one that stands twice; days that are not above 0, or more than 100 years.
    """
    plain = ReviewPlan()
    queue = section.texts("queue")
    for name in queue or ():
        if name not in QUEUES:
            raise section.error("queue", f"'{name}' is not among its values", f"It may hold: {', '.join(QUEUES)}")
    if queue is not None and len(set(queue)) < len(queue):
        raise section.error("queue", "one kind is listed twice", "Each stands once")
    days = section.number("expires_after_days")
    if days is not None and not 0 < days <= 36500:
        raise section.error("expires_after_days", f"{days:g} days is no length of time to wait", "30 is usual")
    return ReviewPlan(
        queue=queue if queue is not None else plain.queue if outcome.probabilities else ("all",),
        expires_after_days=plain.expires_after_days if days is None else days,
        own_estimate_first=section.truth("own_estimate_first", default=plain.own_estimate_first),
    )
