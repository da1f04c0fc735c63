"""How long a server wants to be left alone, in every form that servers say it.

`Retry-After` comes as whole or fractional seconds or as a date, `retry-after-ms` as milliseconds, the `x-ratelimit-`
family as durations ("1m30s", "6ms"), seconds, instants since 1970 or ISO dates, and some servers say it in the body
alone ("Please try again in 20s"). Whatever cannot be read counts as not said. Nothing here is bounded: who waits
bounds it.
"""

import email.utils
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_DURATION = re.compile(r"(?:(?:\d+(?:\.\d+)?)(?:ms|us|µs|ns|h|m|s|d)\s*)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_WORDS = re.compile(
    r"(?:try again|retry|wait)[^.\d]{0,30}?(\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?)"
    r"(?:\d+(?:\.\d+)?s)?)\b",
    re.IGNORECASE,
)
_RETRY_DELAY = re.compile(r'"retryDelay"\s*:\s*"([\d.]+m?s)"')
_EPOCH_S, _EPOCH_MS = 1e9, 1e12  # a number this large is an instant, not a duration

WINDOWS: tuple[tuple[str, str, str], ...] = (
    ("requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("requests", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("tokens", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("requests", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("requests", "ratelimit-remaining", "ratelimit-reset"),
)
"""What is counted, the header with what is left of it, and the header with when it is full again."""


def asked_wait(headers: Mapping[str, str], body: str = "") -> float | None:
    """Seconds that a server which refused a request wants to be left alone; None where it does not say."""
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and _NUMBER.fullmatch(milliseconds.strip()):
        return float(milliseconds) / 1000
    value = headers.get("retry-after")
    if value is not None and (wait := _until(value, headers.get("date"))) is not None:
        return wait
    resets = [reset_s(headers, reset) for _, left, reset in WINDOWS if _is_zero(headers.get(left))]
    if not any(reset is not None for reset in resets):
        # Which of its limits was met is not said: the one that ends first is the cheapest to be wrong about.
        resets = [reset_s(headers, reset) for _, left, reset in WINDOWS if headers.get(left) is None]
        said = [reset for reset in resets if reset is not None]
        return min(said) if said else _in_words(body)
    return max(reset for reset in resets if reset is not None)


def reset_s(headers: Mapping[str, str], name: str) -> float | None:
    """Seconds from now that the header `name` speaks of; None where it is absent or cannot be read."""
    value = headers.get(name)
    return None if value is None else _until(value, headers.get("date"))


def _until(value: str, date: str | None) -> float | None:
    value = value.strip()
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number < _EPOCH_S:
            return number
        return max(0.0, (number / 1000 if number >= _EPOCH_MS else number) - time.time())
    if _DURATION.fullmatch(value):
        return sum(float(amount) * _UNIT_S[unit] for amount, unit in _PART.findall(value))
    instant = _instant(value)
    if instant is None:
        return None
    # The server's own clock, where it tells it: the two need not agree.
    now = (_instant(date) if date else None) or time.time()
    return max(0.0, instant - now)


def _instant(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _in_words(body: str) -> float | None:
    if told := _RETRY_DELAY.search(body):
        return _until(told[1], None)
    if told := _IN_WORDS.search(body):
        words = re.sub(r"\s+", "", told[1].lower())
        for long, short in (("milliseconds?", "ms"), ("min(?:ute)?s?", "m"), ("sec(?:ond)?s?", "s")):
            words = re.sub(rf"(?<=\d){long}(?![a-z])", short, words)
        return _until(words, None)
    return None


def _is_zero(value: str | None) -> bool:
    try:
        return value is not None and float(value) <= 0.0
    except ValueError:
        return False
