"""The API judge against llama.cpp's server with the starter policy: another engine, another program, soft verdicts."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from judge import ApiJudgeSettings, LocalJudgeSettings, build_judge
from judge.api.probe import probe
from judge.presentation import present
from policy import PolicyScorer, load_policy
from policy.settings import PolicySettings
from policy.starter.build import ensure_starter
from prompts.constitution import load_constitution
from prompts.template import load_template
from tests.judge.gguf_file import write_gguf
from tests.judge.starter_comparisons import starter_comparisons, verdicts

pytestmark = [pytest.mark.serve, pytest.mark.timeout(900)]

LOCAL = LocalJudgeSettings(template="starter", constitution="starter")


@pytest.fixture(scope="module")
def scorer() -> Iterator[PolicyScorer]:
    folder = ensure_starter()
    policy = load_policy(PolicySettings(model=str(folder), device="cpu"), folder)
    yield PolicyScorer(policy)
    policy.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("llama")
    file = write_gguf(ensure_starter(), folder / "starter.gguf")
    command = [sys.executable, str(Path(__file__).parent / "llama_server.py"), str(file)]
    with (
        (folder / "log.txt").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        address = server.stdout.readline().strip()
        assert address, (folder / "log.txt").read_text()
        yield f"{address}/v1"
        server.stdin.close()
        server.wait(30)


def api(url: str, **settings: object) -> ApiJudgeSettings:
    asked = {"template": "starter", "constitution": "starter", "max_tokens": 4, "concurrency": 4} | settings
    return ApiJudgeSettings.model_validate({"base_url": url, "model": "starter", **asked})


def test_the_chat_is_rendered_by_its_own_template(url: str) -> None:
    chat, _ = present(starter_comparisons()[0], load_template("starter"), load_constitution("starter"))
    messages = [{"role": message.role, "content": message.content} for message in chat.messages]
    root = url.removesuffix("/v1")
    rendered = httpx.post(f"{root}/apply-template", json={"messages": messages}, trust_env=False).json()[
        "prompt"
    ]
    assert rendered == f"<|user|>{chat.messages[0].content}<|end|><|assistant|>"


def test_log_probabilities_over_the_wire_are_those_of_the_local_judge(url: str, scorer: PolicyScorer) -> None:
    comparisons = starter_comparisons()
    served = verdicts(build_judge(api(url)), comparisons)
    local = verdicts(build_judge(LOCAL, scorer), comparisons)
    assert len(served) == len(local) == len(comparisons) >= 20
    for comparison in comparisons:
        said, scored = served[comparison.id], local[comparison.id]
        assert said.unscored is None
        assert said.prompt_hashes == scored.prompt_hashes
        assert said.usage.calls == 2
        assert said.label_mass == pytest.approx(scored.label_mass, abs=1e-4)
        for soft, exact in (
            (said.p_first_shown_first, scored.p_first_shown_first),
            (said.p_first_shown_second, scored.p_first_shown_second),
            (said.p_first, scored.p_first),
        ):
            assert soft is not None
            assert exact is not None
            assert 0.0 < soft < 1.0
            assert logit(soft) == pytest.approx(logit(exact), abs=1e-3)
    assert len({verdict.p_first for verdict in served.values()}) > 15


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_a_probe_finds_what_this_server_takes(url: str) -> None:
    found = probe(api(url))
    taken = {name: found.finding(name).taken for name in found.names()}
    assert {name: how for name, how in taken.items() if how != "yes"} == {
        "systemone": "no",
        "decisions": "no",
    }
    assert (found.top_logprobs, found.usage) == (20, True)


def test_what_is_longer_than_its_context_is_unscored_and_nothing_else_is(url: str) -> None:
    short = starter_comparisons()[0]
    endless = short.second.model_copy(update={"text": "Paris, and so on. " * 400})
    long = short.model_copy(update={"second": endless, "id": "cmp_long"})
    judged = verdicts(build_judge(api(url)), [short, long])
    assert judged[short.id].p_first is not None
    assert judged["cmp_long"].p_first is None
    assert (
        "longer than the judge can read (HTTP 400: exceed_context_size_error" in judged["cmp_long"].unscored
    )


def test_a_reply_held_to_a_schema_and_cut_by_its_limit_is_never_guessed(url: str, tmp_path: Path) -> None:
    template = tmp_path / "short.txt"
    template.write_text(
        "---\nlabels: [A, B]\nreply: json\n---\n[user]\n{{ principles[0].text }}\n"
        "Question: {{ question }}\nA: {{ answer_a }}\nB: {{ answer_b }}\nBetter?\n"
    )
    judged = verdicts(build_judge(api(url, template=str(template), max_tokens=40)), starter_comparisons()[:3])
    for verdict in judged.values():
        assert verdict.p_first is None
        assert "it was cut at max_tokens" in verdict.unscored
        assert all(reply["text"].startswith("{") for reply in json.loads(verdict.raw))
