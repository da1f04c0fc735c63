"""A stage judged by a real API judge: every comparison has its verdict in the store, and what it took is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.api_way import comparisons
from judge.api.judge import ApiJudge
from judge.build import build_judge
from judge.errors import JudgeStopped
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from judge.settings import ApiJudgeSettings
from loop.judging import Judging
from loop.watching import keep_figures
from store.records import Comparison, Run
from store.run import RunStore
from store.store import Store

COUNT = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    made = list(comparisons(COUNT))
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as opened:
        run = opened.create_run(Run(name="run", seed=1, config_hash="h", config={}))
        run.add_prompts(comparison.prompt for comparison in made)
        run.add_samples(sample for c in made for sample in (c.first, c.second))
        run.add_comparisons(made)
        yield run


def judging(store: RunStore, url: str, **settings: object) -> Judging:
    asked = {"base_url": url, "model": "planted-judge", "concurrency": 8, "timeout_s": 5.0, "attempts": 8}
    judge = build_judge(ApiJudgeSettings.model_validate({**asked, **settings}))
    assert isinstance(judge, ApiJudge)
    return Judging(
        make=lambda: judge,
        one_by_one=True,
        scores=lambda: store.scores(1, "train"),
        add=store.add_verdicts,
        keep=lambda before, after: keep_figures(store, 1, "train", before, after),
    )


def fill(judging: Judging, store: RunStore) -> None:
    def stored() -> Iterator[Comparison]:
        return store.comparisons(1, "train")

    judging.fill({comparison.id for comparison in stored()}, stored)


def test_every_comparison_ends_in_the_store_and_what_it_took_in_the_metrics(store: RunStore) -> None:
    plan = FaultPlan(faults={"server_error": 0.1, "rate_limit": 0.1}, retry_after=0.01)
    with running(plan) as (url, server):
        fill(judging(store, url), store)
        asked = server.stats["requests"]
        fill(judging(store, url), store)
        assert server.stats["requests"] == asked
    assert all(verdict.p_first is not None for verdict in store.verdicts(1, "train"))
    figures = {name: value for _, name, value in store.metrics(1, "judge")}
    assert figures["requests"] == figures["answers"] == asked
    again = sum(value for name, value in figures.items() if name.startswith("retries_"))
    assert again == asked - 2 * COUNT > 0
    assert figures["lowest_limit"] <= 8


def test_what_was_judged_before_the_judge_stops_is_kept_and_counted_with_what_follows(
    store: RunStore,
) -> None:
    with running(FaultPlan()) as (url, server):
        broken = judging(store, url)
        half = list(store.comparisons(1, "train"))[: COUNT // 2]
        fill_half = {comparison.id for comparison in half}
        broken.fill(fill_half, lambda: iter(half))
        with pytest.raises(JudgeStopped, match="planted-jduge"):
            fill(judging(store, url, model="planted-jduge"), store)
        assert len(list(store.verdicts(1, "train"))) == COUNT // 2
        fill(judging(store, url), store)
        verdicts = list(store.verdicts(1, "train"))
        assert len(verdicts) == len({verdict.comparison_id for verdict in verdicts}) == COUNT
        figures = {name: value for _, name, value in store.metrics(1, "judge")}
        assert 2 * COUNT < figures["requests"] <= server.stats["requests"] + 12
