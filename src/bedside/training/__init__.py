"""Fit, calibrate and choose on development patients; what comes out is a graph and what was measured on the way.

Importing this is cheap: torch and scikit-learn are imported when something is fitted.
"""

from __future__ import annotations

from bedside.training.fit import Fit, fit

__all__ = ["Fit", "fit"]
