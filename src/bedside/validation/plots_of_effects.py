"""Plots of what a treatment changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.validation.plots import BLUE, GREY, SKY, drawing, gaps, inline


def priority(line: Mapping[str, Any], title: str, y: str) -> str:
    """What is gained where a growing share of patients is treated, those first who are said to gain most."""
    with drawing(4.6, 3.4, f"priority {title}", left=0.82) as (figure, made):
        axes = figure.subplots()
        axes.axhline(0, color=GREY, linestyle=":", label="in any order")
        axes.fill_between(
            line["share"], gaps(line["low"]), gaps(line["high"]), color=SKY, alpha=0.35, linewidth=0, label="95 % band"
        )
        axes.plot(line["share"], gaps(line["value"]), color=BLUE, linewidth=2, label="in the model's order")
        axes.set(xlim=(0, 1.01), xlabel="share treated, those said to gain most first", ylabel=y)
        axes.legend(loc="best", fontsize=7.5)
    return inline(made[0], title)


def came_true(groups: Sequence[Mapping[str, Any]], title: str, unit: str) -> str:
    """Found against predicted gain, a point with its interval for each group."""
    with drawing(4.4, 4.0, f"came true {title}", left=0.82) as (figure, made):
        axes = figure.subplots()
        ends = [one["predicted"] for one in groups]
        for one in groups:
            found = one["found"]
            if found["value"] is None:
                continue
            if found["low"] is not None:
                axes.plot([one["predicted"]] * 2, [found["low"], found["high"]], color=BLUE, solid_capstyle="butt")
                ends += [found["low"], found["high"]]
            axes.plot([one["predicted"]], [found["value"]], "o", color=BLUE, markersize=6)
        axes.plot([], [], "o-", color=BLUE, label="found, 95 % interval")
        low, high = min(ends), max(ends)
        axes.plot([low, high], [low, high], color=GREY, linestyle=":", label="ideal")
        axes.set(xlabel=f"predicted gain{unit}", ylabel=f"gain found{unit}")
        axes.legend(loc="upper left")
    return inline(made[0], title)
