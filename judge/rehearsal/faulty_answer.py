"""HTTP answers that are wrong on purpose: each kind of fault in the variants that servers and proxies really send."""

import json
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import Any

from judge.rehearsal.fault_plan import Draws, Fault, FaultPlan

JSON = "application/json"
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>One moment, please</h1></body></html>"
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Site is overloaded"}
_PROSE = (
    "Both answers have their merits, and it depends on what is wanted.",
    "I think that A is better than B, although B has its points.",
    "A\nB",
    '{"verdict": "A", "verdict": "B"}',
    "",
)


class Answer:
    """What goes back over the wire.

    `cut` is how many bytes are sent before the connection closes (None: all, and it stays open), `hold` how many
    seconds it then hangs first, `delay` the seconds until anything is sent (None: the plan's latency).
    """

    __slots__ = ("body", "cut", "delay", "headers", "hold", "kind", "status")

    def __init__(
        self,
        status: int,
        body: bytes,
        headers: str = "",
        *,
        kind: str = JSON,
        cut: float | None = None,
        hold: float = 0.0,
        delay: float | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.kind = kind
        self.cut = cut
        self.hold = hold
        self.delay = delay

    def to_bytes(self) -> bytes:
        """Head and body; where `cut` says so only that share of them."""
        head = (
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\n{self.headers}\r\n"
        )
        whole = head.encode() + self.body
        return whole if self.cut is None else whole[: int(self.cut * len(whole))]


def error(
    status: int, message: str, code: str | None = None, param: str | None = None, headers: str = ""
) -> Answer:
    """An error in the shape of the OpenAI API."""
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Answer(status, json.dumps({"error": told}).encode(), headers)


def too_many(plan: FaultPlan, variant: int) -> Answer:
    """429 with `Retry-After` as whole seconds, decimal, date, milliseconds, not at all, or in a form that is wrong."""
    wait = plan.retry_after
    forms = (
        f"Retry-After: {max(1, round(wait)) if wait >= 0.5 else 0}\r\n",
        f"Retry-After: {wait:g}\r\n",
        f"Retry-After: {formatdate(time() + wait, usegmt=True)}\r\n",
        f"retry-after-ms: {wait * 1000:g}\r\n",
        "",
        "Retry-After: soon\r\n",
        "Retry-After: -5\r\n",
    )
    return error(429, "Rate limit reached", "rate_limit_exceeded", headers=forms[variant % len(forms)])


def _rate_limit(plan: FaultPlan, draws: Draws) -> Answer:
    return too_many(plan, draws.choice(1, 7))


def _server_error(plan: FaultPlan, draws: Draws) -> Answer:
    status = (500, 502, 503, 504, 529)[draws.choice(1, 5)]
    if status in (502, 504):
        return Answer(status, _PAGE, kind="text/html")
    headers = f"Retry-After: {plan.retry_after:g}\r\n" if status == 503 else ""
    return error(status, "The server had an error", "server_error", headers=headers)


def _stall(plan: FaultPlan, draws: Draws) -> Answer:
    # Nothing at all, or the head and a part of the body: a deadline between bytes sees only the first.
    return Answer(200, b" " * 2000, cut=(0.0, 0.5)[draws.choice(1, 2)], hold=plan.stall)


def _wrong_type(plan: FaultPlan, draws: Draws) -> Answer:
    del plan
    kinds: tuple[tuple[str, bytes], ...] = (
        ("text/html; charset=utf-8", _PAGE),
        ("text/plain", b"ok"),
        ("text/event-stream", b'data: {"choices": []}\n\ndata: [DONE]\n\n'),
        ("application/octet-stream", bytes(range(256))),
    )
    kind, body = kinds[draws.choice(1, len(kinds))]
    return Answer(200, body, kind=kind)


def _too_long(plan: FaultPlan, draws: Draws) -> Answer:
    del plan, draws
    message = (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    )
    return error(400, message, "context_length_exceeded", "messages")


def _malformed(plan: FaultPlan, draws: Draws) -> Answer:
    del plan
    bodies = (b"", b"null", b"[]", b'{"object": "error"}', b'{"choices": [{"message": "A"}]}', b"\xff\xfe{}")
    return Answer(200, bodies[draws.choice(1, len(bodies))])


INSTEAD: dict[Fault, Callable[[FaultPlan, Draws], Answer]] = {
    "rate_limit": _rate_limit,
    "server_error": _server_error,
    "stall": _stall,
    "wrong_type": _wrong_type,
    "too_long": _too_long,
    "malformed": _malformed,
}
"""Faults that take the place of an answer."""


def spoil_completion(fault: Fault | None, completion: dict[str, Any], draws: Draws) -> Answer:
    """A completion on its way out: refused, filtered, unreadable, without choices, cut short, or as it is."""
    choice = completion["choices"][0]
    match fault:
        case "refusal":
            choice["message"] |= {"content": None, "refusal": "I cannot help with that."}
            choice["logprobs"] = None
        case "content_filter":
            if draws.choice(1, 2):
                return error(400, "The prompt triggered the content management policy", "content_filter")
            choice["message"] |= {"content": ""}
            choice |= {"finish_reason": "content_filter", "logprobs": None}
        case "unreadable":
            choice["message"]["content"] = _PROSE[draws.choice(1, len(_PROSE))]
            choice["logprobs"] = None
        case "no_choices":
            completion["choices"] = (None, [])[draws.choice(1, 2)]
    return _cut_short(fault, json.dumps(completion).encode(), draws)


def spoil_decision(fault: Fault | None, decided: dict[str, Any], draws: Draws) -> Answer:
    """A typed decision on its way out: refused, filtered, without answers, cut short, or as it is."""
    match fault:
        case "refusal":
            if isinstance(decided["answers"], dict):
                return error(400, "The question was refused by a content filter", "content_filter")
            decided["answers"] = [{"type": "refusal", "name": None}]
        case "content_filter":
            return error(400, "The prompt triggered the content management policy", "content_filter")
        case "unreadable" | "no_choices":
            decided["answers"] = type(decided["answers"])()
    return _cut_short(fault, json.dumps(decided).encode(), draws)


def _cut_short(fault: Fault | None, body: bytes, draws: Draws) -> Answer:
    if fault == "truncated":
        return Answer(200, body[: int(draws.uniform(1) * len(body))])
    if fault == "half_closed":
        return Answer(200, body, cut=(0.0, 0.05, 0.6)[draws.choice(1, 3)])
    return Answer(200, body)
