"""Who reads a page: the language and the time zone, as chosen, as the browser asks, or as the server has them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bedside.review.sentences import Tell, teller
from bedside.review.words import LANGUAGES, Translate, translator
from bedside.review.zones import own_zone, zone
from bedside.serving.call import Call

LANGUAGE_COOKIE = "bedside_language"
ZONE_COOKIE = "bedside_zone"
_CHINESE = "zh"


@dataclass(frozen=True)
class Reader:
    """A reader's language (a key of ``LANGUAGES``) and zone.

    ``t`` gives the words of pages; ``tell`` a sentence that came in English, such as an error or a stored reason.
    """

    language: str
    zone: ZoneInfo
    t: Translate
    tell: Tell

    def told(self, sentence: str) -> str:
        """A sentence that came in English, with its moments, ``2026-11-22T08:15Z``, in the reader's zone."""
        return _MOMENT.sub(lambda found: self.when(found[0]), self.tell(sentence))

    def local(self, moment: dt.datetime | str) -> dt.datetime:
        """A moment, or its text as the ledger writes it, in the reader's zone."""
        parsed = dt.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return parsed.astimezone(self.zone)

    def when(self, moment: dt.datetime | str) -> str:
        """``22 Nov 2026, 16:15 CST``: the month in letters, as no order of digits is read alike everywhere."""
        local = self.local(moment)
        if self.language == "zh-CN":
            return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {self.abbreviation(local)}"

    def day(self, date: dt.date | str) -> str:
        """``22 Nov 2026`` or ``2026年11月22日``: a date as it is; no zone moves it."""
        shown = dt.date.fromisoformat(date) if isinstance(date, str) else date
        if self.language == "zh-CN":
            return f"{shown.year}年{shown.month}月{shown.day}日"
        return f"{shown.day} {_MONTHS[shown.month - 1]} {shown.year}"

    def abbreviation(self, moment: dt.datetime) -> str:
        """What the zone is called then: ``CST``, ``UTC``, or ``UTC+03`` where it has no letters."""
        name = moment.astimezone(self.zone).tzname() or ""
        return name if name[:1].isalpha() else f"UTC{name}"

    def sentences(self, *said: str) -> str:
        """What was told in English, such as an error and its remedy, as whole sentences one after another."""
        stop, between = ("。", "") if self.language == "zh-CN" else (".", " ")
        return between.join(self.told(text).rstrip(".。") + stop for text in said if text)

    def typed(self, text: str) -> dt.datetime:
        """A moment as a form sends it, ``2026-11-22T16:15``, meant in the reader's zone. Raises ``ValueError``."""
        read = dt.datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=self.zone)).astimezone(dt.UTC)


_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\dZ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def reader_of(call: Call) -> Reader:
    """The reader behind a request."""
    chosen = call.cookies.get(LANGUAGE_COOKIE, "")
    language = chosen if chosen in LANGUAGES else asked_language(call.headers.get("accept-language", ""))
    return Reader(language, zone_of(call), translator(language), teller(language))


def zone_of(call: Call) -> ZoneInfo:
    """The zone that the reader chose, or whose browser named it; the server's where it is none."""
    named = call.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    return (zone(named) if named else None) or own_zone()


def asked_language(header: str) -> str:
    """The best of our languages in an Accept-Language header (RFC 9110, 12.5.4); English where it names none."""
    wanted = sorted(_weighed(header), key=lambda item: -item[0])
    for _, tag in wanted:
        primary = tag.partition("-")[0]
        if primary in ("en", _CHINESE):
            return "zh-CN" if primary == _CHINESE else "en"
    return "en"


def _weighed(header: str) -> list[tuple[float, str]]:
    found = []
    for part in header[:1000].split(","):
        tag, _, quality = part.strip().lower().partition(";")
        weight = quality.strip().removeprefix("q=")
        try:
            found.append((float(weight) if weight else 1.0, tag.strip()))
        except ValueError:
            continue
    return [(weight, tag) for weight, tag in found if weight > 0]
