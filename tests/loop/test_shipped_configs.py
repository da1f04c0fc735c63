"""The shipped configurations: accepted without a hub or a key, and different only in what they must be."""

from pathlib import Path
from typing import Any

import pytest

from loop.check import check
from loop.cli import main
from loop.config import load_config
from loop.errors import ConfigError

CONFIGS = sorted(path.stem for path in Path("configs").glob("*.yaml"))
A_REAL_MODEL = {
    "prompts.source",
    "prompts.max_train",
    "prompts.max_heldout",
    "policy.model",
    "policy.revision",
    "policy.template_arguments.enable_thinking",
    "sampler.max_new_tokens",
    "judge.template",
    "judge.constitution",
    "reviewer.kind",
    "pairs.min_confidence",  # a demonstration trains on every pair; real runs do not
    "train.learning_rate",
}


def flat(tree: dict[str, Any], place: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{place}{key}.") if isinstance(value, dict) else {f"{place}{key}": value}
    return leaves


def differing(one: str, other: str) -> set[str]:
    first, second = (flat(load_config(f"configs/{name}.yaml").model_dump()) for name in (one, other))
    return {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_shipped_configuration_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", f"configs/{name}.yaml"]) == 0
    assert f"configs/{name}.yaml: fine" in capsys.readouterr().out


def test_a_real_model_differs_from_the_starter_only_in_what_it_must() -> None:
    assert differing("starter", "self-judging") == A_REAL_MODEL


def test_an_external_judge_differs_from_a_self_judge_only_in_the_judge() -> None:
    assert {key.split(".")[0] for key in differing("self-judging", "api-judge")} == {"judge"}
    # What both kinds of judges have is the same.
    assert not {"judge.template", "judge.constitution"} & differing("self-judging", "api-judge")


def test_a_missing_key_is_named_by_the_check_and_refused_by_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "check", "configs/api-judge.yaml"])
    assert "before the run: judge.api_key_env: environment variable OPENAI_API_KEY" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        check(load_config("configs/api-judge.yaml"))


def test_the_shipped_prompts_are_enough_for_the_gate_and_share_nothing() -> None:
    config = load_config("configs/self-judging.yaml")
    prompts = check(config)
    assert len(prompts.heldout) >= config.gate.labels
    assert len(prompts.train) >= 64
    assert prompts.near_duplicates == ()
    assert prompts.duplicates == 0
    for split in (prompts.train, prompts.heldout):
        assert {tag for prompt in split for tag in prompt.tags} == {"helpful", "harmless"}
