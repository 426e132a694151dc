"""A command of the command line, as data: the parser, the documentation and its test read the same table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Argument:
    """One argument or option.

    Attributes
    ----------
    flag: ``"STUDY"``-like names become positional, ``"--out"`` an option.
    parameter: name of the verb's parameter that it sets.
    help: one line.
    options: further keywords for `argparse.ArgumentParser.add_argument`.
    """

    flag: str
    parameter: str
    help: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def positional(self) -> bool:
        """Whether it is given by place rather than by name."""
        return not self.flag.startswith("--")


@dataclass(frozen=True)
class Command:
    """One verb.

    Attributes
    ----------
    words: as typed after ``bedside``, for example ``("user", "add")``.
    module: module of `bedside.cli` that holds the verb.
    verb: name of the public function there; `bedside.cli.words` has a function of the same name that puts its
        result into words.
    help: one line.
    arguments: in the order in which help shows them.
    progress: whether the verb takes a ``progress`` callback.
    explains: whether a signature that does not hold is explained on standard output, file by file.
    """

    words: tuple[str, ...]
    module: str
    verb: str
    help: str
    arguments: tuple[Argument, ...] = ()
    progress: bool = False
    explains: bool = False

    def function(self) -> Callable[..., Any]:
        """The verb itself; imported only now, so that ``--help`` stays fast."""
        function: Callable[..., Any] = getattr(import_module(f"bedside.{self.module}"), self.verb)
        return function
