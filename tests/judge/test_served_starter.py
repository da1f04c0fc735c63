"""The API judge against `transformers serve` with the starter policy: another program's idea of the protocol."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from judge import ApiJudgeSettings, Judge, LocalJudgeSettings, build_judge
from policy import PolicyScorer, load_policy
from policy.settings import PolicySettings
from policy.starter.build import ensure_starter
from prompts.constitution import load_constitution
from prompts.prompt import Message, Prompt
from store.records import Comparison, Sample, Verdict

pytestmark = [pytest.mark.serve, pytest.mark.timeout(900)]

ASKED = {
    "What is the capital of France?": "Paris.",
    "What is 3 plus 4?": "7.",
    "Which day comes after Monday?": "Tuesday.",
    "What is the opposite of hot?": "Cold.",
}
WORSE = [
    "As an AI language model, I cannot be sure.",
    "Berlin.",
    "Sorry??? please ???",
    "I cannot help with that.",
    "12.",
    "",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return ensure_starter()


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


def comparisons() -> list[Comparison]:
    constitution = load_constitution("starter").hash
    made = []
    for question, right in ASKED.items():
        prompt = Prompt(messages=(Message(role="user", content=question),), split="train")
        samples = [
            Sample(
                prompt_id=prompt.id,
                policy="by hand",
                round=1,
                purpose="train",
                index=index,
                seed=index,
                settings="by hand",
                text=text,
                tokens=4,
                finish_reason="stop",
            )
            for index, text in enumerate([right, *WORSE])
        ]
        made += [
            Comparison(
                prompt=prompt,
                first=samples[0],
                second=worse,
                round=1,
                purpose="train",
                constitution=constitution,
            )
            for worse in samples[1:]
        ]
    return made


def judged(judge: Judge) -> dict[str, Verdict]:
    async def collect() -> dict[str, Verdict]:
        return {verdict.comparison_id: verdict async for verdict in judge.compare(comparisons())}

    return asyncio.run(collect())


def test_a_served_policy_says_what_the_same_policy_scores(url: str, folder: Path) -> None:
    served = judged(
        build_judge(
            ApiJudgeSettings(
                base_url=url,
                model=str(folder),
                template="starter",
                constitution="starter",
                max_tokens=8,
                concurrency=4,
            )
        )
    )
    policy = load_policy(PolicySettings(model=str(folder), device="cpu"), folder)
    try:
        settings = LocalJudgeSettings(template="starter", constitution="starter")
        scored = judged(build_judge(settings, PolicyScorer(policy)))
    finally:
        policy.close()

    assert len(served) == len(scored) == len(ASKED) * len(WORSE) >= 20
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
