"""The plot of predicted against therapeutic doses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bedside.validation.plots import BLUE, GREY, VERMILLION, drawing, inline


def cells(found: Mapping[str, Any], title: str, unit: str, tolerance: float) -> str:
    """A square for each cell, as large as the patients in it are many; an empty dashed one where they are withheld."""
    step, shown = found["step"], found["cells"]
    most = max([one["n"] or 9 for one in shown])
    top = max(max(one["predicted"], one["observed"]) for one in shown) + step
    with drawing(5.0, 4.6, f"doses {title}", left=0.72) as (figure, made):
        from matplotlib.patches import Rectangle

        axes = figure.subplots()
        for one in shown:
            side = step * 0.94 * ((one["n"] or 5) / most) ** 0.5
            corner = (one["predicted"] + (step - side) / 2, one["observed"] + (step - side) / 2)
            if one["n"] is None:
                axes.add_patch(
                    Rectangle(corner, side, side, fill=False, edgecolor=BLUE, linestyle=(0, (2, 1.5)), linewidth=0.8)
                )
            else:
                axes.add_patch(Rectangle(corner, side, side, facecolor=BLUE, alpha=0.75, linewidth=0))
        axes.plot([0, top], [0, top], color=GREY, linestyle=":", label="equal")
        for share in (1 - tolerance, 1 + tolerance):
            axes.plot(
                [0, top * share], [0, top], color=VERMILLION, linestyle="--", linewidth=0.9,
                label=f"within {100 * tolerance:g} %" if share < 1 else None,
            )  # fmt: skip
        axes.set(xlim=(0, top), ylim=(0, top), xlabel=f"predicted dose ({unit})", ylabel=f"therapeutic dose ({unit})")
        axes.legend(loc="upper left")
    return inline(made[0], title)
