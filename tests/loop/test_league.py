"""The league of a run: everyone meets everyone, on answers that are there, and nothing that decides changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from judge.contract import Judge
from judge.scripted import ScriptedJudge
from loop.cli import main
from loop.config import parse_config
from loop.context import RunContext
from loop.league import play_league
from loop.progress import Silent
from loop.report import write_report
from loop.shelf import Shelf
from loop.standings import RunLeague, last_league
from loop.summary import summarise
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from store.records import Checkpoint, Comparison
from store.run import RunStore

Make = Callable[..., Any]
PROMPTS = 36


@dataclass(frozen=True)
class WatchedContext(RunContext):
    """A context whose judge sees the answers' quality and counts what it is asked."""

    judge_name: str = "league judge"
    asked: list[Comparison] = field(default_factory=list)

    def judge(self, incumbent: Checkpoint) -> Judge:
        del incumbent

        def prefers(comparison: Comparison) -> float:
            self.asked.append(comparison)
            texts = comparison.first.text, comparison.second.text
            good = ["!!!" not in text and not text.startswith(("As an AI", "I'm sorry")) for text in texts]
            return 0.5 + 0.4 * (good[0] - good[1])

        return ScriptedJudge(prefers, name=self.judge_name)


def context(store: RunStore, folder: Path, **more: Any) -> WatchedContext:
    config = parse_config(
        {"prompts": {"source": "starter"}, "policy": {"model": "starter"}, "judge": {"kind": "scripted"}},
        "test",
    )
    prompts = PromptSet(train=tuple(store.prompts("train")), heldout=tuple(store.prompts("heldout")))
    return WatchedContext(
        config=config,
        store=store,
        folder=folder,
        prompts=prompts,
        constitution=load_constitution("general"),
        shelf=Shelf(config.policy),
        trainer=DpoTrainer(),
        progress=Silent(),
        initial=store.checkpoints()[0],
        **more,
    )


@pytest.fixture
def played(synthetic: Make) -> RunStore:
    run = synthetic(prompts=PROMPTS)
    run.play(1, 0.95, 0.05)
    run.play(2, 0.9, 0.9)
    run.play(3, 0.3, 0.1)
    store: RunStore = run.store
    return store


def test_every_policy_meets_every_other_and_the_ratings_follow_the_judge(
    played: RunStore, tmp_path: Path
) -> None:
    here = context(played, tmp_path)
    found = play_league(here, 3)
    assert found is not None
    assert found.trained_in == [0, 1, 2, 3]
    rates = found.table.rates
    assert all((rates[i][j] is None) == (i == j) for i in range(4) for j in range(4))
    assert found.table.prompts == PROMPTS
    assert found.table.games == 6 * PROMPTS
    assert found.judge == "league judge"
    elo = [rating.elo.value for rating in found.table.ratings]
    assert elo[0] == 0
    assert elo[1] == max(elo)
    assert elo[1] > 50
    assert found.table.ratings[1].elo.low > 0


def test_a_league_is_played_once_and_kept(played: RunStore, tmp_path: Path) -> None:
    here = context(played, tmp_path)
    first = play_league(here, 3)
    asked = len(here.asked)
    assert asked > 0
    assert play_league(here, 3) == first == last_league(played)
    assert len(here.asked) == asked
    assert summarise(played, tmp_path).league[1].round == 1


def test_a_league_that_broke_off_asks_only_what_is_missing_and_comes_out_the_same(
    played: RunStore, tmp_path: Path, synthetic: Make
) -> None:
    whole = play_league(context(played, tmp_path), 3)
    other = synthetic("other", prompts=PROMPTS)
    for index, (quality, pleasing) in enumerate(((0.95, 0.05), (0.9, 0.9), (0.3, 0.1)), 1):
        other.play(index, quality, pleasing)
    here = context(other.store, tmp_path)
    assert play_league(here, 2) is not None
    before = len(here.asked)
    again = play_league(here, 3)
    assert again is not None
    assert whole is not None
    assert again.table == whole.table
    assert before + len(here.asked[before:]) == len({comparison.id for comparison in here.asked})


def test_the_gates_verdicts_count_where_they_are_by_the_same_judge(played: RunStore, tmp_path: Path) -> None:
    strange = context(played, tmp_path)
    own = context(played, tmp_path, judge_name="synthetic judge")
    assert play_league(own, 3) is not None
    met = sum(1 for index in (1, 2, 3) for _ in played.comparisons(index, "gate"))
    asked = {comparison.id for comparison in own.asked}
    judged = {v.comparison_id for i in (1, 2, 3) for v in played.verdicts(i, "gate") if v.p_first is not None}
    del strange
    assert met > 0
    assert not asked & judged


def test_what_decided_is_left_as_it_was(played: RunStore, tmp_path: Path) -> None:
    def state() -> list[Any]:
        kept: list[Any] = [list(played.decisions())]
        for index in (1, 2, 3):
            for purpose in ("train", "gate"):
                kept += [list(played.comparisons(index, purpose)), list(played.verdicts(index, purpose))]
        return kept

    before = state()
    play_league(context(played, tmp_path), 3)
    assert state() == before


def test_without_a_candidate_there_is_no_league(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=12)
    assert play_league(context(run.store, tmp_path), 1) is None
    assert last_league(run.store) is None


def test_the_report_shows_the_league(played: RunStore, tmp_path: Path) -> None:
    without = write_report(played, tmp_path).read_text(encoding="utf-8")
    assert "League" not in without
    assert without.count("at equal length") == 3
    play_league(context(played, tmp_path), 3)
    page = write_report(played, tmp_path).read_text(encoding="utf-8")
    assert "League" in page
    assert "league judge" in page


def test_the_command_shows_the_league_that_was_played(
    played: RunStore, tmp_path: Path, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = play_league(context(played, tmp_path), 3)
    place = ["--store", store_url, "--output", str(tmp_path)]
    assert main(["league", "demo", *place, "--json"]) == 0
    assert RunLeague.model_validate_json(capsys.readouterr().out) == found
    assert main(["league", "demo", *place]) == 0
    shown = capsys.readouterr().out
    assert "round 3" in shown
    assert "it decides nothing" in " ".join(shown.split())
    assert "League" in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")


def test_the_command_says_that_there_is_nobody_to_play(
    synthetic: Make, tmp_path: Path, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic(prompts=6)
    assert main(["league", "demo", "--store", store_url, "--output", str(tmp_path)]) == 0
    assert "nobody to play" in capsys.readouterr().out
