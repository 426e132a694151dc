"""``[outcome]`` of a study file, for a task whose label is a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bedside.cohort.section import Section
from bedside.cohort.study import Outcome
from bedside.errors import StudyError
from bedside.sources import as_text

NEGATIVE, POSITIVE = "negative", "positive"


def read_outcome(section: Section, counts: Mapping[str, int]) -> Outcome:
    """Classes and what each text of the outcome column means.

    Parameters
    ----------
    section: ``[outcome]``.
    counts: the texts of the outcome column, missing ones left out, with their numbers of rows.

    Raises
    ------
    StudyError: a class never occurs, or a text of the column belongs to no class.
    """
    column = section.text("column")
    if not counts:
        raise section.error("column", f"the column '{column}' is empty", "Name the column that holds the outcome")
    if ("classes" in section) == ("positive" in section):
        remedy = f'Write positive = "..." or classes = [...]; the column holds {listed_texts(counts)}'
        both = "positive and classes exclude each other"
        raise section.error("positive", both if "classes" in section else "what the outcome means is missing", remedy)
    outcome = _classes(section, column, counts) if "classes" in section else _binary(section, column, counts)
    return _named(section, outcome)


def _named(section: Section, outcome: Outcome) -> Outcome:
    """The same with the names that people read on pages and reports, where the study gives them."""
    names = section.texts("names")
    if names is None:
        return outcome
    if len(names) != len(outcome.classes):
        order = "for what is not there, then for what is" if outcome.positive else "for each class, in their order"
        raise section.error(
            "names", f"there are {len(names)} names for {len(outcome.classes)} classes", f"Write one {order}"
        )
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        raise section.error("names", "a name is empty or stands twice", "Each class needs one of its own")
    return msgspec.structs.replace(outcome, classes=names, positive=names[1] if outcome.positive else None)


def listed_texts(counts: Mapping[str, int]) -> str:
    """The texts of a column with their numbers of rows, for messages."""
    shown = [f"'{text}' ({count})" for text, count in list(counts.items())[:8]]
    return ", ".join(shown) + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")


def texts_of(section: Section, key: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """The texts under a key, one or a list, each of which must occur."""
    value: Any = section.values[key]
    if isinstance(value, (dict, type(None))) or value in ("", []):
        raise section.error(key, f"{key} names nothing", f"The column holds {listed_texts(counts)}")
    texts = tuple(as_text(item) for item in (section.listed(key) or () if isinstance(value, list) else (value,)))
    for place, text in enumerate(texts):
        if text in texts[:place]:
            raise section.error(key, f"'{text}' is listed twice", "1, 1.0 and '1' are the same")
        if text not in counts:
            raise section.error(key, f"no patient has the outcome '{text}'", f"The column holds {listed_texts(counts)}")
    return texts


def _binary(section: Section, column: str, counts: Mapping[str, int]) -> Outcome:
    positive = texts_of(section, "positive", counts)
    rest = tuple(text for text in counts if text not in positive)
    negative = texts_of(section, "negative", counts) if "negative" in section else rest
    if not rest:
        raise section.error("positive", "every patient has the positive outcome", f"It holds {listed_texts(counts)}")
    for text in negative:
        if text in positive:
            raise section.error("negative", f"'{text}' is both positive and negative", "Drop it from one of them")
    unclaimed = [text for text in rest if text not in negative]
    if unclaimed or ("negative" not in section and len(rest) > 1):
        raise _ambiguous(section, unclaimed or list(rest), counts)
    names = (
        negative[0] if len(negative) == 1 and len(positive) == 1 else NEGATIVE,
        positive[0] if len(positive) == 1 else POSITIVE,
    )
    codes = {**dict.fromkeys(negative, 0), **dict.fromkeys(positive, 1)}
    return Outcome(column=column, classes=names, positive=names[1], codes=codes)


def _ambiguous(section: Section, texts: list[str], counts: Mapping[str, int]) -> StudyError:
    listed = ", ".join(f"'{text}' ({counts[text]})" for text in texts[:8])
    written = ", ".join(f'"{text}"' for text in texts[:8])
    return section.error(
        "positive",
        f"the outcome column also holds {listed}, and it is not said what they mean",
        f"Add negative = [{written}] if they mean that the condition is not there, list them under positive, "
        "or name them in [data] missing if they mean not known",
    )


def _classes(section: Section, column: str, counts: Mapping[str, int]) -> Outcome:
    if "negative" in section:
        raise section.error("negative", "negative goes with positive, not with classes", "Drop it")
    classes = texts_of(section, "classes", counts)
    if len(classes) < 3:
        raise section.error(
            "classes", f"there are {len(classes)} classes", 'For two classes write positive = "..." instead'
        )
    rest = [text for text in counts if text not in classes]
    if rest:
        raise section.error(
            "classes",
            f"the outcome column also holds {', '.join(rest[:8])}",
            "Add them to classes, or to [data] missing if they mean not known",
        )
    return Outcome(
        column=column, classes=classes, positive=None, codes={text: code for code, text in enumerate(classes)}
    )
