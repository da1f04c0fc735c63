"""A judge stage that is played wave by wave, broken off anywhere and played again, comes out the same."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from judge.contract import Judge
from judge.errors import JudgeStopped
from judge.scripted import ScriptedJudge
from loop import judging
from loop.comparing import compare_answers
from loop.config import parse_config
from loop.context import RunContext
from loop.progress import Silent
from loop.shelf import Shelf
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from store.records import Checkpoint, Comparison, Message, Prompt, Run, Sample, Verdict
from store.store import Store

FIRST_WAVE = 4 + 4 + 3 + 3 + 4
INITIAL = Checkpoint(sha256="0" * 64, path="nowhere", round=0)


def opinion(comparison: Comparison) -> float:
    """A judge of its own mind: what it says hangs on the comparison's texts alone, and is no order at all."""
    texts = sorted((comparison.first.text, comparison.second.text))
    p_first = Random(f"{comparison.prompt.id} {texts}").random()
    return p_first if texts[0] == comparison.first.text else 1 - p_first


class Stumbling:
    """Judges like `opinion` and stops for good at its `stop`th comparison. `silent` are left unscored."""

    name = "stumbling"

    def __init__(self, stop: int, silent: float) -> None:
        self.stop = stop
        self.silent = silent
        self.asked: list[str] = []

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        inner = ScriptedJudge(
            lambda c: None if Random(f"{c.id} {len(self.asked)}").random() < self.silent else opinion(c),
            name=self.name,
        )
        for comparison in comparisons:
            if len(self.asked) == self.stop:
                raise JudgeStopped("out of patience")
            self.asked.append(comparison.id)
            async for verdict in inner.compare([comparison]):
                yield verdict


@dataclass(frozen=True)
class StumblingContext(RunContext):
    judge_: Stumbling = field(default_factory=lambda: Stumbling(-1, 0.0))

    def judge(self, incumbent: Checkpoint) -> Judge:
        del incumbent
        return self.judge_


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        yield store


def context(store: Store, name: str, kind: str, stop: int = -1, silent: float = 0.0) -> StumblingContext:
    judge: dict[str, Any] = {"kind": "api", "model": "none"} if kind == "api" else {"kind": "scripted"}
    config = parse_config(
        {"prompts": {"source": "starter"}, "policy": {"model": "starter"}, "judge": judge}, "test"
    )
    prompts = tuple(
        Prompt(messages=(Message(role="user", content=f"Question {n}?"),), split="train") for n in range(6)
    )
    run = store.create_run(Run(name=name, seed=0, config_hash="cfg_0", config={}))
    run.add_prompts(prompts)
    run.add_samples(
        Sample(
            prompt_id=prompt.id,
            policy=INITIAL.id,
            round=1,
            purpose="train",
            index=index,
            seed=index,
            settings="s",
            # Some prompts have few different answers and play a round robin, some have one and do not play.
            text=f"answer {index % size}",
            tokens=2,
            finish_reason="stop",
        )
        for prompt, size in zip(prompts, (9, 8, 7, 3, 1, 9), strict=True)
        for index in range(9)
    )
    return StumblingContext(
        config=config,
        store=run,
        folder=Path("nowhere"),
        prompts=PromptSet(train=prompts, heldout=prompts),
        constitution=load_constitution("general"),
        shelf=Shelf(config.policy),
        trainer=DpoTrainer(),
        progress=Silent(),
        initial=INITIAL,
        judge_=Stumbling(stop, silent),
    )


def play(here: StumblingContext) -> None:
    compare_answers(here, INITIAL, 1, "judge")


def said(here: StumblingContext) -> list[tuple[str, float | None]]:
    return list(here.store.scores(1, "train"))


@pytest.mark.parametrize("kind", ["scripted", "api"])
@pytest.mark.parametrize("stop", [0, 20, 41, 60])
def test_a_stage_that_broke_off_asks_for_the_same_comparisons(
    stores: Store, kind: str, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "CHUNK", 7)
    whole, broken = context(stores, "whole", kind), context(stores, "broken", kind, stop)
    play(whole)
    with pytest.raises(JudgeStopped):
        play(broken)
    there = said(broken)
    assert len(there) < len(said(whole))
    again = context(stores, "broken", kind)
    play(again)
    assert said(again) == said(whole)
    assert [c.id for c in again.store.comparisons(1, "train")] == [
        c.id for c in whole.store.comparisons(1, "train")
    ]
    if kind == "api":
        assert not set(again.judge_.asked) & {id for id, _ in there}


def test_chunks_that_were_answered_are_not_asked_again_and_broken_ones_are_asked_whole(
    stores: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "CHUNK", 7)
    whole, broken = context(stores, "whole", "scripted"), context(stores, "broken", "scripted", 40)
    play(whole)
    with pytest.raises(JudgeStopped):
        play(broken)
    kept = {id for id, _ in said(broken)}
    assert kept
    again = context(stores, "broken", "scripted")
    play(again)
    assert not kept & set(again.judge_.asked)
    assert kept | set(again.judge_.asked) == set(whole.judge_.asked)
    assert whole.judge_.asked[-len(again.judge_.asked) :] == again.judge_.asked


def test_a_closed_wave_stays_as_it_was_though_some_of_it_is_unscored(stores: Store) -> None:
    """A judge that fails here and there, and would not fail a second time: later waves hang on the failures."""
    whole, broken = (
        context(stores, "whole", "api", silent=0.3),
        context(stores, "broken", "api", 45, silent=0.3),
    )
    play(whole)
    with pytest.raises(JudgeStopped):
        play(broken)
    before = [c.id for c in broken.store.comparisons(1, "train")]
    failed = {id for id, p_first in said(broken) if p_first is None}
    closed = failed & set(broken.judge_.asked[:FIRST_WAVE])
    assert closed
    again = context(stores, "broken", "api")
    play(again)
    after = [c.id for c in again.store.comparisons(1, "train")]
    assert set(before) <= set(after)
    replayed = context(stores, "broken", "api", 0)
    play(replayed)
    assert [c.id for c in replayed.store.comparisons(1, "train")] == after
    assert closed <= {id for id, p_first in said(again) if p_first is None}


def test_a_finished_stage_asks_nobody(stores: Store) -> None:
    here = context(stores, "whole", "scripted")
    play(here)
    again = context(stores, "whole", "scripted", 0)
    play(again)
    assert again.judge_.asked == []


def test_prompts_with_few_different_answers_play_everyone(stores: Store) -> None:
    here = context(stores, "whole", "scripted")
    play(here)
    by_prompt: dict[str, int] = {}
    for comparison in here.store.comparisons(1, "train"):
        by_prompt[comparison.prompt.id] = by_prompt.get(comparison.prompt.id, 0) + 1
    counts = [by_prompt.get(prompt.id, 0) for prompt in here.prompts.train]
    assert counts[3:5] == [3, 0]
    assert all(counts[n] < size * (size - 1) // 2 for n, size in ((0, 9), (1, 8), (2, 7)))
