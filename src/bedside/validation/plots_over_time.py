"""Plots whose horizontal axis is time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.validation.plots import BLUE, CLASS_COLOURS, GREEN, GREY, drawing, gaps, inline, short

STYLES = ("-", "--", "-.", ":")


def groups(shown: Sequence[Mapping[str, Any]], title: str, unit: str, event: str) -> str:
    """For each group the mean predicted curve as a line, and what was observed as points with their band."""
    with drawing(7.1, 4.0, f"groups {title}", left=0.72, right=2.35) as (figure, made):
        axes = figure.subplots()
        for place, one in enumerate(shown):
            colour, style = CLASS_COLOURS[place % len(CLASS_COLOURS)], STYLES[place % len(STYLES)]
            axes.plot(one["time"], one["predicted"], color=colour, linestyle=style, linewidth=1.8, label=_name(one))
            known = [
                (time, value, low, high)
                for time, value, low, high in zip(one["time"], one["observed"], one["low"], one["high"], strict=True)
                if value is not None and time > 0
            ]
            for time, _, low, high in known:
                if low is None:
                    continue
                axes.plot([time, time], [low, high], color=colour, linewidth=1, alpha=0.8, solid_capstyle="butt")
            axes.plot(
                [time for time, *_ in known], [value for _, value, *_ in known], "osD^"[place % 4], color=colour,
                markersize=4.5,
            )  # fmt: skip
        axes.plot([], [], color=GREY, linewidth=1.8, label="line: predicted")
        axes.plot([], [], "o", color=GREY, markersize=4.5, label="point: observed, 95 %")
        axes.set(xlabel=f"time ({unit})", ylabel=f"share with {short(event)}")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return inline(made[0], title)


def _name(one: Mapping[str, Any]) -> str:
    return short(f"{one['group']} ({one['n']})")


def over_time(
    times: Sequence[float], curves: Mapping[str, Sequence[float | None]], title: str, unit: str, floor: str
) -> str:
    """One line for each model; `floor` is the name of the simple one."""
    looks = {"model": 0, floor: 1}
    with drawing(4.6, 3.6, f"over time {title}", left=0.72) as (figure, made):
        axes = figure.subplots()
        for name, values in curves.items():
            place = looks.get(name, 2)
            axes.plot(
                times, gaps(values), STYLES[place], color=(BLUE, GREEN, GREY)[place], marker="os^"[place],
                linewidth=1.5 if place else 2, markersize=3, label=name,
            )  # fmt: skip
        known = [value for values in curves.values() for value in values if value is not None]
        room = 0.35 * max(max(known) - min(known), 0.02)  # for the legend, above the lines
        axes.set(xlabel=f"time ({unit})", ylabel=title.removesuffix(" over time"))
        axes.set_ylim(min(known) - 0.3 * room, max(known) + room)
        axes.set_xlim(left=0)
        axes.legend(loc="upper left", fontsize=8)
    return inline(made[0], title)
