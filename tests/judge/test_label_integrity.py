"""From planted answers of known order to a ranking: nothing on the way points a preference the wrong way."""

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from judge import (
    ApiJudge,
    ApiJudgeSettings,
    Judge,
    LocalJudge,
    LocalJudgeSettings,
    ScriptedJudge,
    cycle_rate,
    flip_rate,
    rank,
    round_robin,
)
from prompts.template import load_template
from store.records import Comparison, Message, Preference, Sample, Verdict
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.planted import GENERAL, better_label, planted


def worth(sample: Sample) -> int:
    return int(sample.text.removeprefix("worth="))


def ranking(judge: Judge, worths: list[int], *, turned: bool = False) -> tuple[Preference, list[Verdict]]:
    """The ranking of planted answers; `turned` puts each comparison's samples in the other order."""
    prompt, samples = planted(worths)
    comparisons = round_robin(prompt, samples, GENERAL.hash, 1, "train")
    if turned:
        fields = [c.model_dump(exclude={"id"}) for c in comparisons]
        comparisons = [Comparison(**f | {"first": f["second"], "second": f["first"]}) for f in fields]

    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(comparisons)]

    verdicts = asyncio.run(collect())
    by_id = {verdict.comparison_id: verdict for verdict in verdicts}
    preference = rank(samples, [(c, by_id[c.id]) for c in comparisons])
    assert preference is not None
    return preference, verdicts


def ranked_worths(preference: Preference, worths: list[int]) -> list[int]:
    of = {sample.id: worth(sample) for sample in planted(worths)[1]}
    return [of[sample_id] for sample_id in preference.samples]


class PerfectScorer:
    """Sees the chat alone, like any policy, and is a little surer of the better answer."""

    revision = "rev_perfect"

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del labels, batch_tokens
        right = [better_label([{"content": chat[0].content}]) for chat in chats]
        # Position bias well above the difference in worth: 0.8 for A whatever stands there.
        shares = [(0.85, 0.10) if label == "A" else (0.75, 0.20) for label in right]
        return np.log(np.array(shares))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("k", range(2, 9))
def test_a_perfect_scripted_judge_ranks_exactly(k: int, turned: bool) -> None:
    worths = random.Random(k).sample(range(1, 100), k)
    judge = ScriptedJudge(lambda c: 0.7 if worth(c.first) > worth(c.second) else 0.3)
    preference, verdicts = ranking(judge, worths, turned=turned)
    assert ranked_worths(preference, worths) == sorted(worths, reverse=True)
    assert len(verdicts) == k * (k - 1) // 2
    assert flip_rate(verdicts) == 0.0
    assert cycle_rate([preference]) == (0.0 if k > 2 else None)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("k", range(2, 9))
def test_a_local_judge_with_a_strong_liking_for_a_place_ranks_exactly(k: int, turned: bool) -> None:
    worths = random.Random(k).sample(range(1, 100), k)
    judge = LocalJudge(PerfectScorer(), load_template("pairwise"), GENERAL, LocalJudgeSettings())
    preference, verdicts = ranking(judge, worths, turned=turned)
    assert ranked_worths(preference, worths) == sorted(worths, reverse=True)
    assert flip_rate(verdicts) == 1.0


@pytest.mark.parametrize("worths", list(permutations([1, 2, 3])))
@pytest.mark.parametrize("template", ["pairwise", "pairwise_json"])
def test_an_api_judge_ranks_exactly_whatever_order_the_answers_come_in(
    serve: Serve, worths: tuple[int, ...], template: str
) -> None:
    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
        label = better_label(body["messages"])
        reply = (
            label if template == "pairwise" else json.dumps({"reasoning": "not B, not A", "verdict": label})
        )
        return 200, {}, completion(reply)

    settings = ApiJudgeSettings(base_url=serve(behave).url, model="m", template=template)
    preference, _ = ranking(ApiJudge(settings, load_template(template), GENERAL), list(worths))
    assert ranked_worths(preference, list(worths)) == [3, 2, 1]
