"""How long a server wants to be left alone, in every form."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from judge.api.waiting import asked_wait, reset_s

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
DATE = format_datetime(NOON, usegmt=True)


def asked(body: str = "", **headers: str) -> float | None:
    return asked_wait(httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), body)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.25", 0.25),
        (".5", 0.5),
        (" 3 ", 3.0),
        ("1m30s", 90.0),
        ("6ms", 0.006),
        ("1h2m3.5s", 3723.5),
        ("2d", 172800.0),
        (format_datetime(NOON + timedelta(seconds=40), usegmt=True), 40.0),
        ("2026-01-01T12:00:20Z", 20.0),
        ("2026-01-01T13:00:20+01:00", 20.0),
        (format_datetime(NOON - timedelta(hours=1), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str, seconds: float) -> None:
    assert asked(retry_after=value, date=DATE) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["soon", "-5", "", "inf", "nan", "1e3", "12 o'clock", "9" * 400 + "x"])
def test_what_cannot_be_read_counts_as_not_said(value: str) -> None:
    assert asked(retry_after=value) is None


def test_an_instant_is_told_from_a_duration_by_its_size() -> None:
    now = time.time()
    assert asked(retry_after=str(now + 30)) == pytest.approx(30, abs=5)
    assert asked(x_ratelimit_remaining="0", x_ratelimit_reset=str(int((now + 30) * 1000))) == pytest.approx(
        30, abs=5
    )


def test_milliseconds_are_more_exact_than_seconds() -> None:
    assert asked(retry_after_ms="150", retry_after="1") == 0.15
    assert asked(retry_after_ms="never", retry_after="1") == 1.0


def test_the_limit_that_is_used_up_says_when_it_is_full_again() -> None:
    said = {
        "x_ratelimit_reset_requests": "2s",
        "x_ratelimit_reset_tokens": "6m0s",
        "x_ratelimit_remaining_requests": "17",
        "x_ratelimit_remaining_tokens": "0",
    }
    assert asked(**said) == 360.0
    assert asked(**said | {"x_ratelimit_remaining_requests": "0", "x_ratelimit_remaining_tokens": "9"}) == 2.0
    assert asked(x_ratelimit_reset_requests="2s", x_ratelimit_reset_tokens="6m0s") == 2.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("Rate limit reached for gpt. Please try again in 20s. Visit us.", 20.0),
        ("Please try again in 1m2.5s.", 62.5),
        ("please retry after 250 milliseconds", 0.25),
        ("Retry after 5 minutes", 300.0),
        ('{"error": {"details": [{"retryDelay": "37s"}]}}', 37.0),
        ("You have 3 seconds of audio", None),
        ("", None),
    ],
)
def test_words_are_the_last_resort(body: str, seconds: float | None) -> None:
    assert asked(body) == seconds


def test_a_reset_header_that_is_not_there_says_nothing() -> None:
    assert reset_s({}, "x-ratelimit-reset-requests") is None
