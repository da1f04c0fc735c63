"""A chat model behind an OpenAI-compatible address that fails on purpose, as often and as badly as it is told to.

    python -m judge.rehearsal.fault_server --latency 0.2 --faults rate_limit=0.1,stall=0.02 --position-bias 0.5

It speaks HTTP/1.1 on a loopback socket with nothing but asyncio, fast enough to answer thousands of requests a second
on a part of one core, so that what a measurement shows is the client. It ships with the package because whoever
builds a judge on an API needs a server whose right answers and whose faults are known: what it answers is in
`judge.rehearsal.planted_reply`, what goes wrong in `judge.rehearsal.fault_plan`. `GET /stats` says what it has done.

Left out: streaming (no judge of ours streams), chunked request bodies, TLS.
"""

import argparse
import asyncio
import json
import resource
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import ValidationError

from judge.rehearsal.fault_plan import Draws, FaultPlan, draw_fault, evenly
from judge.rehearsal.faulty_answer import INSTEAD, Answer, error, spoil_completion, spoil_decision, too_many
from judge.rehearsal.loopback_http import LoopbackServer
from judge.rehearsal.planted_decision import decision_input, planted_decision
from judge.rehearsal.planted_reply import planted_completion

_CHAT = "/v1/chat/completions"


class FaultServer:
    """Answers by `plan` from `start` to `close`, inside the running event loop."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._http = LoopbackServer(self._answer)
        self._paths = {_CHAT, *(f"/v1/{dialect}" for dialect in plan.offers)}
        self._asked: dict[bytes, int] = {}
        self._recent: deque[float] = deque()
        self._requests = 0
        self._done: Counter[str] = Counter()

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 (`port` 0: a free one) and return the base URL, version included."""
        return f"http://127.0.0.1:{await self._http.start(port)}/v1"

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        await self._http.close()

    @property
    def stats(self) -> dict[str, Any]:
        """What it has done: `done` counts requests by what became of them; `cpu_s` is the whole process's."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": self._requests,
            "done": dict(sorted(self._done.items())),
            "chats": len(self._asked),
            "peak": self._http.peak,
            "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        }

    def _answer(self, method: str, path: str, key: str, body: bytes) -> Answer:
        answer = self._by_path(method, path, key, body)
        if answer.delay is None:
            answer.delay = self._plan.latency
        return answer

    def _by_path(self, method: str, path: str, key: str, body: bytes) -> Answer:
        plan = self._plan
        if path == "/stats":
            return Answer(200, json.dumps(self.stats).encode(), delay=0.0)
        if plan.api_key is not None and key != f"Bearer {plan.api_key}":
            return error(401, "Incorrect API key provided", "invalid_api_key")
        if (method, path) == ("GET", "/v1/models") and "models" not in plan.refuses:
            listed = [{"id": plan.model, "object": "model", "created": 0, "owned_by": "planted"}]
            return Answer(200, json.dumps({"object": "list", "data": listed}).encode())
        if method != "POST" or path not in self._paths:
            return error(404, f"No such path: {method} {path}")
        try:
            asked = json.loads(body)
            if path != _CHAT:
                return self._model_answer(path, asked, decision_input(asked))
            return self._model_answer(
                path, asked, [(message["role"], message["content"]) for message in asked["messages"]]
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return error(400, "The body is not a request of this path", param="messages")

    def _model_answer(self, path: str, asked: dict[str, Any], messages: list[tuple[str, str]]) -> Answer:
        plan = self._plan
        self._requests += 1
        refusal = self._out_of_bounds() or _unsupported(plan, asked, messages)
        if refusal is not None:
            self._done[f"http_{refusal.status}"] += 1
            return refusal
        said = "\n".join(f"{role}:\n{content}" for role, content in messages)
        chat = Draws(plan.seed, said.encode("utf-8", "surrogatepass"))
        key = chat.digest[-16:]
        attempt = self._asked.get(key, 0)
        self._asked[key] = attempt + 1
        draws = Draws(plan.seed, b"%s%d" % (key, attempt))
        fault = draw_fault(plan, chat, draws)
        self._done[fault or "answered"] += 1
        if fault in INSTEAD:
            answer = INSTEAD[fault](plan, draws)
        elif path != _CHAT:
            answer = spoil_decision(fault, planted_decision(plan, asked, said, chat), draws)
        else:
            answer = spoil_completion(fault, planted_completion(plan, asked, said, chat, draws), draws)
        if plan.requests_per_minute:
            left = max(0, plan.requests_per_minute - len(self._recent))
            answer.headers += (
                f"x-ratelimit-limit-requests: {plan.requests_per_minute}\r\n"
                f"x-ratelimit-remaining-requests: {left}\r\n"
                f"x-ratelimit-reset-requests: {self._reset_s():.3f}s\r\n"
            )
        if plan.jitter:
            answer.delay = plan.latency * (1.0 + plan.jitter * (2.0 * draws.uniform(7) - 1.0))
        return answer

    def _out_of_bounds(self) -> Answer | None:
        """429 in a storm, over the capacity or over the rate; refusals count towards none of them."""
        plan = self._plan
        if plan.storm_every and (self._requests - 1) % plan.storm_every < plan.storm_length:
            return too_many(plan, self._requests)
        # The request that is being answered is in flight already.
        if plan.capacity and self._http.in_flight > plan.capacity:
            answer = too_many(plan, self._requests)
            answer.delay = 0.0
            return answer
        if plan.requests_per_minute:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - 60.0:
                self._recent.popleft()
            if len(self._recent) >= plan.requests_per_minute:
                headers = f"Retry-After: {self._reset_s():.3f}\r\nx-ratelimit-remaining-requests: 0\r\n"
                return error(429, "Rate limit reached", "rate_limit_exceeded", headers=headers)
            self._recent.append(now)
        return None

    def _reset_s(self) -> float:
        """Seconds until the oldest request of the last minute is older than that."""
        return max(0.0, self._recent[0] + 60.0 - time.monotonic()) if self._recent else 0.0


def _unsupported(plan: FaultPlan, asked: dict[str, Any], messages: list[tuple[str, str]]) -> Answer | None:
    """The error for a model or a parameter that the plan does not have."""
    if asked.get("model") != plan.model:
        return error(404, f"The model `{asked.get('model')}` does not exist", "model_not_found")
    form = (asked.get("response_format") or {}).get("type")
    used = {
        "logprobs": bool(asked.get("logprobs")),
        "n": asked.get("n", 1) != 1,
        "json_schema": form == "json_schema",
        "json_object": form == "json_object",
        "system": any(role == "system" for role, _ in messages),
        "temperature": asked.get("temperature", 1) != 1,
        "max_tokens": "max_tokens" in asked,
        "max_completion_tokens": "max_completion_tokens" in asked,
    }
    for feature in plan.refuses:
        if used.get(feature):
            param = "response_format" if feature.startswith("json") else feature
            return error(
                400, f"Unsupported parameter or value: '{param}' ({feature})", "unsupported_value", param
            )
    if asked.get("stream"):
        return error(400, "Unsupported parameter: 'stream'", "unsupported_parameter", "stream")
    if asked.get("logprobs") and asked.get("top_logprobs", 0) > plan.top_logprobs:
        message = f"top_logprobs must be at most {plan.top_logprobs}"
        return error(400, f"Invalid value: {message}", "invalid_value", "top_logprobs")
    return None


@contextmanager
def running(plan: FaultPlan) -> Iterator[tuple[str, FaultServer]]:
    """A server in a thread of its own: its base URL, and the server itself to ask for `stats`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-server", daemon=True)
    thread.start()
    server = FaultServer(plan)
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result(), server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m judge.rehearsal.fault_server",
        description="A chat model behind an OpenAI-compatible address that fails on purpose. Prints its base URL.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one.")
    parser.add_argument("--share", type=float, help="Share of faults, all kinds alike; instead of --faults.")
    for name, field in FaultPlan.model_fields.items():
        default = f" Default: {field.default}." if field.default not in (None, frozenset(), {}) else ""
        shape = {"faults": "NAME=SHARE,…", "refuses": "NAME,…", "ignores": "NAME,…", "offers": "NAME,…"}.get(
            name
        )
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=shape or name.upper(),
            default=argparse.SUPPRESS,
            help=f"{field.description}{default}",
        )
    return parser


def read_plan(arguments: dict[str, Any]) -> FaultPlan:
    """The plan that command-line words describe. Raises `ValidationError` for one that is wrong."""
    words: dict[str, Any] = {
        name: value for name, value in arguments.items() if name in FaultPlan.model_fields
    }
    if "faults" in words:
        words["faults"] = dict(entry.partition("=")[::2] for entry in words["faults"].split(","))
    for name in ("refuses", "ignores", "offers"):
        if name in words:
            words[name] = words[name].split(",")
    if arguments.get("share") is not None:
        words["faults"] = evenly(arguments["share"])
    return FaultPlan.model_validate(words)


async def _serve(plan: FaultPlan, port: int) -> None:
    server = FaultServer(plan)
    print(await server.start(port), flush=True)  # noqa: T201
    try:
        await asyncio.Event().wait()
    finally:
        await server.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = _parser()
    asked = vars(parser.parse_args(arguments))
    try:
        plan = read_plan(asked)
    except ValidationError as error_:
        parser.error(
            "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error_.errors() if fault["loc"])
            or str(error_)
        )
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(plan, asked["port"]))


if __name__ == "__main__":
    main()
