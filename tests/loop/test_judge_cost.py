"""What judging cost: of rounds and runs, in numbers and in words, and no part of what a run is."""

from pathlib import Path

import pytest

from judge.cost import JudgeCost, cost_of, dollars, spent_by
from loop.config import RunConfig, parse_config
from loop.summary import summarise
from prompts.hashing import content_hash
from store import Store
from store.judge_calls import JudgeCalls, PaidCall
from store.judge_usage import usage_by_round
from store.records import Run, StageMarker, Usage, Verdict
from tests.answers import answered, asked, compared


def config(**judge: object) -> RunConfig:
    asked = {"kind": "api", "model": "m", **judge}
    return parse_config(
        {"prompts": {"source": "starter"}, "policy": {"model": "starter"}, "judge": asked}, "test"
    )


def test_what_may_be_spent_and_how_requests_travel_is_no_part_of_a_runs_identity():
    plain = config().content_hash
    assert config(budget={"usd": 5}, prices={"m": {"input": 1, "output": 2}}).content_hash == plain
    assert config(delivery="batch", batch={"missing": "batch"}).content_hash == plain
    assert config(max_tokens=7).content_hash != plain
    panel = {"kind": "panel", "members": [{"kind": "api", "model": "m"}, {"kind": "api", "model": "n"}]}
    richer = {**panel, "members": [{**member, "budget": {"tokens": 9}} for member in panel["members"]]}
    base = {"prompts": {"source": "starter"}, "policy": {"model": "starter"}}
    hashes = {parse_config({**base, "judge": judge}, "test").content_hash for judge in (panel, richer)}
    assert len(hashes) == 1


def judged(store: Store, costs: list[float | None]) -> None:
    """A run with a round of comparisons whose verdicts cost this."""
    run = store.create_run(
        Run(name="run", seed=1, config_hash="h", config={"rounds": 1, "gate": {"patience": 1}})
    )
    prompt = asked("?")
    run.add_prompts([prompt])
    samples = [answered(prompt, index, f"{index}") for index in range(len(costs) + 1)]
    run.add_samples(samples)
    for second, cost in zip(samples[1:], costs, strict=True):
        comparison = compared(prompt, samples[0], second, content_hash("c"))
        run.add_comparisons([comparison])
        usage = Usage(calls=2, input_tokens=10, output_tokens=3, cost_usd=cost)
        run.add_verdicts(
            [
                Verdict(
                    comparison_id=comparison.id,
                    judge="j",
                    template="t",
                    constitution="c",
                    p_first=0.6,
                    usage=usage,
                )
            ]
        )
    run.mark(StageMarker(round=1, stage="judge", seconds=1.0))


@pytest.mark.parametrize(("costs", "known"), [([0.25, 0.5], 0.75), ([0.25, None], None)])
def test_a_rounds_cost_is_the_sum_of_its_verdicts_and_unknown_where_one_is(
    tmp_path: Path, costs: list[float | None], known: float | None
):
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
        judged(store, costs)
        JudgeCalls(store.database).add("run", [PaidCall(None, "e", "m", b"", 5, 0, 1, 0, 2.0)] * 3)
        summary = summarise(store.run("run"), tmp_path)
        assert cost_of(usage_by_round(store.run("run"))[1]) == summary.rounds[0].judge_cost
        assert spent_by(store.run("run")) == summary.judge_cost
    assert summary.rounds[0].judge_cost == JudgeCost(
        calls=4, input_tokens=20, output_tokens=6, cost_usd=known
    )
    assert summary.judge_cost == JudgeCost(calls=3, input_tokens=15, output_tokens=3, cost_usd=6.0)


def test_money_is_said_with_the_digits_it_needs_and_an_unknown_price_is_said():
    assert [dollars(amount) for amount in (0.0, 0.00012, 0.5, 1234.5)] == [
        "$0.0000",
        "$0.0001",
        "$0.5000",
        "$1,234.50",
    ]
    assert "price not known" in JudgeCost(calls=1).sentence
