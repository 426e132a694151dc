"""Keys of services: ``key add``, ``list`` and ``revoke``."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import msgspec

from bedside.cli.server import open_ledger

if TYPE_CHECKING:
    from bedside.ledger import Key


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; ``key`` is the secret, which is not shown again."""

    service: str
    number: int
    made: str
    expires: str | None
    key: str


class ListedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret; ``expired``: whether it has stopped working."""

    service: str
    number: int
    made: str
    expires: str | None
    expired: bool


class ListedKeys(msgspec.Struct, frozen=True):
    """Every key that was not revoked, by service and number."""

    keys: tuple[ListedKey, ...]


def key_add(service: str, *, days: int | None = None, ledger: str | None = None) -> MadeKey:
    """Make one more key for a service; it works for `days`, or until it is revoked. The others go on.

    Raises `NotFound` where there is no such service, `Conflict` for a person, and `ValueRefused` for days that cannot
    be.
    """
    with open_ledger(ledger) as book:
        key, secret = book.add_key(service, days=days, actor=f"command line ({getpass.getuser()})")
    return MadeKey(**msgspec.structs.asdict(key), key=secret)


def key_list(service: str | None = None, *, ledger: str | None = None) -> ListedKeys:
    """The keys of a service, or of all, that were not revoked. Raises as `key_add` does."""
    with open_ledger(ledger) as book:
        now, keys = book.now(), book.service_keys(service)
    return ListedKeys(tuple(ListedKey(**msgspec.structs.asdict(key), expired=key.expired(now)) for key in keys))


def key_revoke(service: str, number: int, *, ledger: str | None = None) -> Key:
    """End one key of a service at once; its others go on. Raises `NotFound` where there is no such key."""
    with open_ledger(ledger) as book:
        return book.revoke_key(service, number, actor=f"command line ({getpass.getuser()})")
