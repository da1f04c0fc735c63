"""The whole loop against a real model server: `transformers serve` with the starter, once as judge, once as sampler."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from judge.presentation import present
from loop.config import RunConfig, parse_config
from loop.progress import Bar, Silent
from loop.rounds import run
from policy.server_process import ServerProcess
from policy.starter.build import ensure_starter
from prompts.constitution import load_constitution
from prompts.template import load_template
from store.records import Purpose, Verdict
from store.store import Store

pytestmark = [pytest.mark.serve, pytest.mark.timeout(900)]

SERVE = f"{Path(sys.executable).with_name('transformers')} serve {{path}} --device cpu --port {{port}}"
TRAIN, HELDOUT, K = 12, 8, 2


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter()


@pytest.fixture(scope="module")
def url(policy: Path) -> Iterator[str]:
    with ServerProcess(policy, SERVE, 300.0) as server:
        yield f"{server.url}/v1"


def config(policy: Path, output: Path, **sections: Any) -> RunConfig:
    tree = {
        "seed": 5,
        "rounds": 1,
        "output": str(output),
        "prompts": {"source": "starter", "max_train": TRAIN, "max_heldout": HELDOUT},
        "policy": {"model": str(policy), "device": "cpu"},
        "sampler": {"k": K, "max_new_tokens": 24},
        "spot_check": {"random": 4},
        "reviewer": {"kind": "simulated"},
        "train": {"learning_rate": 1e-3},
        "gate": {"labels": 4, "min_labels": 3},
    }
    return parse_config({**tree, **sections}, "test")


def verdicts(output: Path, purpose: Purpose) -> list[Verdict]:
    with Store.open(f"sqlite:///{output / 'rlaif.db'}") as store:
        return list(store.run("run").verdicts(1, purpose))


class PulledPlug(Exception):
    pass


class CountedVerdicts(Silent):
    """Counts the verdicts of the judge's stage as they arrive, and ends the run when `last` have."""

    def __init__(self, last: int | None = None) -> None:
        self.arrived = 0
        self._last = last

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Bar]:
        with super().stage(name, total, unit) as bar:
            yield self if name == "round 1 · judge" else bar

    def advance(self, units: int) -> None:
        self.arrived += units
        if self.arrived == self._last:
            raise PulledPlug

    def move_to(self, completed: int, total: int | None = None) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def test_an_external_model_judges_a_whole_run_which_resumes_without_asking_twice(
    url: str, policy: Path, tmp_path: Path
) -> None:
    judge = {
        "kind": "api",
        "base_url": url,
        "model": str(policy),
        "template": "starter",
        "constitution": "starter",
        "max_tokens": 8,
        "concurrency": 2,
    }
    asked = config(policy, tmp_path, judge=judge)
    with pytest.raises(PulledPlug):
        run(asked, progress=CountedVerdicts(last=3))
    kept = {verdict.id for verdict in verdicts(tmp_path, "train")}
    assert len(kept) == 3

    resumed = CountedVerdicts()
    summary = run(asked, progress=resumed)

    (played,) = summary.rounds
    assert (
        played.verdicts == resumed.arrived == len(verdicts(tmp_path, "train"))
    )  # the three kept ones included
    assert played.unscored == 0
    assert played.pairs > 0
    assert played.decision in {"promote", "keep"}
    assert played.judge_win_rate is not None
    template, constitution = load_template("starter"), load_constitution("starter")
    judged = [*verdicts(tmp_path, "train"), *verdicts(tmp_path, "gate")]
    assert kept <= {verdict.id for verdict in judged}
    for verdict in judged:
        assert verdict.judge.startswith(f"api:{policy}@127.0.0.1:")
        assert (verdict.template, verdict.constitution) == (template.hash, constitution.hash)
        assert verdict.usage.calls == 2
        assert verdict.usage.input_tokens > 20
        # The server gives no log-probabilities, but typed decisions: soft verdicts, and no text.
        assert 0.0 < verdict.p_first < 1.0
        assert verdict.usage.output_tokens == 0
        assert len(json.loads(verdict.raw)) == 2
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        comparison, verdict = next(store.run("run").judged(1, "train"))
        texts = [store.run("run").text(hash) for hash in verdict.prompt_hashes]
    assert texts == [shown.text for shown in present(comparison, template, constitution)]


def test_a_server_samples_a_whole_round(policy: Path, tmp_path: Path) -> None:
    summary = run(
        config(
            policy,
            tmp_path,
            sampler={
                "kind": "server",
                "serve_command": SERVE,
                "k": K,
                "max_new_tokens": 24,
                "concurrency": 2,
            },
            judge={"kind": "scripted", "rule": "shorter"},
        )
    )
    (played,) = summary.rounds
    assert played.samples == TRAIN * K
    assert played.pairs > 0
    assert played.decision in {"promote", "keep"}
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        answers = list(store.run("run").samples(1, "gate"))
    assert len(answers) == 2 * HELDOUT
    assert len({answer.policy for answer in answers}) == 2
    assert all(answer.text.strip() for answer in answers)
