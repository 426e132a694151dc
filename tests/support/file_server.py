"""A plain file server on loopback that can be stopped, and whose files can be spoilt on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class FileServer:
    """Serves a folder; `spoilt` maps a path to what is sent in place of the file (None: it is not there)."""

    folder: Path
    spoilt: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        """Nobody answers at this address from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> Any:
        served = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *words: Any) -> None:
                super().__init__(*words, directory=str(served.folder))

            def do_GET(self) -> None:
                name = self.path.lstrip("/") or "index.html"
                served.asked.append(name)
                if name not in served.spoilt:
                    super().do_GET()
                    return
                content = served.spoilt[name]
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Type", self.guess_type(name))
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *words: Any) -> None:
                return

        return Handler


@contextmanager
def file_server(folder: Path) -> Iterator[FileServer]:
    """Started; stopped at the end where the test has not done so."""
    server = FileServer(folder)
    server.start()
    try:
        yield server
    finally:
        if server._thread.is_alive():
            server.stop()
