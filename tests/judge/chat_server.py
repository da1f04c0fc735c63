"""A real HTTP server that plays the part of a chat model behind an OpenAI-compatible address."""

import json
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.judge.loopback import Answer, LoopbackServer

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


class ChatServer(LoopbackServer):
    """Answers POST requests as `behaviour` says, and remembers what it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[Body] = []
        self.authorization: list[str | None] = []
        self.paths: list[str] = []
        self.peak = 0
        self._now = 0
        self._lock = threading.Lock()
        self._behaviour = behaviour
        super().__init__()

    def post(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        with self._lock:
            number = len(self.requests)
            body = json.loads(raw)
            self.requests.append(body)
            self.authorization.append(headers.get("Authorization"))
            self.paths.append(path)
            self._now += 1
            self.peak = max(self.peak, self._now)
        try:
            return self._behaviour(body, number)
        finally:
            with self._lock:
                self._now -= 1
