"""Every way of judging, from planted answers of known order to a ranking: nothing points a preference the wrong way."""

import json
import math
import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from judge import ApiJudgeSettings, Judge, LocalJudgeSettings, build_judge, rank, round_robin
from prompts.constitution import load_constitution
from prompts.prompt import Message
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.judge.chat_server import Body, completion, token
from tests.judge.conftest import Serve
from tests.judge.parts import collect, digit_logprobs
from tests.judge.planted import GENERAL, planted

GENERAL_AXES = {"helpful", "harmless", "honest"}
DIGITS = tuple("012345")
PAIRWISE: list[dict[str, Any]] = [
    *({"template": name} for name in ("pairwise_plain", "pairwise_examples", "pairwise_reference", "pairwise_ties")),
    {"principles": "sampled"},
    {"principles": "separate"},
    {"axes": "weights"},
    {"axes": "lexicographic", "template": "pairwise_ties"},
    {"axes": "lexicographic", "principles": "separate"},
]  # fmt: skip
POINTWISE: list[dict[str, Any]] = [
    {"template": "pointwise"},
    {"template": "pointwise_reference"},
    {"template": "pointwise", "principles": "separate"},
    {"template": "pointwise", "principles": "sampled"},
    {"template": "pointwise", "axes": "lexicographic"},
    {"template": "pointwise", "axes": "safety_gate"},
]
WRITTEN: list[dict[str, Any]] = [
    {"template": "pairwise_steps"},
    {"template": "pairwise_criteria"},
    {"template": "pairwise_criteria_reference", "reference": "written"},
    {"template": "pointwise_reference", "reference": "written", "axes": "safety_gate"},
    {"template": "pairwise_criteria", "principles": "separate"},
]


def title(way: dict[str, Any]) -> str:
    return "-".join(map(str, way.values()))


def worths_in(text: str) -> list[int]:
    return [int(worth) for worth in re.findall(r"worth=(\d+)", text)]


def label_shares(text: str, labels: Sequence[str]) -> list[float]:
    """What a perfect judge gives each reply: the better answer's most, whatever was shown first the rest."""
    worths = worths_in(text)
    if len(worths) == 1:
        return [math.exp(value) for value in digit_logprobs(worths[0] / 20, labels)]
    first, second = worths
    gap = 0.8 if first > second else 0.6  # likes the first place
    return [gap, 0.9 - gap, 0.05][: len(labels)] if first > second else [0.9 - gap, gap, 0.05][: len(labels)]


class PlantedReader:
    revision = "rev_planted"

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del batch_tokens
        return np.log(np.array([label_shares(chat[-1].content, labels) for chat in chats]))


def planted_model(template: str) -> Any:
    """A server whose model writes what it is asked to write, and judges perfectly."""
    loaded = load_template(template)

    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
        text = body["messages"][0]["content"]
        if text.startswith("Somebody will compare"):
            return 200, {}, completion("- Says what it is worth.")
        if text.startswith("Answer the request below"):
            return 200, {}, completion("It is worth a lot.")
        shares = dict(zip(loaded.replies, label_shares(text, loaded.replies), strict=True))
        best = max(shares, key=lambda reply: shares[reply])
        if loaded.reply == "json":
            return 200, {}, completion(json.dumps({"reasoning": "not B, not A", "verdict": best}))
        return 200, {}, completion(best, logprobs={"content": [token(best, shares)]})

    return behave


def hold(judge: Judge, k: int, *, turned: bool, way: dict[str, Any]) -> list[Verdict]:
    worths = random.Random(k).sample(range(1, 100), k)
    prompt, samples = planted(worths)
    comparisons = round_robin(prompt, samples, GENERAL.hash, 1, "train")
    if turned:
        fields = [c.model_dump(exclude={"id"}) for c in comparisons]
        comparisons = [Comparison(**f | {"first": f["second"], "second": f["first"]}) for f in fields]
    verdicts = collect(judge, comparisons)
    by_id = {verdict.comparison_id: verdict for verdict in verdicts}
    assert len(by_id) == len(verdicts) == len(comparisons)
    for comparison in comparisons:
        verdict = by_id[comparison.id]
        first, second = (worths_in(s.text)[0] for s in (comparison.first, comparison.second))
        assert verdict.p_first is not None, verdict.unscored
        assert (verdict.p_first > 0.5) == (first > second)
        for parts in (verdict.by_principle, verdict.by_axis):
            assert all((part.p_first > 0.5) == (first > second) for part in (parts or {}).values())
    hold_what_is_kept(verdicts, way)
    preference = rank(samples, [(c, by_id[c.id]) for c in comparisons])
    assert preference is not None
    worth_of = {sample.id: worths_in(sample.text)[0] for sample in samples}
    assert [worth_of[id] for id in preference.samples] == sorted(worths, reverse=True)
    return verdicts


def hold_what_is_kept(verdicts: list[Verdict], way: dict[str, Any]) -> None:
    ids = {principle.id for principle in load_constitution("general").principles}
    for verdict in verdicts:
        kept = set(verdict.by_principle or {})
        match way.get("principles", "together"):
            case "separate":
                assert kept == ids
            case "sampled":
                assert len(kept & ids) == len(kept) == 1
            case _:
                assert verdict.by_principle is None
        assert set(verdict.by_axis or {}) == (GENERAL_AXES if "axes" in way else set())
        pointwise = "pointwise" in way.get("template", "")
        assert (verdict.score_first is not None) == (verdict.score_second is not None) == pointwise
        assert (verdict.p_tie is not None) == ("ties" in way.get("template", ""))
        assert (verdict.p_first_shown_first is None) == (verdict.p_first_shown_second is None) == pointwise


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("k", range(2, 9))
@pytest.mark.parametrize("way", [*PAIRWISE, *POINTWISE], ids=title)
def test_a_local_judge_ranks_exactly(way: dict[str, Any], k: int, turned: bool) -> None:
    verdicts = hold(build_judge(LocalJudgeSettings(**way), PlantedReader()), k, turned=turned, way=way)
    assert len(verdicts) == k * (k - 1) // 2


@pytest.mark.parametrize("way", [*PAIRWISE, *POINTWISE, *WRITTEN], ids=title)
@pytest.mark.parametrize(("k", "turned", "concurrency"), [(2, True, 1), (3, False, 8), (8, True, 16)])
def test_an_api_judge_ranks_exactly(
    serve: Serve, way: dict[str, Any], k: int, turned: bool, concurrency: int
) -> None:
    if k == 8 and way.get("principles") == "separate":
        k = 4  # the same, with fewer requests
    server = serve(planted_model(way.get("template", "pairwise")))
    settings = ApiJudgeSettings(base_url=server.url, model="m", concurrency=concurrency, **way)
    verdicts = hold(build_judge(settings), k, turned=turned, way=way)
    assert sum(verdict.usage.calls for verdict in verdicts) == len(server.requests)
