"""Numbers and times as a physician reads them; nothing here is computed beyond rounding for the eye."""

from __future__ import annotations

import datetime as dt
import re

from bedside.review.words import Translate


def percent(probability: float, t: Translate) -> str:
    """``17 %``; nearer to 0 or 1 with one decimal, and never as certain as 0 % or 100 %."""
    if probability < 0.001:
        return t("under {number} %", number="0.1")
    if probability > 0.999:
        return t("over {number} %", number="99.9")
    near = probability < 0.1 or probability > 0.9
    return t("{number} %", number=f"{probability * 100:.1f}" if near else f"{probability * 100:.0f}")


def share(probability: float, t: Translate) -> str:
    """A declared share, such as a threshold, without rounding: ``12.5 %``."""
    return t("{number} %", number=f"{probability * 100:.6g}")


def points(difference: float) -> str:
    """A signed difference of probabilities in percentage points: ``+12.3`` or ``−0.4``."""
    text = f"{abs(difference) * 100:.1f}"
    if float(text) == 0:
        return "0.0"
    return f"+{text}" if difference > 0 else f"\N{MINUS SIGN}{text}"


def moment(value: dt.datetime | str) -> dt.datetime:
    """A moment from its text as the ledger writes it, or as it is, in UTC."""
    parsed = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return parsed.astimezone(dt.UTC)


def ago(value: dt.datetime | str, now: dt.datetime, t: Translate) -> str:
    """How long ago, in its largest two units."""
    minutes = max(0, int((now - moment(value)).total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    if days:
        return t("{days} d {hours} h", days=days, hours=hours)
    if hours:
        return t("{hours} h {minutes} min", hours=hours, minutes=minutes % 60)
    return t("{minutes} min", minutes=minutes)


def listed(names: list[str] | tuple[str, ...], t: Translate) -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return t("{first} and {last}", first=t(", ").join(names[:-1]), last=names[-1])


_MARKS = str.maketrans(
    {
        "[": "",
        "]": "",
        "{": "",
        "}": "",
    }
)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_text(unit: str | None, t: Translate) -> str:
    """A UCUM unit as it is written on a chart: ``um2`` as µm², ``a`` as years, ``{score}`` as nothing."""
    if not unit or (unit.startswith("{") and unit.endswith("}")):
        return ""
    words = {"a": t("years"), "mo": t("months"), "wk": t("weeks"), "d": t("days")}
    words |= {"1": "", "Cel": "°C", "mm[Hg]": "mmHg"}
    if unit in words:
        return words[unit]
    text = unit.translate(_MARKS).replace("_", " ")
    text = re.sub(r"(?<![A-Za-z])u(?=(?:g|m|L|l|mol|kat|IU|U|s)\b|m\d)", "µ", text)
    text = re.sub(r"10\*(-?\d+)", lambda found: "10" + found.group(1).translate(_SUPERSCRIPTS), text)
    return re.sub(r"(?<=[A-Za-zµ])-?\d+", lambda found: found.group().translate(_SUPERSCRIPTS), text)


def with_unit(number: float, unit: str | None, t: Translate) -> str:
    """A number and its unit; six digits, as more are never measured."""
    return f"{number:.6g} {unit_text(unit, t)}".rstrip()
