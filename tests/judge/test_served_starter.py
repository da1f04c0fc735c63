"""The API judge against `transformers serve` with the starter policy: another program's idea of the protocol."""

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from judge import ApiJudgeSettings, LocalJudgeSettings, build_judge
from judge.api.known_endpoints import known_endpoint
from judge.api.probe import probe
from judge.presentation import present
from policy import PolicyScorer, load_policy
from policy.settings import PolicySettings
from policy.starter.build import ensure_starter
from prompts.constitution import load_constitution
from prompts.template import load_template
from store.judge_calls import JudgeCalls
from store.judge_endpoints import JudgeEndpoints
from store.records import Message
from store.store import Store
from tests.judge.starter_comparisons import starter_comparisons, verdicts

pytestmark = [pytest.mark.serve, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def folder() -> Path:
    return ensure_starter()


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Iterator[PolicyScorer]:
    policy = load_policy(PolicySettings(model=str(folder), device="cpu"), folder)
    yield PolicyScorer(policy)
    policy.close()


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("served") / "log.txt"
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder)]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--device", "cpu", "--port", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    try:
        deadline = time.monotonic() + 300
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2, trust_env=False).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def api(url: str, folder: Path, **settings: object) -> ApiJudgeSettings:
    asked = {"template": "starter", "constitution": "starter", "max_tokens": 8, "concurrency": 4} | settings
    return ApiJudgeSettings.model_validate({"base_url": url, "model": str(folder), **asked})


def test_a_served_policy_says_what_the_same_policy_scores(
    url: str, folder: Path, scorer: PolicyScorer
) -> None:
    comparisons = starter_comparisons()
    served = verdicts(build_judge(api(url, folder)), comparisons)
    scored = verdicts(
        build_judge(LocalJudgeSettings(template="starter", constitution="starter"), scorer), comparisons
    )

    assert len(served) == len(scored) == len(comparisons) >= 20
    orders = 0
    for comparison_id, said in served.items():
        local = scored[comparison_id]
        assert said.unscored is None
        assert said.prompt_hashes == local.prompt_hashes
        assert said.usage.calls == 2
        assert said.usage.input_tokens > 0
        for spoken, likely in (
            (said.p_first_shown_first, local.p_first_shown_first),
            (said.p_first_shown_second, local.p_first_shown_second),
        ):
            assert spoken in (0.0, 1.0)
            # Nearly even odds may fall either way in another batch.
            if likely is not None and abs(likely - 0.5) > 0.01:
                assert spoken == float(likely > 0.5)
                orders += 1
    assert orders >= len(served)


def test_a_probe_finds_what_this_server_lacks(url: str, folder: Path) -> None:
    found = probe(api(url, folder))
    works = {name for name in found.names() if found.finding(name).works}
    assert {"max_tokens", "temperature", "system", "systemone"} <= works
    assert not works & {"n", "logprobs", "json_schema", "json_object", "decisions"}
    assert found.usage
    assert found.top_logprobs == 0


def test_typed_decisions_give_the_probabilities_of_the_same_policy(
    url: str, folder: Path, scorer: PolicyScorer, tmp_path: Path
) -> None:
    comparisons = starter_comparisons()[:8]
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        known = known_endpoint(api(url, folder), JudgeEndpoints(store.database))
        assert known.features.systemone.works
        # Known to have typed decisions and no log-probabilities, it is asked for decisions.
        soft = verdicts(build_judge(api(url, folder), calls=JudgeCalls(store.database)), comparisons)
    for comparison in comparisons:
        verdict = soft[comparison.id]
        assert (verdict.unscored, verdict.label_mass, verdict.usage.calls) == (None, None, 2)
        template, constitution = load_template("starter"), load_constitution("starter")
        expected = [
            _decided(scorer, presentation.messages[0].content)
            for presentation in present(comparison, template, constitution)
        ]
        assert verdict.p_first_shown_first == pytest.approx(expected[0], abs=1e-4)
        assert verdict.p_first_shown_second == pytest.approx(1.0 - expected[1], abs=1e-4)
        assert 0.0 < verdict.p_first < 1.0


def _decided(scorer: PolicyScorer, state: str) -> float:
    """The probability of A by the words that `transformers serve` puts around a choice."""
    asked = (
        f"{state}\n\nWhich answer to the request is better?\nA. Answer A\nB. Answer B\n"
        "Answer with the letter of the option that fits best (A to B) only."
    )
    ((first, second),) = scorer.label_logprobs([(Message(role="user", content=asked),)], ("A", "B"), 4096)
    return 1.0 / (1.0 + math.exp(second - first))
