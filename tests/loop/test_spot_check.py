"""The loop waits for people's labels as long as its configuration says, and not longer."""

import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from judge.ranks.ranking import round_robin
from loop.config import parse_config
from loop.context import RunContext
from loop.progress import Plain
from loop.shelf import Shelf
from loop.spot_check import ask_people
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from review.queue import skip, vote
from review.settings import SpotCheckSettings
from store.records import Checkpoint, Comparison, Message, Prompt, Run, Sample, Verdict
from store.store import Store

DRAWN = 3


@pytest.fixture
def asked(tmp_path: Path) -> tuple[RunContext, list[tuple[Comparison, Verdict]], StringIO]:
    """A context with judged comparisons of six prompts, and what it has told the user."""
    config = parse_config(
        {
            "output": str(tmp_path),
            "prompts": {"source": "starter"},
            "policy": {"model": "starter"},
            "store": {"url_env": "SPOT_CHECK_URL"},
        },
        "test",
    )
    store = Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}")
    run = store.create_run(Run(name="run", seed=0, config_hash="cfg_0", config={}))
    prompts = tuple(
        Prompt(messages=(Message(role="user", content=f"{n}?"),), split="train") for n in range(6)
    )
    run.add_prompts(prompts)
    base: dict[str, Any] = {"policy": "rev_0", "round": 1, "purpose": "train", "settings": "", "tokens": 1}
    samples = [
        Sample(prompt_id=p.id, index=i, seed=i, text=f"answer {i}", finish_reason="stop", **base)
        for p in prompts
        for i in range(2)
    ]
    run.add_samples(samples)
    comparisons = [
        c for n, p in enumerate(prompts) for c in round_robin(p, samples[2 * n : 2 * n + 2], "c", 1, "train")
    ]
    run.add_comparisons(comparisons)
    verdicts = [
        Verdict(comparison_id=c.id, judge="j", template="t", constitution="c", p_first=0.9)
        for c in comparisons
    ]
    run.add_verdicts(verdicts)
    said = StringIO()
    context = RunContext(
        config=config,
        store=run,
        folder=tmp_path,
        prompts=PromptSet(train=prompts, heldout=prompts),
        constitution=load_constitution("general"),
        shelf=Shelf(config.policy),
        trainer=DpoTrainer(),
        progress=Plain(said),
        initial=Checkpoint(sha256="0" * 64, path="", round=0),
    )
    return context, list(zip(comparisons, verdicts, strict=True)), said


def ask(asked: tuple[RunContext, list[tuple[Comparison, Verdict]], StringIO], wait: Any) -> dict[str, Any]:
    context, judged, _ = asked
    return ask_people(context, judged, SpotCheckSettings(random=DRAWN, wait=wait), 1, "train", "spot-check")


def meanwhile(context: RunContext, answer: Callable[[str], object]) -> threading.Thread:
    """Answer every item of the queue from another thread once it has been drawn."""

    def work() -> None:
        while len(items := list(context.store.review_items(1, "train"))) < DRAWN:
            time.sleep(0.01)
        for item in items:
            answer(item.id)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("wait", ["forever", 600])
def test_a_waiting_run_goes_on_as_soon_as_every_random_item_is_answered(asked: Any, wait: Any) -> None:
    context, _, said = asked
    answering = meanwhile(context, lambda item: vote(context.store, item, "ann", "left_better"))
    assert ask(asked, wait) == {"drawn": DRAWN, "labels": DRAWN}
    answering.join()
    assert "waiting for 3 labels: rlaif review next --run run" in said.getvalue()


def test_a_skipped_item_is_not_waited_for(asked: Any) -> None:
    context = asked[0]
    answering = meanwhile(context, lambda item: skip(context.store, item, "ann", "cannot_tell"))
    assert ask(asked, "forever") == {"drawn": DRAWN, "labels": 0}
    answering.join()


@pytest.mark.parametrize("wait", ["no", 0.1])
def test_a_run_goes_on_without_labels_when_told_to(asked: Any, wait: Any) -> None:
    assert ask(asked, wait) == {"drawn": DRAWN, "labels": 0}


def test_the_same_items_are_drawn_again_after_a_crash(asked: Any) -> None:
    ask(asked, "no")
    before = [item.id for item in asked[0].store.review_items(1, "train")]
    ask(asked, "no")
    assert [item.id for item in asked[0].store.review_items(1, "train")] == before


def test_the_command_shown_holds_no_secret(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOT_CHECK_URL", "postgresql://ann:secret@localhost/db")
    ask(asked, "no")
    assert '--store "$SPOT_CHECK_URL"' in asked[2].getvalue()
    assert "secret" not in asked[2].getvalue()
