"""From settings to judges, what is refused before anything is loaded, and what the package offers."""

import subprocess
import sys

import pytest

import judge
from judge import (
    ApiJudge,
    ApiJudgeSettings,
    JudgeSettingsError,
    LocalJudge,
    LocalJudgeSettings,
    ScriptedJudge,
    ScriptedJudgeSettings,
    build_judge,
    check_judge,
)
from judge.settings import JudgeSettings
from prompts.errors import PromptError
from tests.judge.test_local_judge import PlantedScorer

LOOPBACK = "http://localhost:8000/v1"


def test_each_kind_of_settings_gives_its_judge() -> None:
    assert isinstance(build_judge(ScriptedJudgeSettings()), ScriptedJudge)
    assert isinstance(build_judge(ApiJudgeSettings(model="m", base_url=LOOPBACK)), ApiJudge)
    assert isinstance(build_judge(LocalJudgeSettings(), PlantedScorer()), LocalJudge)


@pytest.mark.parametrize(
    "settings",
    [
        LocalJudgeSettings(),
        LocalJudgeSettings(template="starter", constitution="starter"),
        ApiJudgeSettings(model="m", base_url=LOOPBACK),
        ApiJudgeSettings(model="m", base_url="http://127.0.0.2:1/v1", template="pairwise_json"),
        ApiJudgeSettings(model="m", base_url="http://[::1]:1/v1", votes=3, temperature=None),
        ScriptedJudgeSettings(),
    ],
)
def test_what_can_work_passes_the_check(settings: JudgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    check_judge(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (LocalJudgeSettings(template="pairwise_json"), "judge.template"),
        (ApiJudgeSettings(model="m"), "OPENAI_API_KEY is not set"),
        (
            ApiJudgeSettings(model="m", base_url="http://127.0.0.1.example.org/v1"),
            "OPENAI_API_KEY is not set",
        ),
        (ApiJudgeSettings(model="m", base_url=LOOPBACK, votes=2), "judge.votes"),
    ],
)
def test_what_cannot_work_is_refused(
    settings: JudgeSettings, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(JudgeSettingsError, match=words):
        check_judge(settings)


@pytest.mark.parametrize("field", ["template", "constitution"])
def test_unknown_wording_is_refused_with_what_there_is(field: str) -> None:
    for settings in (LocalJudgeSettings(**{field: "generall"}), ScriptedJudgeSettings(**{field: "generall"})):
        with pytest.raises(PromptError, match="generall"):
            check_judge(settings)


def test_a_local_judge_without_a_policy_is_refused() -> None:
    with pytest.raises(JudgeSettingsError, match="needs a policy"):
        build_judge(LocalJudgeSettings())


def test_every_public_name_is_there() -> None:
    assert sorted(judge.__all__) == judge.__all__
    for name in judge.__all__:
        assert getattr(judge, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Jury'"):
        _ = judge.Jury


def test_settings_alone_load_neither_client_nor_statistics() -> None:
    code = (
        "import sys, judge, judge.settings; print(*{'openai', 'httpx', 'scipy', 'torch'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []
