"""What a failed request means for the run: try again, ask for less, give this comparison up, or stop.

    Failure
    ├── Transient   the same request may work later
    ├── Rejected    the server does not take the request in this form
    ├── GaveUp      no request about this comparison will work; its verdict is unscored
    └── JudgeStopped (judge.errors)   no request will work; the stage stops

Servers word their refusals freely, so classes are told apart by status first and by words second, and what
cannot be told apart is `Rejected`, which costs a comparison at most.
"""

import email.utils
import re
import time
from collections.abc import Mapping

import openai

from judge.errors import JudgeStopped
from judge.settings import ApiJudgeSettings

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

    def __init__(self, reason: str, retry_after: float | None = None, *, answered: bool = True) -> None:
        super().__init__(reason)
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


def classify(error: openai.OpenAIError, settings: ApiJudgeSettings) -> Failure | JudgeStopped:
    """What to raise for an error of the client library."""
    if isinstance(error, openai.APITimeoutError):
        return Transient("the request timed out", answered=False)
    if isinstance(error, openai.APIConnectionError):
        cause = f": {error.__cause__}" if error.__cause__ and str(error.__cause__) else ""
        return Transient(f"cannot connect{cause}", answered=False)
    if isinstance(error, openai.APIStatusError):
        return _by_status(error, settings)
    return Transient(f"{type(error).__name__}: {error}")


def _by_status(error: openai.APIStatusError, settings: ApiJudgeSettings) -> Failure | JudgeStopped:
    status = error.status_code
    explanation = _explanation(error.body)
    words = explanation.lower()
    said = f"HTTP {status}: {explanation}" if explanation else f"HTTP {status}"
    where = f"judge at {settings.base_url}"
    if status in (400, 403, 422, 451) and _FILTERED.search(words):
        return GaveUp(f"refused by a content filter ({said})")
    if status == 402 or (status in (403, 429) and _NO_MONEY.search(words)):
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
    if status in (408, 409, 429) or (status >= 500 and status != 501):
        return Transient(said, retry_after_s(error.response.headers))
    if status == 413 or _TOO_LONG.search(words):
        return GaveUp(f"longer than the judge can read ({said})")
    return Rejected(said, words)


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


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or HTTP date); None where absent or unreadable."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", value):
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
