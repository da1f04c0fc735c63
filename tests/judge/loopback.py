"""A real HTTP server on a loopback socket; what it answers is said by whoever builds on it."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, str], Any]
"""Status, headers and body; text and bytes are sent as they are, the rest as JSON. Status 0 breaks the connection."""


class LoopbackServer(ABC):
    """Serves from the end of its constructor until `close`, each request in a thread of its own."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self._send(
                    outer.post(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                )

            def do_GET(self) -> None:
                self._send(outer.get(self.path.partition("?")[0]))

            def _send(self, answer: Answer) -> None:
                status, headers, body = answer
                if status == 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                payload = (
                    body
                    if isinstance(body, bytes)
                    else (body if isinstance(body, str) else json.dumps(body)).encode()
                )
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that gave up waiting, or was killed, is part of the play."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @abstractmethod
    def post(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """What a POST request is answered."""

    def get(self, path: str) -> Answer:
        """What a GET request of this path, without its query, is answered."""
        return 404, {}, {"error": {"message": f"no such route: {path}"}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
