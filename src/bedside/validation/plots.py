"""Each plot as one SVG element, a function of the evidence alone and the same bytes each time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bedside.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, Color Universal Design, 2008: told apart with every common colour vision deficiency.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#595959"
CLASS_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
HATCHES = ("", "//", "\\\\", "xx", "--", "||", "++")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read aloud
    "text.parse_math": False,  # a label with a dollar sign is a label
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@contextmanager
def drawing(
    width: float, height: float, name: str, *, left: float = 0.62, right: float = 0.12
) -> Iterator[tuple[Figure, list[str]]]:
    """A figure in our style, margins in inches; its SVG is appended to the list when the block ends.

    Margins are fixed, as finding them from the texts costs as much again as the drawing.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "validate") from None
    made: list[str] = []
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height))
        figure.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=0.52 / height, top=1 - 0.12 / height, hspace=0.1
        )
        yield figure, made
        FigureCanvasSVG(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        made.append(file.getvalue())


def inline(svg: str, title: str) -> str:
    """Only the element, with a name for those who cannot see it, without addresses, and without ids that repeat."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'\sid="[A-Za-z0-9.]+_\d+"', "", svg)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    return f'<svg role="img" aria-label="{_escaped(title)}" {box.group() if box else ""}>{rest}'


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(clean(text)))


def clean(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def short(text: str, most: int = 34) -> str:
    """A label that fits."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _room(texts: Iterable[str]) -> float:
    """Inches that the longest of some labels needs."""
    return 0.075 * max((len(short(text)) for text in texts), default=0)


def gaps(values: Sequence[float | None]) -> list[float]:
    """Nothing is drawn where there is None."""
    return [float("nan") if value is None else value for value in values]


def _unit_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y)


def roc(curve: Mapping[str, Any], title: str) -> str:
    """Sensitivity against the false-positive rate."""
    with drawing(4.2, 4.0, f"roc {title}") as (figure, made):
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="no skill")
        axes.plot(curve["false_positive_rate"], curve["sensitivity"], color=BLUE, linewidth=2, label="model")
        _unit_axes(axes, "false-positive rate (1 − specificity)", "sensitivity")
        axes.legend(loc="lower right")
    return inline(made[0], title)


def calibration(curve: Mapping[str, Any], risk: Mapping[str, Any], title: str) -> str:
    """The smooth curve with its band; below it how many patients have which risk."""
    with drawing(4.2, 4.9, f"calibration {title}") as (figure, made):
        axes, below = figure.subplots(2, 1, height_ratios=(4.2, 1), sharex=True)
        axes.tick_params(labelbottom=False)
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="ideal")
        low, high = gaps(curve["low"]), gaps(curve["high"])
        axes.fill_between(curve["predicted"], low, high, color=SKY, alpha=0.35, linewidth=0, label="95 % band")
        axes.plot(curve["predicted"], gaps(curve["observed"]), color=BLUE, linewidth=2, label="smooth curve")
        axes.set(xlim=(0, 1), ylim=(-0.01, 1.01), ylabel="share with the outcome")
        axes.legend(loc="upper left")
        _bars(below, risk)
        below.set(xlabel="predicted risk", ylabel="patients")
    return inline(made[0], title)


def _bars(axes: Axes, risk: Mapping[str, Any], legend: bool = False) -> None:
    """Side by side per class; a count that is withheld is an empty dashed box of height 9."""
    edges, counts = risk["edges"], risk["counts"]
    width = (edges[1] - edges[0]) / (len(counts) + 0.4)
    for place, (name, numbers) in enumerate(counts.items()):
        left = [edge + width * (place + 0.2) for edge in edges[:-1]]
        colour, hatch = CLASS_COLOURS[place % len(CLASS_COLOURS)], HATCHES[place % len(HATCHES)]
        known = [number or 0 for number in numbers]
        axes.bar(
            left, known, width, align="edge", facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0,
            label=short(name) if legend else None,
        )  # fmt: skip
        for start, number in zip(left, numbers, strict=True):
            if number is None:
                axes.bar(
                    [start],
                    [9],
                    width,
                    align="edge",
                    fill=False,
                    edgecolor=colour,
                    linestyle=(0, (2, 1.5)),
                    linewidth=0.9,
                )


def risk_distribution(risk: Mapping[str, Any], title: str, threshold: float | None, kinds: str) -> str:
    """Patients by predicted risk and by what they are, which `kinds` says in words."""
    room = 0.75 + max(0.75, _room(risk["counts"]))
    with drawing(5.2 + room, 3.0, f"risk {title}", right=room) as (figure, made):
        axes = figure.subplots()
        _bars(axes, risk, legend=True)
        if threshold is not None:
            axes.axvline(threshold, color=BLACK, linestyle="--", linewidth=1, label=f"threshold {threshold:g}")
        from matplotlib.ticker import MaxNLocator

        axes.set(xlim=(0, 1), xlabel="predicted risk", ylabel="patients")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title=kinds, title_fontsize=8.5)
    return inline(made[0], title)


def decision(curve: Mapping[str, Any], title: str, threshold: float | None, floor: str) -> str:
    """Net benefit against the threshold at which one would act."""
    with drawing(6.7, 3.6, f"decision {title}", left=0.72, right=1.85) as (figure, made):
        axes = figure.subplots()
        x, model = curve["threshold"], gaps(curve["model"])
        axes.fill_between(
            x, gaps(curve["low"]), gaps(curve["high"]), color=SKY, alpha=0.3, linewidth=0, label="95 % band"
        )
        axes.plot(x, gaps(curve["treat_all"]), color=VERMILLION, linestyle="--", label="treat everybody")
        axes.axhline(0, color=GREY, linestyle=":", label="treat nobody")
        if curve["floor"]:
            axes.plot(x, gaps(curve["floor"]), color=GREEN, linestyle="-.", label=floor)
        axes.plot(x, model, color=BLUE, linewidth=2, label="model")
        if threshold is not None:
            axes.axvline(threshold, color=BLACK, linewidth=0.8, linestyle="--", label=f"threshold {threshold:g}")
        seen = [value for value in model if value == value]
        top = max([*seen, 0.05])
        axes.set(
            xlim=(0, 1),
            ylim=(-0.25 * top, 1.15 * top),
            xlabel="threshold: risk at which one would act",
            ylabel="net benefit",
        )
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return inline(made[0], title)


def forest(rows: Sequence[tuple[str, Mapping[str, Any]]], title: str, x: str, ideal: float | None = None) -> str:
    """One measure with its interval in each group; the first row is everybody."""
    room = 0.3 + _room(name for name, _ in rows)
    with drawing(4.6 + room, 0.75 + 0.3 * len(rows), f"forest {title}", left=room) as (figure, made):
        axes = figure.subplots()
        for place, (_, one) in enumerate(rows):
            colour, mark = (BLACK, "D") if place == 0 else (BLUE, "o")
            if one["low"] is not None:
                axes.plot([one["low"], one["high"]], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
            axes.plot([one["value"]], [place], mark, color=colour, markersize=6)
        axes.axvline(rows[0][1]["value"], color=GREY, linestyle=":", linewidth=1)
        if ideal is not None:
            axes.axvline(ideal, color=VERMILLION, linestyle="--", linewidth=0.9)
        axes.set_yticks(range(len(rows)), [short(name) for name, _ in rows])
        axes.set(xlabel=x, ylim=(len(rows) - 0.4, -0.6))
        axes.grid(axis="y", visible=False)
    return inline(made[0], title)


def learning(points: Sequence[Mapping[str, Any]], measure: str, title: str, y: str) -> str:
    """One measure against the number of patients trained on."""
    known = [point for point in points if point.get(measure) is not None]
    with drawing(4.4, 2.8, f"learning {measure}", left=0.82) as (figure, made):
        axes = figure.subplots()
        axes.plot(
            [point["patients"] for point in known], [point[measure] for point in known], "o-", color=BLUE, linewidth=1.8
        )
        axes.set(xlabel="patients trained on", ylabel=y)
        axes.set_xlim(left=0)
    return inline(made[0], title)
