"""Mechanisms that keep patients out of what travels: micro-aggregation and small-count suppression."""

from bedside.privacy.prototypes import Prototypes, prototypes
from bedside.privacy.suppression import suppressed, tellable

__all__ = ["Prototypes", "prototypes", "suppressed", "tellable"]
