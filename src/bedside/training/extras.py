"""Training needs packages that serving must not: they are looked for once, before anything is fitted."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

from bedside.errors import MissingExtra

PACKAGES = {"torch": "torch", "sklearn": "scikit-learn", "scipy": "scipy", "onnx": "onnx"}


def require(*modules: str) -> None:
    """Import the modules, so that a missing one is named now and not half-way.

    Raises
    ------
    MissingExtra: one is not installed.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtra(PACKAGES.get(module, module), "train") from error


def versions() -> dict[str, str]:
    """Versions of the packages that a fit depends on, by distribution name."""
    return {name: version(name) for name in ("numpy", *PACKAGES.values())}
