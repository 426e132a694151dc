"""PostgreSQL's way into TLS, in front of a server that was built without it: the handshake is a real one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")


@contextmanager
def tls_before(target: Path, certificate: Path, key: Path) -> Iterator[int]:
    """Meanwhile this port of loopback speaks TLS and passes everything on to the unix socket ``target``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, target, context), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: Path, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target, context), daemon=True).start()


def _serve(client: socket.socket, target: Path, context: ssl.SSLContext) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        assert client.recv(8) == _ASKS_FOR_TLS
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as encrypted:
            server.connect(str(target))
            back = threading.Thread(target=_pass, args=(server, encrypted), daemon=True)
            back.start()
            _pass(encrypted, server)
            back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
