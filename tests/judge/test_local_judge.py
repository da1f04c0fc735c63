"""The local judge: both orders, averaged logits, abstention, and a loop that stays awake."""

import asyncio
import json
import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from judge.errors import JudgeSettingsError
from judge.local import LocalJudge
from judge.reading import sigmoid
from judge.settings import LocalJudgeSettings
from prompts.template import load_template
from store.records import Comparison, Message, Verdict
from tests.judge.planted import GENERAL, better_label, planted_comparison

PAIRWISE = load_template("pairwise")


class PlantedScorer:
    """Knows which answer is worth more, likes the first place, and spends `mass` on the labels."""

    def __init__(self, logit: float = 2.0, bias: float = 0.0, mass: float = 0.9, pause: float = 0.0) -> None:
        self.revision = "rev_planted"
        self.largest_batch = 0
        self._logit, self._bias, self._mass, self._pause = logit, bias, mass, pause

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        assert tuple(labels) == ("A", "B")
        assert batch_tokens == LocalJudgeSettings().batch_tokens
        self.largest_batch = max(self.largest_batch, len(chats))
        time.sleep(self._pause)
        rows = []
        for chat in chats:
            right = better_label([{"content": chat[0].content}])
            p_a = sigmoid(self._bias + (self._logit if right == "A" else -self._logit))
            rows.append((math.log(self._mass * p_a), math.log(self._mass * (1 - p_a))))
        return np.array(rows)


def judge_all(judge: LocalJudge, comparisons: Sequence[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(comparisons)]

    return asyncio.run(collect())


@pytest.mark.parametrize(("first", "second"), [(7, 3), (3, 7)])
def test_the_better_sample_wins_against_a_strong_liking_for_a_place(first: int, second: int) -> None:
    judge = LocalJudge(PlantedScorer(logit=1.0, bias=6.0), PAIRWISE, GENERAL, LocalJudgeSettings())
    (verdict,) = judge_all(judge, [planted_comparison(first, second)])
    assert verdict.p_first == pytest.approx(sigmoid(1.0 if first > second else -1.0))
    assert verdict.flipped
    assert verdict.label_mass == pytest.approx(0.9)


def test_a_verdict_can_be_walked_back_to_what_was_asked_and_answered() -> None:
    comparison = planted_comparison(7, 3)
    (verdict,) = judge_all(LocalJudge(PlantedScorer(), PAIRWISE, GENERAL, LocalJudgeSettings()), [comparison])
    assert verdict.comparison_id == comparison.id
    assert (verdict.template, verdict.constitution) == (PAIRWISE.hash, GENERAL.hash)
    assert len(verdict.prompt_texts) == len(verdict.prompt_hashes) == 2
    raw = json.loads(verdict.raw)
    assert raw["labels"] == ["A", "B"]
    assert raw["logprobs"][0][0] > raw["logprobs"][0][1]
    assert raw["logprobs"][1][0] < raw["logprobs"][1][1]


def test_the_name_changes_with_whatever_changes_verdicts() -> None:
    def name(scorer: PlantedScorer, template: str = "pairwise", **settings: float) -> str:
        return LocalJudge(scorer, load_template(template), GENERAL, LocalJudgeSettings(**settings)).name

    other = PlantedScorer()
    other.revision = "rev_other"
    names = [
        name(PlantedScorer()),
        name(other),
        name(PlantedScorer(), "starter"),
        name(PlantedScorer(), temperature=2.0),
        name(PlantedScorer(), min_label_mass=0.5),
    ]
    assert len(set(names)) == len(names)
    assert name(PlantedScorer()) == names[0] == name(PlantedScorer(), batch_tokens=64)


def test_the_judge_abstains_where_the_policy_would_say_something_else() -> None:
    judge = LocalJudge(PlantedScorer(mass=0.01), PAIRWISE, GENERAL, LocalJudgeSettings())
    (verdict,) = judge_all(judge, [planted_comparison(7, 3)])
    assert verdict.p_first is None
    assert verdict.unscored == "label mass 0.01 is below 0.05"
    assert verdict.label_mass == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (np.nan, "the comparison is longer than the policy that judges reads"),
        (-np.inf, "the policy gave a label no finite log-probability"),
    ],
)
def test_a_score_that_is_not_finite_gives_an_unscored_verdict(score: float, reason: str) -> None:
    class Broken(PlantedScorer):
        def label_logprobs(
            self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
        ) -> NDArray[np.float64]:
            rows = super().label_logprobs(chats, labels, batch_tokens)
            rows[1, 0] = score
            return rows

    broken, sound = judge_all(
        LocalJudge(Broken(), PAIRWISE, GENERAL, LocalJudgeSettings()),
        [planted_comparison(7, 3), planted_comparison(3, 7)],
    )
    assert broken.p_first is None
    assert broken.unscored == reason
    assert json.loads(broken.raw)["logprobs"][1][0] is None
    assert sound.p_first is not None


def test_any_number_of_comparisons_passes_through_in_bounded_chunks() -> None:
    drawn = 0

    def endless() -> Iterator[Comparison]:
        nonlocal drawn
        while True:
            drawn += 1
            yield planted_comparison(7, 3)

    async def first_few() -> int:
        verdicts = judge.compare(endless())
        count = 0
        async for verdict in verdicts:
            assert verdict.p_first is not None
            count += 1
            if count == 600:
                break
        await verdicts.aclose()
        return count

    scorer = PlantedScorer()
    judge = LocalJudge(scorer, PAIRWISE, GENERAL, LocalJudgeSettings())
    assert asyncio.run(first_few()) == 600
    assert drawn == scorer.largest_batch == 1024


def test_the_event_loop_runs_on_while_the_policy_thinks() -> None:
    async def ticks_while_judging() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        judge = LocalJudge(PlantedScorer(pause=0.5), PAIRWISE, GENERAL, LocalJudgeSettings())
        assert [v async for v in judge.compare([planted_comparison(7, 3)])]
        ticking.cancel()
        return ticks

    assert asyncio.run(ticks_while_judging()) >= 2


def test_a_template_that_wants_json_is_refused() -> None:
    with pytest.raises(JudgeSettingsError, match="reply: label"):
        LocalJudge(PlantedScorer(), load_template("pairwise_json"), GENERAL, LocalJudgeSettings())
