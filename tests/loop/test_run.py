"""What a run promises around its rounds: resume, refuse, extend, stop. Rounds here make no pairs, so none trains."""

from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from loop.config import RunConfig, parse_config
from loop.errors import ConfigError, RunStopped
from loop.rounds import run
from policy.errors import PolicyRefused
from policy.starter.build import ensure_starter
from store.errors import RunDiffers
from store.store import Store


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


@pytest.fixture
def tree(policy: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "output": str(tmp_path),
        "rounds": 2,
        "prompts": {"source": "starter", "max_train": 6, "max_heldout": 6},
        "policy": {"model": str(policy)},
        "sampler": {"k": 2, "max_new_tokens": 4},
        "judge": {"kind": "scripted", "rule": "hash"},
        "pairs": {"min_confidence": 0.99},
        "gate": {"patience": 3},
    }


def typed(tree: dict[str, Any]) -> RunConfig:
    return parse_config(tree, "test")


def markers(tmp_path: Path) -> list[tuple[int, str, float]]:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        return [(m.round, m.stage, m.seconds) for m in store.run("run").markers()]


def test_a_finished_run_is_shown_again_and_not_played_again(tree: dict[str, Any], tmp_path: Path) -> None:
    first = run(typed(tree))
    played = markers(tmp_path)
    assert [r.decision for r in first.rounds] == ["keep", "keep"]
    assert first.stopped == "all 2 rounds asked for were played"
    assert (tmp_path / "run" / "summary.json").read_text() == first.model_dump_json(indent=2) + "\n"
    assert run(typed(tree)) == first
    assert markers(tmp_path) == played


def test_more_rounds_extend_a_run_and_the_gate_ends_it(tree: dict[str, Any]) -> None:
    assert len(run(typed(tree), rounds=1).rounds) == 1
    extended = run(typed(tree), rounds=9)
    assert len(extended.rounds) == 3
    assert extended.stopped == "the gate kept the incumbent 3 times in a row"


def test_without_pairs_the_incumbent_is_kept_and_the_reason_says_so(tree: dict[str, Any]) -> None:
    summary = run(typed(tree), rounds=1)
    assert summary.rounds[0].pairs == 0
    assert "nothing to train on" in summary.rounds[0].reason
    assert summary.rounds[0].true_score is None


def test_a_run_of_that_name_with_another_configuration_is_refused(tree: dict[str, Any]) -> None:
    run(typed(tree), rounds=1)
    with pytest.raises(RunDiffers, match=r"sampler\.k: 2 → 3"):
        run(typed(tree | {"sampler": {"k": 3, "max_new_tokens": 4}}))


def test_prompts_that_changed_under_a_run_are_refused(tree: dict[str, Any], tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    rows = [f'{{"prompt": "Say {n}.", "split": "{split}"}}' for n, split in enumerate(("train", "heldout"))]
    prompts.write_text("\n".join(rows) + "\n")
    own = tree | {"prompts": {"source": str(prompts)}}
    run(typed(own), rounds=1)
    prompts.write_text("\n".join([*rows, '{"prompt": "Say more.", "split": "train"}']) + "\n")
    with pytest.raises(RunStopped, match="prompts have changed"):
        run(typed(own))


def test_a_policy_that_changed_under_a_run_is_refused(
    tree: dict[str, Any], tmp_path: Path, policy: Path
) -> None:
    copy = tmp_path / "policy"
    copy.mkdir()
    for path in policy.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    own = tree | {"policy": {"model": str(copy)}}
    run(typed(own), rounds=1)
    settings = copy / "generation_config.json"
    settings.write_text(settings.read_text().replace("48", "47"))
    with pytest.raises(RunStopped, match="began with policy"):
        run(typed(own))


def test_two_processes_cannot_play_one_run(tree: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / "run.lock"), pytest.raises(RunStopped, match="another process"):
        run(typed(tree))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"policy": {"model": "no/such", "revision": "main"}}, PolicyRefused, "policy.revision"),
        ({"policy": {"model": "nowhere"}}, PolicyRefused, "neither a folder"),
        ({"sampler": {"kind": "server"}}, ConfigError, "serve_command"),
        ({"prompts": {"source": "p.jsonl"}, "reviewer": {"kind": "simulated"}}, ConfigError, "answer key"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_made(
    tree: dict[str, Any], tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(typed(tree | change))
    assert not (tmp_path / "rlaif.db").exists()


def test_a_name_that_is_a_path_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        run(typed(tree), name="../run")
