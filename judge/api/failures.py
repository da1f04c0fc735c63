"""What a failed request means for the run: try again, ask for less, give this comparison up, or stop.

    Failure
    ├── Transient   the same request may work later
    ├── Rejected    the server does not take the request in this form
    ├── GaveUp      no request about this comparison will work; its verdict is unscored
    └── JudgeStopped (judge.errors)   no request will work; the stage stops

Servers word their refusals freely, so classes are told apart by status first and by words second, and what
cannot be told apart is `Rejected`, which costs a comparison at most.
"""

import json
import re
from collections.abc import Mapping
from typing import Literal

from judge.api.waiting import asked_wait
from judge.errors import JudgeStopped
from judge.settings import ApiJudgeSettings

Kind = Literal["connection", "timeout", "busy", "server", "malformed"]
"""What another attempt is for; each has attempts of its own."""

_BUSY = (429, 503, 529)

_TOO_LONG = re.compile(
    r"context[ _]length|context[ _]window|maximum (?:context|number of tokens)|too many (?:input )?tokens"
    r"|(?:prompt|input)[^.]{0,40} too long|exceeds?[^.]{0,40} tokens"
)
_FILTERED = re.compile(
    r"content[ _](?:filter|policy|management)|moderation|flagged|responsible ?ai|safety system"
)
_NO_KEY = re.compile(r"api[ _]?key|credential|unauthori[sz]ed")
_NO_MODEL = re.compile(
    r"model_not_found|model[^.]{0,80} (?:does not exist|not found|not exist)|unknown model|no such model"
)
_NO_MONEY = re.compile(r"insufficient[ _](?:quota|balance|credit|funds)|exceeded your current quota|billing")


class Failure(Exception):
    """Base of what a request can end in."""


class Transient(Failure):
    """Worth another attempt, `retry_after` seconds from now at the earliest where the server said so."""

    def __init__(
        self, reason: str, kind: Kind = "server", retry_after: float | None = None, *, answered: bool = True
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after = retry_after
        self.answered = answered
        """Whether a server answered at all."""


class Rejected(Failure):
    """Refused as it stands; `words` is all that the server said about why, in lower case."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(reason)
        self.words = words


class GaveUp(Failure):
    """This comparison cannot be judged; the message becomes the verdict's reason."""


def classify(
    status: int, headers: Mapping[str, str], content: bytes, settings: ApiJudgeSettings
) -> Failure | JudgeStopped:
    """What to raise for an answer that is no success."""
    text = content.decode("utf-8", "replace")
    explanation = _explanation(_error_in(text))
    words = explanation.lower()
    said = f"HTTP {status}: {explanation}" if explanation else f"HTTP {status}"
    where = f"judge at {settings.base_url}"
    if 300 <= status < 400:
        moved = f" to {headers['location']}" if "location" in headers else ""
        return JudgeStopped(
            f"{where}: the server redirects{moved}; put the address that answers into judge.base_url."
        )
    if status in (400, 403, 422, 451) and _FILTERED.search(words):
        return GaveUp(f"refused by a content filter ({said})")
    wait_s = asked_wait(headers, text)
    # Some servers speak of quota and billing where only this minute's share is used up, and then say how long.
    if status == 402 or (
        status in (403, 429)
        and (found := _NO_MONEY.search(words))
        and (wait_s is None or "insuff" in found[0])
    ):
        return JudgeStopped(f"{where}: the account has no quota left ({said}).")
    if status == 401 or (status == 400 and _NO_KEY.search(words)):
        return JudgeStopped(
            f"{where}: the key was not accepted; check environment variable {settings.api_key_env} ({said})."
        )
    if status == 403:
        return JudgeStopped(
            f"{where}: the key in environment variable {settings.api_key_env} has no permission for model "
            f"{settings.model!r} ({said})."
        )
    if status == 404 or (status in (400, 422) and _NO_MODEL.search(words)):
        return JudgeStopped(
            f"{where}: no such model or address; check judge.model {settings.model!r} and judge.base_url ({said})."
        )
    if status in _BUSY:
        return Transient(said, "busy", wait_s)
    if status in (408, 504):
        return Transient(said, "timeout", wait_s)
    if status in (409, 425) or (status >= 500 and status != 501):
        return Transient(said, "server", wait_s)
    if status == 413 or _TOO_LONG.search(words):
        return GaveUp(f"longer than the judge can read ({said})")
    return Rejected(said, words)


def stated_status(content: bytes) -> int | None:
    """The status that an error states in its body: routers pass on errors with status 200 (OpenRouter does)."""
    error = _error_in(content.decode("utf-8", "replace"))
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _error_in(text: str) -> object:
    """The error that a body tells of, as JSON where it is JSON."""
    try:
        body: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(body, list) and len(body) == 1:  # Gemini's
        body = body[0]
    return body.get("error", body) if isinstance(body, dict) else body


def _explanation(body: object, limit: int = 300) -> str:
    """What the server says was wrong, on one line, without any echo of the request that it may have sent back.

    An echo holds the answers under judgement, and their words must not decide what becomes of the run.
    """
    parts: list[object] = [body]
    if isinstance(body, dict):
        detail = body.get("detail")
        # FastAPI lists faults with the place and a message, and the refused input beside them.
        faults = [fault for fault in detail if isinstance(fault, dict)] if isinstance(detail, list) else []
        parts = [body.get(key) for key in ("code", "param", "type", "message")]
        parts += [detail, *(f"{fault.get('loc')} {fault.get('msg')}" for fault in faults)]
    line = " ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part.strip())
    return line if len(line) <= limit else f"{line[:limit]}…"
