"""Small groups are not reported: a count of three may be three people that somebody knows."""

from __future__ import annotations


def suppressed(n: int, minimum: int = 10) -> bool:
    """Whether a group of `n` patients is too small to report figures of it.

    The minimum of 10 is the usual cell size rule of health statistics offices (for example the cell size suppression
    policy of the US Centers for Medicare & Medicaid Services: no cell of 1 to 10).
    """
    return n < minimum
