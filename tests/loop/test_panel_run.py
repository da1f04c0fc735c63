"""A panel judges a run: what it thinks and how far its members part is in the store, and each member's word with it."""

import json
from pathlib import Path

import pytest

from loop.config import parse_config
from loop.rounds import run
from policy.starter.build import ensure_starter
from store.store import Store


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


def test_a_run_is_judged_by_a_panel_of_scripts_and_of_its_own_policies(policy: Path, tmp_path: Path) -> None:
    config = parse_config(
        {
            "output": str(tmp_path),
            "rounds": 1,
            "prompts": {"source": "starter", "max_train": 6, "max_heldout": 6},
            "policy": {"model": str(policy)},
            "sampler": {"k": 3, "max_new_tokens": 4},
            "judge": {
                "kind": "panel",
                "template": "starter",
                "constitution": "starter",
                "members": [
                    {"kind": "scripted", "rule": "hash"},
                    {"policy": "initial", "min_label_mass": 0},
                    {"policy": str(policy), "min_label_mass": 0},
                ],
            },
            "pairs": {"min_confidence": 0.99},
        },
        "test",
    )
    summary = run(config)
    with Store.open(config.store_url) as store:
        units = store.run("run")
        verdicts = list(units.verdicts(1, "train"))
        assert len(verdicts) == summary.rounds[0].verdicts > 0
        for verdict in verdicts:
            assert verdict.judge.startswith("panel:mean:3:")
            assert verdict.disagreement is not None
            members = json.loads(verdict.raw)
            assert [member["judge"].partition(":")[0] for member in members] == ["scripted", "local", "local"]
            # The second and the third member are the same weights.
            assert members[1]["p_first"] == members[2]["p_first"]
            assert verdict.p_first == pytest.approx(sum(member["p_first"] for member in members) / 3)
            assert all("Question:" in units.text(hash) for hash in verdict.prompt_hashes)
