"""What stands in for a stack under load: a server on this machine, which answers as CloudFront does, or does not."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""https://www.rfc-editor.org/rfc/rfc6455#section-1.3"""


class LoadedServer(ThreadingHTTPServer):
    """It counts what it is asked, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        """Path → where it leads."""
        self.is_cloudfront = True

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoadedServer

    def do_GET(self) -> None:
        self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        if self.headers.get("Upgrade") == "websocket":
            self._keep_open()
            return
        to = self.server.redirects.get(self.path)
        self.send_response(302 if to else 404 if self.path == "/nothing" else 200)
        if to:
            self.send_header("Location", to)
        self._said()
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def _said(self) -> None:
        if self.server.is_cloudfront:
            self.send_header("X-Amz-Cf-Id", "some")

    def _keep_open(self) -> None:
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode())
        self._said()
        self.end_headers()
        # Whatever the client says first is that it closes.
        self.rfile.read(6)
        self.wfile.write(b"\x88\x00")
        self.close_connection = True

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def loaded_server() -> Iterator[LoadedServer]:
    """Run one."""
    with LoadedServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
