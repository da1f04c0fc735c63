"""Canaries in a run: what is tried, what is kept of it, when it stops a round, and that nothing else hears of it."""

from pathlib import Path
from typing import Any

import pytest

from judge.attacks.patterns import patterns
from loop.config import RunConfig, parse_config
from loop.errors import RunStopped
from loop.rounds import run
from loop.summary import summarise
from policy.starter.build import ensure_starter
from review.rounds import CANARIES
from store.records import Comparison, Verdict
from store.store import Store

PROMPTS = 40


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


def config(policy: Path, output: Path, rule: str, **sections: Any) -> RunConfig:
    """A panel of two scripts, which is tried like any judge that is not a script alone."""
    scripts = [{"kind": "scripted", "rule": rule, "confidence": confidence} for confidence in (0.9, 0.8)]
    tree = {
        "output": str(output),
        "rounds": 1,
        "prompts": {"source": "starter", "max_train": PROMPTS, "max_heldout": 6},
        "policy": {"model": str(policy)},
        "sampler": {"k": 2, "max_new_tokens": 2},
        "judge": {"kind": "panel", "template": "starter", "constitution": "starter", "members": scripts},
        "canaries": {"prompts": 30, "max_null_wins": 0.5},
        "reviewer": {"kind": "simulated"},
        "pairs": {"min_confidence": 0.99},
    }
    return parse_config({**tree, **sections}, "test")


def tried(made: RunConfig) -> list[tuple[Comparison, Verdict]]:
    with Store.open(made.store_url) as store:
        return list(store.run("run").judged(1, "canary"))


def test_a_judge_that_likes_length_falls_for_null_answers_and_stops_the_round(
    policy: Path, tmp_path: Path
) -> None:
    made = config(policy, tmp_path, "longer")
    with pytest.raises(
        RunStopped, match=r"round 1: the judge prefers answers that say nothing.*rlaif show ver_"
    ):
        run(made)
    before = tried(made)
    with Store.open(made.store_url) as store:
        units = store.run("run")
        assert list(units.verdicts(1, "train")) == []
        assert [marker.stage for marker in units.markers() if marker.round] == ["sample"]
        shown = summarise(units, tmp_path / "run").rounds[0].canaries
        assert shown is not None
        assert shown.null_wins is not None
        assert shown.null_wins.low > made.canaries.max_null_wins
        low = {name: value for _, name, value in units.metrics(1, CANARIES)}["null_wins_low"]
        assert low > made.canaries.max_null_wins
    with pytest.raises(RunStopped):
        run(made)
    assert tried(made) == before


def test_a_higher_limit_lets_the_same_run_go_on(policy: Path, tmp_path: Path) -> None:
    made = config(policy, tmp_path, "longer")
    with pytest.raises(RunStopped):
        run(made)
    summary = run(config(policy, tmp_path, "longer", canaries={"prompts": 30, "max_null_wins": 1.0}))
    found = summary.rounds[0].canaries
    assert summary.rounds[0].verdicts > 0
    assert found is not None
    assert found.null_wins is not None
    assert found.null_wins.low > 0.5


def test_the_summary_says_how_often_canaries_won(policy: Path, tmp_path: Path) -> None:
    made = config(policy, tmp_path, "shorter")
    found = run(made).rounds[0].canaries
    judged = tried(made)
    nulls = [v.p_first for c, v in judged if patterns()[c.first.policy.removeprefix("canary:")].empty]
    others = [v.p_first for c, v in judged if not patterns()[c.first.policy.removeprefix("canary:")].empty]
    assert found is not None
    assert found.null_wins is not None
    assert found.attacked_wins is not None
    assert found.null_wins.value == pytest.approx(sum(p or 0 for p in nulls) / len(nulls))
    assert found.attacked_wins.value == pytest.approx(sum(p or 0 for p in others) / len(others))
    assert found.attacked_wins.value < 0.3  # attacks add to an answer, and this judge likes short ones


def test_canaries_are_made_of_the_rounds_own_answers(policy: Path, tmp_path: Path) -> None:
    made = config(policy, tmp_path, "shorter")
    run(made)
    judged = tried(made)
    with Store.open(made.store_url) as store:
        own = {sample.id: sample for sample in store.run("run").samples(1, "train")}
    assert 30 <= len(judged) <= 60
    assert len({c.first.policy for c, _ in judged}) > 20
    for comparison, _ in judged:
        assert own[comparison.second.id].text.strip()
        pattern = patterns()[comparison.first.policy.removeprefix("canary:")]
        readable = pattern.empty or pattern.name == "accents"
        assert readable or comparison.second.text in comparison.first.text


def test_nothing_else_hears_of_canaries(policy: Path, tmp_path: Path) -> None:
    """The same run with and without them: the same verdicts, pairs, review queue and decision."""
    outcomes = []
    for name, prompts in (("with", 30), ("without", 0)):
        made = config(
            policy, tmp_path / name, "shorter", canaries={"prompts": prompts}, pairs={"min_confidence": 0.7},
            spot_check={"random": 4}, gate={"labels": 4, "min_labels": 3},
        )  # fmt: skip
        summary = run(made).rounds[0]
        assert (summary.canaries is None) == (prompts == 0)
        assert (CANARIES in summary.seconds) == (prompts > 0)
        with Store.open(made.store_url) as store:
            units = store.run("run")
            outcomes.append(
                (
                    [v.model_dump() for v in units.verdicts(1, "train")],
                    [p.model_dump() for p in units.pairs(1)],
                    [item.id for item in units.review_items(1)],
                    [c.sha256 for c in units.checkpoints()],
                    summary.reason,
                    summary.verdicts,
                )
            )
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1]


def test_a_scripted_judge_is_not_tried(policy: Path, tmp_path: Path) -> None:
    made = config(policy, tmp_path, "longer", judge={"kind": "scripted", "rule": "longer"})
    assert run(made).rounds[0].canaries is None
    assert tried(made) == []
