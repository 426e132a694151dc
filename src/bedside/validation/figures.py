"""Figures of the report: each a plot, its caption, and the same as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bedside.validation import plots, wording
from bedside.validation.wording import Document


def figure(svg: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """A plot that is one of our own, with the table that says the same."""
    from markupsafe import Markup

    # Safe: our own drawing, in which every label went through the SVG writer's escaping.
    return {"svg": Markup(svg), "caption": caption, "head": head, "rows": rows}  # noqa: S704


def threshold(evidence: Document, name: str) -> float | None:
    """The risk at which one would act; None where none is declared."""
    declared = evidence["release"]["threshold"]
    found: float | None = declared.get(name) if isinstance(declared, Mapping) else declared
    return found


def titled(what: str, name: str, curves: Mapping[str, Any]) -> str:
    """What it is, and of which curve where there are several."""
    return f"{what} for “{name}”" if len(curves) > 1 else what


def each(curves: Mapping[str, Any], draw: Callable[[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Each curve drawn."""
    return [draw(name, curve) for name, curve in curves.items()]


def calibration(evidence: Document) -> list[dict[str, Any]]:
    """Risk against what came true."""
    curves, risk = evidence["curves"]["calibration"], evidence["curves"]["risk"]

    def draw(name: str, curve: Any) -> dict[str, Any]:
        title = titled("Calibration curve", name, curves)
        points = zip(curve["predicted"], curve["observed"], curve["low"], curve["high"], strict=True)
        rows = [
            [wording.plain(x), wording.number(y), wording.number(low), wording.number(high)]
            for x, y, low, high in points
            if y is not None
        ]
        head = ["predicted risk", "share with the outcome", "low", "high"]
        return figure(plots.calibration(curve, risk[name], title), title, head, rows)

    return each(curves, draw)


def decision(evidence: Document, floor: str) -> list[dict[str, Any]]:
    """Net benefit over thresholds."""
    curves = evidence["curves"]["decision"]

    def draw(name: str, curve: Any) -> dict[str, Any]:
        title = titled("Decision curve", name, curves)
        columns = [curve["threshold"], curve["model"], curve["low"], curve["high"], curve["treat_all"]]
        head = ["threshold", "model", "low", "high", "treat everybody"]
        if curve["floor"]:
            columns, head = [*columns, curve["floor"]], [*head, floor]
        rows = [[wording.plain(x), *map(wording.number, rest)] for x, *rest in zip(*columns, strict=True)]
        return figure(plots.decision(curve, title, threshold(evidence, name), floor), title, head, rows)

    return each(curves, draw)


def risk(evidence: Document, kinds: str) -> list[dict[str, Any]]:
    """How many patients have which risk, by what they are, which `kinds` says in words."""
    curves = evidence["curves"]["risk"]

    def draw(name: str, risk: Any) -> dict[str, Any]:
        title = titled(f"Predicted risk by {kinds}", name, curves)
        steps = zip(risk["edges"][:-1], risk["edges"][1:], strict=True)
        counts = zip(*risk["counts"].values(), strict=True)
        rows = [
            [
                f"{wording.plain(low)} to {wording.plain(high)}",
                *("withheld" if one is None else str(one) for one in step),
            ]
            for (low, high), step in zip(steps, counts, strict=True)
        ]
        svg = plots.risk_distribution(risk, title, threshold(evidence, name), kinds)
        return figure(svg, title, ["predicted risk", *risk["counts"]], rows)

    return each(curves, draw)


def stacked(estimate: Document | None, digits: int) -> dict[str, str]:
    """A value over its interval, for narrow columns."""
    return {"value": wording.value_of(estimate, digits), "interval": wording.interval(estimate, digits)}
