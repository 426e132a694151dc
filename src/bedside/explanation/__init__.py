"""Explanations as functions of a prediction function, a case and a background."""

from bedside.explanation.explanation import Explanation
from bedside.explanation.registry import Explainer, explainer
from bedside.explanation.shap import PredictOne, shap

__all__ = ["Explainer", "Explanation", "PredictOne", "explainer", "shap"]
