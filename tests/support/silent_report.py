"""A silent report as `bedside outcomes` enters it: two versions compared, some figures undefined."""

from __future__ import annotations

from typing import Any


def _measured(*values: float | None) -> dict[str, float | None]:
    return dict(zip(("value", "low", "high"), values, strict=True))


REPORT: dict[str, Any] = {
    "name": "breast-fna", "version": "2.0.0", "digest": "d" * 64, "classes": ["benign", "malignant"],
    "positive": "malignant", "threshold": 0.2, "date": "2026-03-02", "silently": True, "with_outcome": 64,
    "without_outcome": 7, "left_out": {}, "least": 10, "own": None,
    "compared": {
        "n": 60, "n_both": 57, "live_versions": ["1.0.0"],
        "silent": {"n": 57, "n_events": 20, "abstained": 2, "measures": {
            "auroc": _measured(0.912, 0.85, 0.961), "brier": _measured(0.101, None, None),
            "calibration_slope": _measured(None, None, None)}},
        "live": {"n": 57, "n_events": 20, "abstained": 3, "measures": {
            "auroc": _measured(0.871, 0.79, 0.93), "brier": _measured(0.12, None, None)}},
        "difference": {"auroc": _measured(0.041, -0.02, 0.1)},
        "decisions": [{"group": "newly flagged", "n": 11, "n_events": 5}, {"group": "other", "n": 1, "n_events": 0}],
        "abstained_silent": 2, "abstained_live": 3, "abstained_both": 2,
    },
}  # fmt: skip
