"""Answers of an external judge that were paid for, kept so that none is paid for twice.

The key is the whole request as it is sent (endpoint, model, messages, every parameter) and the sample index, which
tells the votes on one prompt apart. Only an answer that was read as a verdict is kept: failures, refusals and
replies nobody could read never are, so that asking again really asks. `judge.api.stored_calls` keeps them in the store.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from judge.api.tokens import TokenUse
from prompts.hashing import content_hash


@dataclass(frozen=True)
class Call:
    """A call that was answered: the response's bytes (JSON), its tokens, its cost where the price is known, and by
    which model."""

    response: bytes
    used: TokenUse
    cost_usd: float | None = None
    model: str = ""


class CallCache(Protocol):
    """Where answered calls are kept. Several processes may use one at once."""

    async def get(self, key: str) -> Call | None:
        """The answer kept under `key`."""
        ...

    async def put(self, key: str, call: Call, *, keep: bool) -> None:
        """Record that the call was paid for, and with `keep` its answer; durable when this returns."""
        ...

    async def drop(self, key: str) -> None:
        """Keep the answer under `key` no longer; what it cost stays counted."""
        ...

    async def close(self) -> None:
        """The event loop ends: make durable what nobody waits for any more."""
        ...


_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode


def call_key(endpoint: str, request: Mapping[str, Any], sample: int) -> str:
    """The key of this request (its JSON body, the model among it) to this address."""
    whole = {"endpoint": endpoint.rstrip("/"), "request": request, "sample": sample}
    return content_hash(_canonical(whole))
