"""Every error that bedside raises on purpose: what is wrong, where, and what to do.

BedsideError
├── StudyError            the study file: a key, its type, its value               (ValueError)
├── DataError             a table, a row, a value in it                            (ValueError)
├── ValueRefused          a patient's values as entered or sent; one text each     (ValueError)
├── UsageError            a command, an option, a file that is not there           (ValueError)
├── MissingExtra          an optional part of bedside is not installed             (ImportError)
│   └── MissingEnvironment  a tool that needs an environment of its own has none   (ImportError)
├── NotFound              a release, an answer, a user that does not exist         (LookupError)
├── Conflict              a thing that is already there or already decided         (ValueError)
├── AccessDenied          no log-in (401), or no right (403)                       (PermissionError)
├── LedgerError           the ledger cannot be read or written, or does not hold   (RuntimeError)
│   └── PatientErased     it was about a patient who was erased by law: it is gone
└── Refused               bedside says no: nothing is broken, something failed
    ├── GateFailed        a gate of ``[accept]``, or evidence that is missing
    └── SignatureInvalid  a release is not what was signed

The command line turns ``Refused`` into exit status 1 and every other one into 2; the server turns each
into the HTTP status in ``status``. Each class also inherits the builtin that a Python caller expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class BedsideError(Exception):
    """Something is wrong that the caller can mend.

    Parameters
    ----------
    what: what is wrong, in one sentence without a full stop at its end.
    where: the file, key, row or variable; empty where the sentence says it.
    remedy: what to do about it.
    """

    exit_status: ClassVar[int] = 2
    status: ClassVar[int] = 400

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f". {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{advice}"


class StudyError(BedsideError, ValueError):
    """The study file cannot be used as it stands."""


class DataError(BedsideError, ValueError):
    """A table, one of its rows or one of its values cannot be used."""


class ValueRefused(BedsideError, ValueError):
    """One patient's values cannot be answered; ``problems`` maps each variable to what is wrong with it."""

    status = 422

    def __init__(self, problems: dict[str, str], *, where: str = "", remedy: str = "") -> None:
        listed = "; ".join(f"{name}: {text}" for name, text in problems.items())
        super().__init__(listed, where=where, remedy=remedy)
        self.problems = dict(problems)


class UsageError(BedsideError, ValueError):
    """A command, an option or a path is wrong."""


class MissingExtra(BedsideError, ImportError):
    """A part of bedside that is not installed here is needed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed", remedy=f"Install bedside with it: pip install 'bedside[{extra}]'"
        )


class MissingEnvironment(MissingExtra):
    """A tool that does not fit together with our versions has no environment of its own here."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        BedsideError.__init__(self, what, where=where, remedy=remedy)


class NotFound(BedsideError, LookupError):
    """There is no such thing."""

    status = 404


class Conflict(BedsideError, ValueError):
    """It is already there, or already decided."""

    status = 409


class AccessDenied(BedsideError, PermissionError):
    """Nobody is logged in, or whoever is has no right to this."""

    status = 403

    def __init__(self, what: str, *, logged_in: bool = True, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.status = 403 if logged_in else 401  # type: ignore[misc]


class LedgerError(BedsideError, RuntimeError):
    """The ledger cannot be read or written, or its chain does not hold."""

    status = 503


class PatientErased(LedgerError):
    """It was about a patient who was erased: it stays in the chain, and nobody can read it again."""

    status = 410


class Refused(BedsideError):
    """Nothing is broken: a condition that bedside enforces does not hold."""

    exit_status = 1
    status = 409


class GateFailed(Refused):
    """A gate of ``[accept]`` failed, or the evidence for it is missing or belongs to other bytes."""

    def __init__(self, what: str, *, failed: Sequence[str] = (), where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.failed = tuple(failed)


class SignatureInvalid(Refused):
    """A folder is not, byte for byte, what was signed.

    ``files`` has the state of each file (`bedside.release.FileState`) against the list in the file ``listed_in``;
    ``vouched`` says whether that list is what was signed. Without a signature that holds nobody vouches for it.
    """

    def __init__(self, what: str, *, vouched: bool = False, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.vouched = vouched
        self.listed_in = ""
        self.files: tuple[Any, ...] = ()
