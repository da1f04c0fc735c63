"""A round judged in other ways than pair by pair: pairs point the right way, and what was said of parts is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from judge.build import build_judge
from judge.contract import Judge
from judge.settings import LocalJudgeSettings
from loop.cli import app
from loop.round import Round, judge, pair, spot_check
from store.records import Checkpoint, Message
from tests.loop.test_label_integrity import MERIT, PROMPTS, PlantedContext, merit
from tests.loop.test_label_integrity import planted as planted  # a fixture


class Reader:
    """Reads the planted merit of the answers it is shown: which of two is better, or the points of one."""

    revision = "rev_reader"

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del batch_tokens
        rows = []
        for chat in chats:
            merits = [int(found) for found in MERIT.findall(chat[-1].content)]
            if len(merits) == 2:
                shares = [0.8, 0.1, 0.1] if merits[0] > merits[1] else [0.1, 0.8, 0.1]
                rows.append(shares[: len(labels)])
            else:
                rows.append([0.9 if merits[0] == int(label) else 0.01 for label in labels])
        return np.log(np.array(rows))


@dataclass(frozen=True)
class WayContext(PlantedContext):
    way: dict[str, Any] = field(default_factory=dict)

    def judge(self, incumbent: Checkpoint) -> Judge:
        del incumbent
        return build_judge(LocalJudgeSettings(constitution="starter", **self.way), Reader())


WAYS: list[dict[str, Any]] = [
    {"template": "starter", "principles": "separate"},
    {"template": "starter", "principles": "sampled"},
    {"template": "starter", "axes": "lexicographic"},
    {"template": "pairwise_ties"},
    {"template": "pointwise"},
    {"template": "pointwise", "axes": "safety_gate"},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way.values()))
@pytest.mark.parametrize("planted", [5], indirect=True)
def test_every_pair_points_the_right_way_and_a_verdict_shows_its_parts(
    planted: tuple[Round, int],
    way: dict[str, Any],
    tmp_path: Path,
) -> None:
    this, k = planted
    run = WayContext(**{f.name: getattr(this.run, f.name) for f in fields(this.run)}, way=way)
    this = Round(run, this.index, this.incumbent)
    for stage in (judge, spot_check, pair):
        stage(this)
    judged = list(run.store.judged(1, "train"))
    assert len(judged) == PROMPTS * k * (k - 1) // 2
    samples = {sample.id: sample for sample in run.store.samples(1, "train")}
    pairs = list(run.store.pairs(1))
    assert len(pairs) == len(judged)
    for made in pairs:
        assert merit(samples[made.chosen].text) > merit(samples[made.rejected].text)

    comparison, verdict = judged[0]
    store = f"sqlite:///{tmp_path / 'rlaif.db'}"
    shown = CliRunner().invoke(app, ["show", verdict.id, "--store", store, "--full"])
    assert shown.exit_code == 0, shown.output
    told = shown.output
    assert comparison.id in told
    assert ("by_principle:" in told) == ("principles" in way)
    assert ("by_axis:" in told) == ("axes" in way)
    assert ("score_first:" in told) == (way["template"] == "pointwise")
    assert ("p_tie:" in told) == (way["template"] == "pairwise_ties")
