"""The pages that physicians work on: worklist, answer and review, patient entry, releases; HTML without scripts."""

from bedside.review.routes import PAGES

__all__ = ["PAGES"]
