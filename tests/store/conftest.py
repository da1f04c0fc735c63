"""Every test of the store runs on a real SQLite file, and on a real PostgreSQL server where that is asked for."""

from collections.abc import Iterator

import pytest

from prompts.hashing import content_hash
from store import RunStore, Store
from store.records import Comparison, Message, Prompt, Run, Sample, Verdict


class Units:
    """Units of a small run, made alike wherever a test needs some."""

    def run(self, name: str = "first", **config: object) -> Run:
        return Run(name=name, seed=7, config_hash=content_hash(repr(config)), config=dict(config))

    def prompts(self, count: int, split: str = "train") -> list[Prompt]:
        return [
            Prompt(
                messages=(Message(role="user", content=f"{split} question {i}?"),),
                split=split,
                tags=("helpful",),
            )
            for i in range(count)
        ]

    def samples(self, prompts: list[Prompt], k: int = 2, **fields: object) -> list[Sample]:
        made = {"policy": "rev_a", "round": 1, "purpose": "train", **fields}
        return [
            Sample(
                prompt_id=prompt.id, index=i, seed=i, settings="s", text=f"{prompt.text} Answer {i}.",
                tokens=3, finish_reason="stop", **made,
            )
            for prompt in prompts
            for i in range(k)
        ]  # fmt: skip

    def comparisons(self, prompts: list[Prompt], samples: list[Sample]) -> list[Comparison]:
        """Each prompt's samples, each against each, in order."""
        made = []
        for prompt in prompts:
            own = [sample for sample in samples if sample.prompt_id == prompt.id]
            for i, first in enumerate(own):
                made += [
                    Comparison(
                        prompt=prompt, first=first, second=second, round=first.round,
                        purpose=first.purpose, constitution=content_hash("be good"),
                    )
                    for second in own[i + 1 :]
                ]  # fmt: skip
        return made

    def verdict(self, comparison: Comparison, judge: str = "judge", **fields: object) -> Verdict:
        texts = tuple(f"{side} first: {comparison.id}" for side in ("one", "other"))
        made: dict[str, object] = {
            "template": content_hash("which is better?"),
            "constitution": comparison.constitution,
            "prompt_hashes": tuple(map(content_hash, texts)),
            "prompt_texts": texts,
            "raw": '{"better": "A"}',
            **({} if "unscored" in fields else {"p_first": 0.75}),
            **fields,
        }
        return Verdict(comparison_id=comparison.id, judge=judge, **made)


@pytest.fixture(scope="session")
def units() -> Units:
    return Units()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def run(store: Store, units: Units) -> RunStore:
    return store.create_run(units.run())
