"""A real HTTP server that plays the part of a chat model behind an OpenAI-compatible address."""

import json
import math
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Behaviour = Callable[[Body, int], tuple[int, dict[str, str], Any]]
"""(request, its number from 0) to (status, headers, body); a string body is sent as it is."""


def completion(text: str, *, logprobs: Any = None, finish_reason: str = "stop", **message: Any) -> Body:
    """The body of a chat completion."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "logprobs": logprobs,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    }


def token(text: str, listed: dict[str, float]) -> Body:
    """A token with the probabilities of what could have stood in its place."""
    return {
        "token": text,
        "logprob": math.log(listed[text]),
        "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in listed.items()],
    }


class ChatServer:
    """Answers POST requests on a loopback socket as `behaviour` says, and remembers what it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[Body] = []
        self.authorization: list[str | None] = []
        self.paths: list[str] = []
        self.peak = 0
        self._now = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                with outer._lock:
                    number = len(outer.requests)
                    body = json.loads(raw)
                    outer.requests.append(body)
                    outer.authorization.append(self.headers.get("Authorization"))
                    outer.paths.append(self.path)
                    outer._now += 1
                    outer.peak = max(outer.peak, outer._now)
                try:
                    status, headers, answer = behaviour(body, number)
                finally:
                    with outer._lock:
                        outer._now -= 1
                payload = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
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
                """A client that gave up waiting is part of the play."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
