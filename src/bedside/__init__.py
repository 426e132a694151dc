"""From clinical data to a signed answer; the physician leads.

Every command is one function of the same name here: ``bedside.train("study.toml", out="candidate")``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_VERBS = {
    "adopt": "cli.study",
    "approve": "cli.standing",
    "check": "cli.study",
    "demo": "demonstration",
    "deploy": "cli.standing",
    "drop": "cli.targets",
    "environment": "cli.environment",
    "explain": "cli.patients",
    "init": "cli.study",
    "key_add": "cli.service_keys",
    "key_list": "cli.service_keys",
    "key_revoke": "cli.service_keys",
    "keygen": "cli.signing",
    "ledger_backup": "cli.ledger",
    "ledger_checkpoint": "cli.ledger",
    "ledger_erase": "cli.ledger",
    "ledger_export": "cli.ledger",
    "ledger_migrate": "cli.ledger",
    "ledger_restore": "cli.ledger",
    "ledger_verify": "cli.ledger",
    "outcomes": "cli.outcomes",
    "page": "cli.page",
    "predict": "cli.patients",
    "receive": "cli.signing",
    "reinstate": "cli.standing",
    "rollback": "cli.standing",
    "send": "cli.signing",
    "serve": "cli.server",
    "sign": "cli.signing",
    "suspend": "cli.standing",
    "train": "cli.study",
    "user_add": "cli.server",
    "user_link": "cli.server",
    "user_renew": "cli.server",
    "validate": "cli.evidence",
    "verify": "cli.signing",
}

__all__ = [
    "adopt",
    "approve",
    "check",
    "demo",
    "deploy",
    "drop",
    "environment",
    "explain",
    "init",
    "key_add",
    "key_list",
    "key_revoke",
    "keygen",
    "ledger_backup",
    "ledger_checkpoint",
    "ledger_erase",
    "ledger_export",
    "ledger_migrate",
    "ledger_restore",
    "ledger_verify",
    "outcomes",
    "page",
    "predict",
    "receive",
    "reinstate",
    "rollback",
    "send",
    "serve",
    "sign",
    "suspend",
    "train",
    "user_add",
    "user_link",
    "user_renew",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    # Verbs are found when they are first used: importing bedside.answering in a server must not load the command line.
    if name not in _VERBS:
        raise AttributeError(f"module 'bedside' has no attribute {name!r}")
    return getattr(import_module(f"bedside.{_VERBS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
