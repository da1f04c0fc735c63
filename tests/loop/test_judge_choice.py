"""A judge is chosen by name or file, checked before anything is loaded, and opened without a run."""

import asyncio
from pathlib import Path

import pytest

from judge.errors import JudgeSettingsError
from judge.scripted import ScriptedJudge
from judge.settings import ApiJudgeSettings, LocalJudgeSettings, PanelJudgeSettings, ScriptedJudgeSettings
from loop.errors import ConfigError
from loop.judge_choice import NAMES, choose_judge, open_judge
from policy.errors import PolicyRefused
from prompts.constitution import load_constitution
from prompts.errors import UnknownName
from store.records import Comparison
from tests.answers import answered, asked, compared


def _comparison(constitution: str) -> Comparison:
    prompt = asked("Hi?", split="heldout")
    return compared(prompt, answered(prompt, 0, "a longer one"), answered(prompt, 1, "short"), constitution)


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "judge.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_starter_is_its_own_local_judge() -> None:
    choice = choose_judge("starter")
    assert isinstance(choice.settings, LocalJudgeSettings)
    assert (choice.settings.template, choice.settings.constitution) == ("starter", "starter")
    assert choice.policy is not None
    assert choice.policy.model == "starter"


@pytest.mark.parametrize(
    ("name", "rule"), [("scripted", "shorter"), ("scripted:longer", "longer"), ("scripted:hash", "hash")]
)
def test_a_scripted_judge_is_chosen_by_its_rule(name: str, rule: str) -> None:
    assert name in NAMES
    assert choose_judge(name).settings == ScriptedJudgeSettings.model_validate({"rule": rule})


def test_an_open_scripted_judge_judges() -> None:
    with open_judge("scripted:longer") as judge:
        assert isinstance(judge, ScriptedJudge)

        async def verdicts() -> list[float | None]:
            return [v.p_first async for v in judge.compare([_comparison("none")])]

        assert asyncio.run(verdicts()) == [0.9]


def test_a_run_configuration_gives_its_judge() -> None:
    choice = choose_judge("configs/starter.yaml")
    assert choice.settings == LocalJudgeSettings(template="starter", constitution="starter")
    assert choice.policy is not None
    assert choice.policy.model == "starter"


def test_a_file_with_the_judge_alone_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "k")
    text = "judge: {kind: api, model: m, api_key_env: SOME_KEY, base_url: 'http://127.0.0.1:1/v1'}\n"
    choice = choose_judge(_file(tmp_path, text))
    assert isinstance(choice.settings, ApiJudgeSettings)
    assert choice.policy is None


def test_a_key_that_is_missing_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(JudgeSettingsError, match="SOME_KEY"):
        choose_judge(_file(tmp_path, "judge: {kind: api, model: m, api_key_env: SOME_KEY}\n"))


def test_template_and_constitution_stand_in_for_the_configured_ones(tmp_path: Path) -> None:
    path = _file(tmp_path, "judge: {kind: local, policy: starter}\n")
    choice = choose_judge(path, template="starter", constitution="starter")
    assert (choice.settings.template, choice.settings.constitution) == ("starter", "starter")
    assert choose_judge(path).settings.constitution == "general"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("judge: {kind: local, policy: current}\n", "no `policy` section"),
        ("kind: scripted\n", "no `judge` section"),
        ("judge: {kind: scripted, rul: longer}\n", "did you mean rule"),
        ("judge: [1]\n", "judge"),
        ("- 1\n", "a mapping of sections"),
    ],
)
def test_a_file_that_is_no_judge_is_refused_with_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_judge(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("choice", "message"),
    [("startr", "did you mean starter"), ("no/such.yaml", "a YAML file with a `judge`")],
)
def test_a_name_that_is_none_is_refused_with_the_names(choice: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_judge(choice)


def test_what_a_judge_would_never_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="reads no template"):
        choose_judge("scripted", template="starter")


def test_unknown_wording_and_models_are_refused_by_their_own_package(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="pairwise"):
        choose_judge("starter", template="pairwis")
    with pytest.raises(PolicyRefused, match="neither a folder"):
        choose_judge(_file(tmp_path, "judge: {kind: local, policy: nowhere}\n"))


@pytest.mark.slow
def test_the_starter_judges_in_both_orders() -> None:
    constitution = load_constitution("starter").hash
    with open_judge("starter") as judge:

        async def verdicts() -> list[float | None]:
            found = [v async for v in judge.compare([_comparison(constitution)])]
            return [found[0].p_first_shown_first, found[0].p_first_shown_second]

        assert all(p is not None and 0 < p < 1 for p in asyncio.run(verdicts()))


def test_a_panel_is_opened_with_the_models_of_its_members(tmp_path: Path) -> None:
    text = (
        "judge:\n  kind: panel\n  template: starter\n  constitution: starter\n  members:\n"
        "  - {kind: local, policy: starter}\n  - {kind: scripted, rule: longer}\n"
    )
    choice = choose_judge(_file(tmp_path, text))
    assert [policy.model if policy else None for policy in choice.policies] == ["starter", None]
    reworded = choose_judge(_file(tmp_path, text), template="pairwise").settings
    assert isinstance(reworded, PanelJudgeSettings)
    assert [member.template for member in reworded.members] == ["pairwise", "starter"]

    scripted = "judge:\n  kind: panel\n  members:\n  - {kind: scripted, rule: longer}\n  - {kind: scripted}\n"
    with open_judge(_file(tmp_path, scripted)) as judge:

        async def verdicts() -> list[float | None]:
            return [v.p_first async for v in judge.compare([_comparison("none")])]

        assert asyncio.run(verdicts()) == [0.5]
