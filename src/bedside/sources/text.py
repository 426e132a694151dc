"""How the text of a cell is understood: the one rule for tables (in SQL) and for the bedside (in Python).

- Blanks around a text do not count, the no-break and zero-width ones included.
- A number is plain: ``12``, ``-0.5``, ``.5``, ``1e-3``. A decimal comma, a thousands separator, ``<5``, ``inf``,
  ``nan``, ``1_000``, ``0x10`` and digits other than 0-9 are no numbers; nor is one too large for a float.
- As a category or an identifier, a whole number may carry zeros after its point: ``1``, ``1.0`` and ``1.00`` are
  the same text, ``"1"``. Nothing else is changed: ``01`` is not ``1``, ``yes`` is not ``Yes``.
"""

from __future__ import annotations

import math
import re

BLANKS = " \t\r\n\v\f\u00a0\u2007\u200b\u202f\u3000\ufeff"
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
WHOLE = r"-?(0|[1-9][0-9]*)\.0+"
MINUS_ZERO = r"-0(\.0+)?"

_number = re.compile(NUMBER)
_whole = re.compile(WHOLE)
_minus_zero = re.compile(MINUS_ZERO)


def trimmed(text: str) -> str:
    """The text without blanks around it."""
    return text.strip(BLANKS)


def number_in(text: str) -> float | None:
    """The number that a trimmed text plainly is, else None.

    >>> number_in("1e3"), number_in("1,5"), number_in("<5")
    (1000.0, None, None)
    """
    if _number.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def canonical(text: str) -> str:
    """A trimmed text as categories and identifiers are compared.

    >>> canonical("1.0"), canonical("-0"), canonical("01"), canonical("1.50")
    ('1', '0', '01', '1.50')
    """
    if _minus_zero.fullmatch(text):
        return "0"
    return text.partition(".")[0] if _whole.fullmatch(text) else text


def as_text(value: object) -> str:
    """Any value of a study file, a request or a typed table as the canonical text that it is compared by.

    >>> as_text(True), as_text(1.0), as_text(" 1.0 "), as_text(2.5)
    ('true', '1', '1', '2.5')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return canonical(trimmed(value if isinstance(value, str) else str(value)))
