"""The server: verified releases in, HTTP out; log-in, rights and the ledger on every road."""

from bedside.serving.app import Pages, create_app, declared
from bedside.serving.server import run
from bedside.serving.service import Loaded, Service, load

__all__ = ["Loaded", "Pages", "Service", "create_app", "declared", "load", "run"]
