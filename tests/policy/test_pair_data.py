"""Pairs as training sees them: none cut, none lost unseen, and the order a function of seed and epoch."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from policy.errors import TrainingRefused
from policy.model import LoadedPolicy
from policy.pair_batches import PairBatches
from policy.pair_dataset import encode_pairs, open_pairs

Load = Callable[[str], LoadedPolicy]


def write_pairs(path: Path, count: int, long: int = 0) -> Path:
    """Pairs with answers of several lengths, `long` of them very long."""
    with path.open("w") as file:
        for number in range(count):
            words = "word " * (100 if number < long else 1 + number % 5)
            row = {
                "prompt": [{"role": "user", "content": f"What is {number}?"}],
                "chosen": [{"role": "assistant", "content": f"{words}yes {number}"}],
                "rejected": [{"role": "assistant", "content": f"no {number}"}],
                "id": f"par_{number}",
            }
            file.write(json.dumps(row) + "\n")
    return path


def test_pairs_are_prompt_and_answers_and_the_long_ones_are_counted(
    tiny_policy: Load, tmp_path: Path
) -> None:
    chats = tiny_policy("llama").chats
    counts = encode_pairs(write_pairs(tmp_path / "p.jsonl", 20, long=3), chats, 80, tmp_path / "p.arrow")
    assert counts == {"pairs": 20, "trained_pairs": 17, "over_length": 3}
    rows = open_pairs(tmp_path / "p.arrow")
    assert len(rows) == 17
    for row in rows:
        assert row["length"] == len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))
        assert row["length"] <= 80
        assert row["chosen_ids"][-1] in chats.end_ids
        assert row["rejected_ids"][-1] in chats.end_ids
    assert list(rows["length"]) == sorted(rows["length"], reverse=True)


def test_encoding_again_changes_nothing_on_disk(tiny_policy: Load, tmp_path: Path) -> None:
    chats = tiny_policy("llama").chats
    pairs = write_pairs(tmp_path / "p.jsonl", 5)
    first = encode_pairs(pairs, chats, 80, tmp_path / "p.arrow")
    before = (tmp_path / "p.arrow").stat()
    assert encode_pairs(pairs, chats, 80, tmp_path / "p.arrow") == first
    assert (tmp_path / "p.arrow").stat() == before


def test_a_row_that_is_no_pair_is_refused_with_its_line(tiny_policy: Load, tmp_path: Path) -> None:
    chats = tiny_policy("llama").chats
    path = write_pairs(tmp_path / "p.jsonl", 3)
    for broken in ("not json", '{"prompt": []}', '{"prompt": "text", "chosen": [], "rejected": []}'):
        path.write_text(path.read_text() + broken + "\n")
        with pytest.raises(TrainingRefused, match=r"p\.jsonl:4"):
            encode_pairs(path, chats, 80, tmp_path / "x.arrow")
        write_pairs(path, 3)


def test_no_pair_left_is_refused(tiny_policy: Load, tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="none is within"):
        encode_pairs(
            write_pairs(tmp_path / "p.jsonl", 3), tiny_policy("llama").chats, 8, tmp_path / "p.arrow"
        )


def test_every_pair_comes_once_an_epoch_and_epochs_differ() -> None:
    lengths = np.random.default_rng(0).integers(5, 300, 533).tolist()
    sampler = PairBatches(lengths, 16, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(533)) == list(range(len(sampler)))
    assert first == list(PairBatches(lengths, 16, seed=3))
    assert first != list(PairBatches(lengths, 16, seed=4))
    sampler.set_epoch(1)
    assert sorted(sampler) == list(range(533))
    assert list(sampler) != first


def test_batches_hold_pairs_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(5, 300, 512)

    def padded(order: list[int]) -> int:
        return sum(16 * int(lengths[order[i : i + 16]].max()) for i in range(0, 512, 16))

    shuffled = np.random.default_rng(1).permutation(512).tolist()
    assert padded(list(PairBatches(lengths.tolist(), 16, 0))) < 0.75 * padded(shuffled)
