"""The target ``phone``: a program for apps, made and run by ExecuTorch in an environment of its own."""

from __future__ import annotations

from bedside.phone.target import TARGET, Phone

__all__ = ["TARGET", "Phone"]
