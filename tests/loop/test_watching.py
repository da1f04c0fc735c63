"""What a judge on an API is doing is said while it works, and what it did is kept."""

import asyncio
import io
import time

import pytest
from rich.console import Console

from judge.api.activity import Activity, activities, total_figures
from judge.panel import PanelJudge
from judge.scripted import ScriptedJudge
from judge.settings import ScriptedJudgeSettings
from loop import progress, watching
from loop.progress import Bars, Plain


class WaitingJudge:
    """A judge whose server is busy."""

    name = "waiting"

    def __init__(self) -> None:
        self.activity = Activity(
            limit=3, in_flight=0, until=time.monotonic() + 30.0, why="HTTP 429: slow down"
        )


def watched(bars: progress.Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "EVERY_S", 0.01)
    monkeypatch.setattr(progress, "PLAIN_INTERVAL_S", 0.02)

    async def work(bar: progress.Bar) -> None:
        async with watching.watching(WaitingJudge(), bar):
            await asyncio.sleep(0.3)

    with bars.stage("judge", 8, "comparisons") as bar:
        bar.advance(2)
        asyncio.run(work(bar))


def test_a_judge_that_waits_says_why_though_nothing_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    watched(Plain(stream), monkeypatch)
    lines = [line for line in stream.getvalue().splitlines() if "2 of 8 comparisons" in line]
    assert len(lines) > 2
    assert "0 in flight, at most 3; waiting" in lines[-2]
    assert "s: HTTP 429: slow down" in lines[-2]
    assert "waiting" not in lines[-1]


def test_bars_show_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    watched(Bars(Console(file=stream, force_terminal=True, width=200)), monkeypatch)
    assert "HTTP 429: slow down" in stream.getvalue()


def test_what_was_tried_again_is_counted_by_kind() -> None:
    activity = Activity(
        limit=4, lowest_limit=2, in_flight=4, requests=12, answers=10, last="HTTP 500: oh dear"
    )
    activity.retries.update({"server": 2, "timeout": 1})
    assert activity.line() == (
        "4 in flight, at most 4; tried again: 2 server, 1 timeout (last: HTTP 500: oh dear)"
    )
    assert activity.figures() == {
        "requests": 12.0,
        "answers": 10.0,
        "waited_s": 0.0,
        "lowest_limit": 2.0,
        "retries_server": 2.0,
        "retries_timeout": 1.0,
    }


def test_the_judges_that_a_judge_asks_are_counted_together() -> None:
    one, other = WaitingJudge(), WaitingJudge()
    one.activity = Activity(requests=3, lowest_limit=2)
    other.activity = Activity(requests=4, lowest_limit=1)
    panel = PanelJudge([one, PanelJudge([other, ScriptedJudge.from_settings(ScriptedJudgeSettings())])])
    assert activities(panel) == [one.activity, other.activity]
    figures = total_figures(panel)
    assert (figures["requests"], figures["lowest_limit"]) == (7.0, 1.0)
    assert total_figures(panel.members[1]) == other.activity.figures()
