"""With answers of known order and a perfect judge, every pair of the pipeline points the right way."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from judge.contract import Judge
from judge.local import LocalJudge
from judge.ranks.swiss import ROUND_ROBIN_UP_TO
from judge.settings import LocalJudgeSettings
from loop.config import parse_config
from loop.context import RunContext
from loop.progress import Silent
from loop.round import Round, judge, pair, spot_check
from loop.shelf import Shelf
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from prompts.template import load_template
from store.records import Checkpoint, Message, Prompt, Run, Sample
from store.store import Store

PROMPTS = 12
MERIT = re.compile(r"merit (\d+)")


class PerfectReader:
    """Scores labels like a model that reads both answers' planted merit, in whichever slot they are shown."""

    revision = "rev_perfect"

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del labels, batch_tokens
        rows = []
        for chat in chats:
            shown_a, shown_b = (int(merit) for merit in MERIT.findall(chat[-1].content))
            rows.append((np.log(0.9), np.log(0.1)) if shown_a > shown_b else (np.log(0.1), np.log(0.9)))
        return np.array(rows)


@dataclass(frozen=True)
class PlantedContext(RunContext):
    def judge(self, incumbent: Checkpoint) -> Judge:
        del incumbent
        settings = LocalJudgeSettings(template="starter", constitution="starter")
        return LocalJudge(PerfectReader(), load_template("starter"), self.constitution, settings)


@pytest.fixture(params=[*range(2, 13), 16], ids=lambda k: f"k={k}")
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Round, int]]:
    k = request.param
    config = parse_config(
        {
            "prompts": {"source": "starter"},
            "policy": {"model": "starter"},
            "judge": {"template": "starter", "constitution": "starter"},
            "pairs": {"rule": "all", "max_per_prompt": 99},
        },
        "test",
    )
    prompts = tuple(
        Prompt(messages=(Message(role="user", content=f"Question {n}?"),), split="train")
        for n in range(PROMPTS)
    )
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        run = store.create_run(
            Run(name="planted", seed=0, config_hash="cfg_0", config=config.model_dump(mode="json"))
        )
        run.add_prompts(prompts)
        initial = Checkpoint(sha256="0" * 64, path=str(tmp_path), round=0)
        run.add_checkpoint(initial)
        rng = np.random.default_rng(k)
        # The order of merit differs from prompt to prompt and has nothing to do with index, length or slot.
        run.add_samples(
            Sample(
                prompt_id=prompt.id,
                policy=initial.id,
                round=1,
                purpose="train",
                index=index,
                seed=index,
                settings="set_0",
                text=f"{'word ' * int(rng.integers(1, 30))}merit {merit}",
                tokens=8,
                finish_reason="stop",
            )
            for prompt in prompts
            for index, merit in enumerate(rng.permutation(k))
        )
        context = PlantedContext(
            config=config,
            store=run,
            folder=tmp_path,
            prompts=PromptSet(train=prompts, heldout=prompts),
            constitution=load_constitution("starter"),
            shelf=Shelf(config.policy),
            trainer=DpoTrainer(),
            progress=Silent(),
            initial=initial,
        )
        yield Round(context, 1, initial), k


def merit(text: str) -> int:
    found = MERIT.search(text)
    assert found
    return int(found.group(1))


def test_every_pair_of_a_perfect_judge_points_the_right_way(planted: tuple[Round, int]) -> None:
    this, k = planted
    for stage in (judge, spot_check, pair):
        stage(this)
    store = this.run.store
    judged = list(store.judged(1, "train"))
    everyone = PROMPTS * k * (k - 1) // 2
    assert len(judged) == everyone if k <= ROUND_ROBIN_UP_TO else len(judged) < everyone
    for comparison, verdict in judged:
        first_is_better = merit(comparison.first.text) > merit(comparison.second.text)
        for p in (verdict.p_first, verdict.p_first_shown_first, verdict.p_first_shown_second):
            assert p is not None
            assert (p > 0.5) == first_is_better
    samples = {sample.id: sample for sample in store.samples(1, "train")}
    pairs = list(store.pairs(1))
    # A tournament leaves most pairs of 16 out, and a fit to the rest can turn one around; that one is dropped.
    assert len(pairs) == len(judged) if k <= 12 else len(pairs) > 0.98 * len(judged)
    for made in pairs:
        assert merit(samples[made.chosen].text) > merit(samples[made.rejected].text)
    for preference in store.preferences(1):
        merits = [merit(samples[sample].text) for sample in preference.samples]
        assert (merits[0], merits[-1]) == (k - 1, 0)
        if k <= ROUND_ROBIN_UP_TO:
            assert merits == sorted(merits, reverse=True)
        assert not preference.cycle


def test_a_tournament_compares_the_best_with_the_worst(planted: tuple[Round, int]) -> None:
    this, k = planted
    judge(this)
    best_against_worst = [
        {merit(c.first.text), merit(c.second.text)} == {0, k - 1}
        for c in this.run.store.comparisons(1, "train")
    ]
    assert sum(best_against_worst) == PROMPTS
