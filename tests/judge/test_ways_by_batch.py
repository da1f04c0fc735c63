"""Scores, principles and criteria by batches: few batches, each request once, and the verdicts of live requests."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from judge import ApiJudgeSettings, build_judge, round_robin
from judge.api import batch
from store import Store
from store.judge_calls import JudgeCalls
from store.records import Comparison
from tests.judge.batch_server import BatchServer, Body, Reply
from tests.judge.parts import collect
from tests.judge.planted import GENERAL, planted
from tests.judge.test_ways_integrity import planted_model


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "GATHER_S", 0.2)


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[JudgeCalls]:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        yield JudgeCalls(store.database)


def comparisons() -> list[Comparison]:
    made = []
    for question in ("What is it worth?", "And this?", "And that?"):
        prompt, samples = planted([10, 90, 50], question)
        made += round_robin(prompt, samples, GENERAL.hash, 1, "train")
    return made


@pytest.mark.parametrize(
    ("way", "requests", "batches"),
    [
        ({"template": "pointwise"}, 9, 1),
        ({"axes": "weights"}, 9 * 3 * 2, 1),
        ({"template": "pairwise_criteria"}, 3 + 9 * 2, 2),
        ({"template": "pointwise_reference", "reference": "written"}, 3 + 9, 2),
    ],
)
def test_each_way_goes_off_in_as_few_batches_as_it_has_steps(
    calls: JudgeCalls, way: dict[str, Any], requests: int, batches: int
) -> None:
    model = planted_model(way.get("template", "pairwise"))

    def behave(body: Body) -> Reply:
        status, _, answer = model(body, 0)
        return status, answer

    server = BatchServer(behave)
    try:
        verdicts = {}
        for delivery in ("batch", "live"):
            settings = ApiJudgeSettings(
                base_url=server.url, model="m", delivery=delivery, batch={"poll_s": 0.05}, **way
            )
            kept = calls if delivery == "batch" else None
            judge = build_judge(settings, calls=kept, account="run")
            verdicts[delivery] = {v.comparison_id: v for v in collect(judge, comparisons())}
            if delivery == "batch":
                # A request of each kind goes live first, to learn what the model takes.
                assert len(server.live) == batches
                assert server.lines == requests - batches
                assert len(server.batched) == batches
                assert sum(v.usage.calls for v in verdicts["batch"].values()) == requests
    finally:
        server.close()
    assert verdicts["batch"].keys() == verdicts["live"].keys()
    for id, verdict in verdicts["batch"].items():
        p_first = verdicts["live"][id].p_first
        assert p_first is not None
        assert verdict.p_first == pytest.approx(p_first)
        assert not math.isclose(p_first, 0.5)
