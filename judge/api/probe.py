"""Finding out what a model at an OpenAI-compatible address takes, one feature at a time, with a dozen tiny requests.

Each feature is asked for alone and looked for in the answer, because servers differ in what they refuse and in what
they accept and then do nothing about. Whether the form of a reply is really enforced shows when the words
of the request ask for another: a constrained model cannot reply with the word it is told to.
"""

import json
import statistics
import time
from collections.abc import Mapping
from typing import Any

import httpx

from judge.api.address import is_loopback, require_key
from judge.api.decisions import Dialect, decision_as_completion, decision_request
from judge.api.endpoint_features import EndpointFeatures, Finding
from judge.api.tokens import TokenUse
from judge.api.waiting import asked_wait
from judge.errors import JudgeStopped
from judge.settings import ApiJudgeSettings
from store.records import Message

_LETTER = "Reply with the single letter A and nothing else."
_WORD = "Reply with the single word hello and nothing else, not with JSON."
_SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["A", "B"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}
_LIMIT = 400
"""Tokens of a reply: room for a model that thinks first, and little to pay for one that does not."""

_TOKENS = ("prompt_tokens", "input_tokens", "completion_tokens", "output_tokens")
_ATTEMPTS = 4
_LONGEST_WAIT_S = 20.0
_LISTS = (20, 5)
"""Lengths of the list of likely tokens that are tried: the OpenAI API's most, and what some servers cut it to."""

_YES = Finding(taken="yes")
Answer = Mapping[str, Any]


class _Refused(Exception):
    """The server does not take the request; the message is what it said."""


def probe(settings: ApiJudgeSettings, http_transport: httpx.BaseTransport | None = None) -> EndpointFeatures:
    """What the endpoint and model of `settings` take; their other settings but key and time limit do not matter.

    Raises `JudgeSettingsError` without a key and `JudgeStopped` where not even the plainest request is answered.
    """
    with httpx.Client(
        base_url=settings.base_url.rstrip("/") + "/",
        transport=http_transport,
        headers={"Authorization": f"Bearer {require_key(settings)}"},
        timeout=settings.timeout_s,
        follow_redirects=True,
        trust_env=not is_loopback(settings.base_url),
    ) as client:
        return _Probe(settings, client).run()


class _Probe:
    def __init__(self, settings: ApiJudgeSettings, client: httpx.Client) -> None:
        self._settings = settings
        self._client = client
        self._limit = "max_tokens"
        self._seconds: list[float] = []
        self._requests = 0
        self._used = TokenUse()
        self._where = f"judge at {settings.base_url}"

    def run(self) -> EndpointFeatures:
        models = self._models()
        limits, plain = self._plainest()
        top_logprobs, logprobs = self._logprobs()
        usage = plain.get("usage")
        reasoning = _path(plain, "usage", "completion_tokens_details", "reasoning_tokens")
        return EndpointFeatures(
            models=models,
            max_tokens=limits["max_tokens"],
            max_completion_tokens=limits["max_completion_tokens"],
            system=self._taken(system="Be brief."),
            temperature=self._taken(temperature=0),
            n=self._n(),
            logprobs=logprobs,
            json_schema=self._enforced(
                {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": _SCHEMA}}
            ),
            json_object=self._enforced({"type": "json_object"}),
            systemone=self._decides("systemone"),
            decisions=self._decides("decisions"),
            top_logprobs=top_logprobs,
            usage=isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int),
            reasoning_tokens=reasoning if isinstance(reasoning, int) else 0,
            seconds=round(statistics.median(self._seconds), 4),
            requests=self._requests,
            input_tokens=self._used.input,
            output_tokens=self._used.output,
        )

    def _plainest(self) -> tuple[dict[str, Finding], Answer]:
        """Which names of the token limit are taken, and the answer to a request that asks for nothing else."""
        found: dict[str, Finding] = {}
        plain: Answer | None = None
        for name in ("max_completion_tokens", "max_tokens"):
            self._limit = name
            try:
                plain = self._chat()
                found[name] = _YES
            except _Refused as refused:
                found[name] = _no(refused)
        if plain is None:
            raise JudgeStopped(
                f"{self._where}: model {self._settings.model!r} does not answer the plainest "
                f"request: {found['max_tokens'].said}"
            )
        self._limit = next(name for name, finding in reversed(found.items()) if finding.works)
        return found, plain

    def _models(self) -> Finding:
        try:
            listed = self._send("GET", "models")
        except _Refused as refused:
            return _no(refused)
        data = listed.get("data")
        names = (
            [entry.get("id") for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
        )
        if self._settings.model in names:
            return _YES
        return Finding(taken="ignored", said=f"{len(names)} listed, this one not among them")

    def _taken(self, **asked: Any) -> Finding:
        try:
            self._chat(**asked)
        except _Refused as refused:
            return _no(refused)
        return _YES

    def _n(self) -> Finding:
        try:
            choices = (self._chat(n=2, temperature=1)).get("choices")
        except _Refused as refused:
            return _no(refused)
        count = len(choices) if isinstance(choices, list) else 0
        return _YES if count == 2 else Finding(taken="ignored", said=f"{count} choice(s) for n=2")

    def _logprobs(self) -> tuple[int, Finding]:
        refusal = Finding(taken="no")
        for length in _LISTS:
            try:
                answer = self._chat(logprobs=True, top_logprobs=length)
            except _Refused as refused:
                refusal = _no(refused)
                continue
            tokens = _path(answer, "choices", 0, "logprobs", "content")
            listed = _path(tokens, 0, "top_logprobs")
            if isinstance(listed, list) and len(listed) > 1:
                return length, _YES
            return 0, Finding(taken="ignored", said="no list of likely tokens in the answer")
        return 0, refusal

    def _enforced(self, form: dict[str, Any]) -> Finding:
        try:
            answer = self._chat(_WORD, response_format=form)
        except _Refused as refused:
            return _no(refused)
        if _path(answer, "choices", 0, "finish_reason") == "length":
            # A model that thinks for longer than the limit was never seen to reply; what it accepts it is believed.
            return Finding(taken="yes", said="accepted; the reply was cut before its form could be seen")
        text = _path(answer, "choices", 0, "message", "content")
        try:
            parsed = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            return Finding(taken="ignored", said="the reply was not JSON")
        if form["type"] == "json_schema" and parsed.get("verdict") not in ("A", "B"):
            return Finding(taken="ignored", said="the reply did not keep to the schema")
        return _YES

    def _decides(self, dialect: Dialect) -> Finding:
        chat = (Message(role="user", content="Question: What is 2 plus 2?\nA: 4.\nB: 5."),)
        body = decision_request(dialect, self._settings.model, chat, ("A", "B"))
        try:
            answer = self._send("POST", dialect, body)
            decision_as_completion(dialect, json.dumps(answer).encode(), ("A", "B"))
        except _Refused as refused:
            return _no(refused)
        except ValueError:  # pydantic's ValidationError is one
            return Finding(taken="ignored", said="the answer is no decision")
        return _YES

    def _chat(self, text: str = _LETTER, *, system: str | None = None, **asked: Any) -> Answer:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": text})
        limit = {self._limit: _LIMIT}
        return self._send(
            "POST",
            "chat/completions",
            {"model": self._settings.model, "messages": messages, **limit, **asked},
        )

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """The server's JSON object. Tries again where that may help; raises `_Refused` where it does not."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._requests += 1
            started = time.perf_counter()
            wait: float | None = None
            try:
                response = self._client.request(method, path, json=body)
            except httpx.TransportError as error:
                said = f"no answer ({type(error).__name__}: {error})"
                if attempt == _ATTEMPTS and isinstance(error, httpx.ConnectError):
                    raise JudgeStopped(f"{self._where}: {said}") from error
            else:
                if response.is_success:
                    self._seconds.append(time.perf_counter() - started)
                    answer = _object(response)
                    if answer is not None:
                        self._count(answer)
                        return answer
                    said = "the answer is not a JSON object"
                else:
                    said = f"HTTP {response.status_code}: {_words(response)}"
                if response.status_code == 401:
                    key = f"the key in environment variable {self._settings.api_key_env}"
                    raise JudgeStopped(f"{self._where}: {key} was not accepted ({said})")
                # A server that lacks something may call that its own error: ask again, but not for long.
                if 300 <= response.status_code != 429 and (
                    response.status_code < 500 or response.status_code == 501
                ):
                    raise _Refused(said)
                wait = asked_wait(response.headers, response.text)
            if attempt < _ATTEMPTS:
                time.sleep(min(wait if wait is not None else 0.1 * 2**attempt, _LONGEST_WAIT_S))
        raise _Refused(said)

    def _count(self, answer: Answer) -> None:
        used = [_path(answer, "usage", name) for name in _TOKENS]
        counts = [count if isinstance(count, int) else 0 for count in used]
        self._used = TokenUse(
            input=self._used.input + counts[0] + counts[1], output=self._used.output + counts[2] + counts[3]
        )


def _no(refused: _Refused) -> Finding:
    return Finding(taken="no", said=str(refused))


def _object(response: httpx.Response) -> Answer | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _words(response: httpx.Response, limit: int = 120) -> str:
    """What an error says, on one short line."""
    error: Any = _object(response) or {}
    inner = error.get("error", error)
    told = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    line = " ".join(str(told or response.text).split())
    return line if len(line) <= limit else f"{line[:limit]}…"


def _path(tree: Any, *steps: str | int) -> Any:
    """What stands at these keys and indices; None where the tree has another shape."""
    for step in steps:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
