"""The server: verified releases in, HTTP out; log-in, rights and the ledger on every road."""

from bedside.serving.admission import Admission, admission
from bedside.serving.app import Pages, create_app, declared
from bedside.serving.server import run
from bedside.serving.service import Loaded, Service, load
from bedside.serving.tls import Tls
from bedside.serving.tls import files as tls_files

__all__ = [
    "Admission",
    "Loaded",
    "Pages",
    "Service",
    "Tls",
    "admission",
    "create_app",
    "declared",
    "load",
    "run",
    "tls_files",
]
