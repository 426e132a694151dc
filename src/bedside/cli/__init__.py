"""The command line: finds the verb, calls it, prints its result, and turns every error into one message."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from bedside.errors import BedsideError, SignatureInvalid

__all__ = ["run"]

INTERRUPTED = 130  # what shells report for a program that was ended by Ctrl-C
BROKEN_PIPE = 0  # ``bedside predict ... | head`` is no error


def run(argv: list[str]) -> int:
    """Run one command; returns its exit status.

    0: done. 1: refused. 2: bad usage or bad input. Errors that bedside raises on purpose become one message on standard
    error, never a traceback; anything else is a defect of bedside and keeps its traceback.
    """
    from bedside.cli.parser import build

    parser = build()
    try:
        arguments = vars(parser.parse_args(argv))
        return _dispatch(parser, arguments)
    except BedsideError as error:
        sys.stderr.write(f"bedside: {error}\n")
        return error.exit_status
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"\nbedside: stopped; {str(stop) or 'nothing half-written was left'}\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _dispatch(parser: Any, arguments: dict[str, Any]) -> int:
    if arguments.pop("version"):
        from importlib.metadata import version

        sys.stdout.write(f"bedside {version('bedside')}\n")
        return 0
    if "command" not in arguments:
        parser.print_help()
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command, as_json = arguments.pop("command"), arguments.pop("as_json")
    if command.progress:
        from bedside.cli.progress import Bars

        bars = Bars()
        try:
            result = command.function()(**arguments, progress=bars)
        finally:
            bars.close()
    else:
        try:
            result = command.function()(**arguments)
        except SignatureInvalid as error:
            if command.explains:
                _explain(error, as_json)
            raise
    return _print(command.verb, result, as_json)


def _explain(error: SignatureInvalid, as_json: bool) -> None:
    from bedside.cli import differences

    sys.stdout.write(differences.document(error) if as_json else differences.text(error))


def _print(verb: str, result: Any, as_json: bool) -> int:
    from bedside.cli import words

    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(words.document(result)).decode() + "\n")
    else:
        text = getattr(words, verb)(result)
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
    return words.status(result)
