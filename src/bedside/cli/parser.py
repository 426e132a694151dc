"""From typed words to a verb and its parameters."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from bedside.cli.command import Command
from bedside.cli.commands import COMMANDS
from bedside.errors import UsageError

EPILOG = "Exit status: 0 done, 1 refused (a gate failed, a signature does not hold), 2 bad usage or bad input."


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that reports bad usage like every other error."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` in place of printing and leaving."""
        raise UsageError(message, remedy=f"See: {self.prog} --help")


def build() -> Parser:
    """The parser of all commands in `COMMANDS`."""
    parser = Parser(
        prog="bedside", description="From clinical data to a signed answer; the physician leads.", epilog=EPILOG
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    families: dict[str, Any] = {"": parser.add_subparsers(metavar="COMMAND", parser_class=Parser)}
    for command in COMMANDS:
        *family, word = command.words
        if family and family[0] not in families:
            group = families[""].add_parser(family[0], help=f"commands about the {family[0]}")
            families[family[0]] = group.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
        _add(
            families[family[0] if family else ""].add_parser(word, help=command.help, description=command.help), command
        )
    return parser


def _add(parser: argparse.ArgumentParser, command: Command) -> None:
    for argument in command.arguments:
        if argument.positional:
            parser.add_argument(argument.parameter, metavar=argument.flag, help=argument.help, **argument.options)
        else:
            parser.add_argument(argument.flag, dest=argument.parameter, help=argument.help, **argument.options)
    parser.add_argument("--json", dest="as_json", action="store_true", help="print exactly one JSON object")
    parser.set_defaults(command=command)
