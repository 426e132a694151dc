"""The server's log: one JSON object a line on standard error, without identifiers, values or secrets."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType

LOGGER = logging.getLogger("bedside.serving")


class JsonLines(logging.Formatter):
    """A record as one line of JSON. Of an exception, its type and the lines of code: its text may quote a patient."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        if hasattr(record, "written"):
            return str(record.written)
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["frames"] = frames(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False)


def frames(trace: TracebackType | None) -> list[str]:
    """``module file:line function`` for each step of a traceback, outermost first."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def log(event: str, *, level: int = logging.INFO, error: BaseException | None = None, **facts: object) -> None:
    """Write one line; ``facts`` are constants of the program, counts and durations only."""
    LOGGER.log(level, event, extra={"facts": facts}, exc_info=error)


def write(level: int, lines: str) -> None:
    """Write lines that are JSON already."""
    record = LOGGER.makeRecord(LOGGER.name, level, "", 0, "", (), None, extra={"written": lines})
    if LOGGER.isEnabledFor(level):
        LOGGER.handle(record)


@contextmanager
def logging_to(writer: logging.Handler | None = None) -> Iterator[None]:
    """Meanwhile the logs of bedside and of the web server go to ``writer`` (standard error), and nowhere else."""
    writer = writer or logging.StreamHandler(sys.stderr)
    writer.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in ("bedside", "uvicorn")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [writer], False
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
