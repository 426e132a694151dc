"""What the model card says of guidance: about what, from which tables, and on what it rests."""

from __future__ import annotations

from bedside.release.guidance import Guidance
from bedside.release.manifest import Outputs


def guidance_lines(guidance: Guidance, outputs: Outputs) -> list[str]:
    """Lines of the section "Guidance"."""
    judged_alone = "recommendations" if outputs.arms is not None else "doses" if outputs.dose is not None else None
    about = [drug if name == drug else f"{name} ({drug})" for name, drug in guidance.drugs.items()]
    genes = tuple(dict.fromkeys(row.gene for row in guidance.rows))
    declared = [f"{one.text}: {one.action} ({one.source})" for one in guidance.contraindications]
    record = [variable.label for variable in guidance.record]
    medications = ["medications"] if guidance.medications is not None else []
    judged = f", on {', '.join(genes)}" if genes else ""
    return [
        "Shown beside every answer, and not the model's word: it can only veto, and no model was trained on it.",
        "",
        f"- About: {', '.join(about)}",
        f"- Statements of guidelines: {len(guidance.rows)}{judged}",
        *(f"- Not asked for, though guidelines judge {d} by it: {', '.join(g)}" for d, g in guidance.unstated.items()),
        f"- Warnings of labels about other medications: {len(guidance.interactions)}",
        f"- Declared contraindications: {'; '.join(declared) or 'none'}",
        f"- Looked at besides the predictors: {', '.join([*record, *medications]) or 'nothing'}",
        f"- Tables: {'; '.join(f'{name} {version}' for name, version in guidance.versions.items())}",
        *([] if judged_alone is None else [_unvetoed(judged_alone)]),
        *(f"- Source: {source.cited}" for source in guidance.sources.values()),
    ]


def _unvetoed(what: str) -> str:
    """A held-out patient whom a veto would keep from a drug is among those on whom the figures rest."""
    return (
        f"- The evidence judges the model's {what} without vetoes: the record is not in the study's table, and no "
        "held-out patient was kept from a drug by guidance."
    )
