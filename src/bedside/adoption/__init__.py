"""A model from elsewhere becomes a candidate like one of ours; nothing that its file brings along is executed.

Importing this is cheap: frameworks are imported when a file of theirs is read.
"""

from __future__ import annotations

from bedside.adoption.adoption import Adopted, adopt
from bedside.adoption.formats import format_of
from bedside.adoption.original import Asked, Format, Original

__all__ = ["Adopted", "Asked", "Format", "Original", "adopt", "format_of"]
