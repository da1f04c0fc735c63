"""`rlaif judge probe`, and that runs and evaluations ask an endpoint what it takes once."""

import json
from pathlib import Path

import pytest

from judge import JudgeStopped
from judge.rehearsal.fault_plan import FaultPlan
from judge.rehearsal.fault_server import running
from loop.cli import main
from loop.judge_choice import open_judge
from store.judge_calls import JudgeCalls
from store.store import Store

PRICES = "{planted-judge: {input: 2.0, output: 8.0}}"


def configured(folder: Path, url: str, **judge: str) -> Path:
    lines = {"kind": "api", "base_url": url, "model": "planted-judge", **judge}
    path = folder / "judge.yaml"
    path.write_text("judge:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items()))
    return path


def test_an_endpoint_is_asked_once_and_shown_from_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = FaultPlan(refuses=frozenset({"n", "logprobs"}), offers=frozenset({"systemone"}))
    with running(plan) as (url, server):
        command = ["judge", "probe", "--base-url", url, "--model", "planted-judge"]
        command += ["--store", f"sqlite:///{tmp_path / 'rlaif.db'}"]
        assert main([*command, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["endpoint"], found["model"]) == (url, "planted-judge")
        assert {name: found[name]["taken"] for name in ("n", "logprobs", "systemone", "decisions")} == {
            "n": "no",
            "logprobs": "no",
            "systemone": "yes",
            "decisions": "no",
        }
        asked = server.stats["requests"]
        assert main(command) == 0
        page = capsys.readouterr().out
        assert "typed decisions at /systemone" in page
        assert "HTTP 400: Unsupported parameter" in page
        assert server.stats["requests"] == asked
        assert main([*command, "--again"]) == 0
        assert server.stats["requests"] == 2 * asked


def test_a_configuration_says_which_endpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(FaultPlan()) as (url, _):
        file = configured(tmp_path, url)
        assert main(["judge", "probe", str(file), "--output", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["top_logprobs"] == 20
    assert (tmp_path / "rlaif.db").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a configuration, or both --base-url and --model"),
        (["--base-url", "http://127.0.0.1:9/v1"], "both --base-url and --model"),
        (["judge.yaml", "--model", "m"], "not both"),
        (["local.yaml"], "only a judge of kind api has an endpoint"),
    ],
)
def test_what_cannot_be_probed_is_refused(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    configured(tmp_path, "http://127.0.0.1:9/v1")
    (tmp_path / "local.yaml").write_text("judge: {kind: scripted}\n")
    assert main(["judge", "probe", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_judge_that_is_opened_with_a_store_knows_its_endpoint_and_pays_for_that_once(
    tmp_path: Path,
) -> None:
    with running(FaultPlan()) as (url, server), Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        calls = JudgeCalls(store.database)
        file = configured(tmp_path, url, prices=PRICES)
        for _ in range(2):
            with open_judge(str(file), calls=calls, account="eval"):
                pass
        spent = calls.spent("eval")
        assert server.stats["requests"] > 5
        assert (spent.calls, spent.unpriced_calls) == (1, 0)
        assert spent.input_tokens > 50
        assert spent.cost_usd == pytest.approx(2e-6 * spent.input_tokens + 8e-6 * spent.output_tokens)


def test_an_endpoint_that_is_not_there_stops_what_would_ask_it(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        file = configured(tmp_path, "http://127.0.0.1:9/v1")
        with (
            pytest.raises(JudgeStopped, match="no answer"),
            open_judge(str(file), calls=JudgeCalls(store.database), account="eval"),
        ):
            pass
