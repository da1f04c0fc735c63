import json
from pathlib import Path

import pytest

from benchmarks.figures import Figures, Row
from benchmarks.sampling import memory_bound
from benchmarks.training import flops_per_pair, read_marks


def test_a_rate_is_compared_with_the_first_of_its_part_and_model(tmp_path: Path) -> None:
    figures = Figures("title", tmp_path / "table")
    figures.add(Row("sampling", "small", "plain", rate=100.0, unit="tokens/s", bound=400.0, basis="memory"))
    figures.add(Row("sampling", "large", "plain", rate=10.0, unit="tokens/s"))
    figures.add(Row("sampling", "small", "ours", rate=250.0, unit="tokens/s", bound=400.0, basis="memory"))
    times = [cells[4] for cells in figures.cells()]
    shares = [cells[5] for cells in figures.cells()]
    assert times == ["1.00", "1.00", "2.50"]
    assert shares == ["25.0%", "", "62.5%"]


def test_every_row_is_on_disk_when_it_is_there_and_a_failure_keeps_its_reason(tmp_path: Path) -> None:
    figures = Figures("title", tmp_path / "table.md")
    figures.facts["device"] = "a device"
    figures.add(Row("judging", "small", "plain", rate=2.0, unit="judgements/s"))
    figures.add(Row("judging", "small", "ours", note="OutOfMemoryError: too large"))
    written = json.loads((tmp_path / "table.json").read_text())
    assert written["facts"] == {"device": "a device"}
    assert [row["rate"] for row in written["rows"]] == [2.0, None]
    assert "| ours |  |  |  |  |  |  | OutOfMemoryError: too large |" in (tmp_path / "table.md").read_text()


def test_the_memory_bound_reads_weights_once_a_step_and_each_answers_own_context() -> None:
    # Two steps: 1000 bytes of weights each; the first answer reads 10+1 and 10+2 tokens, the second 5+1.
    bound = memory_bound([(10, 2), (5, 1)], weights=1000, kv=3, bandwidth=1e6)
    assert bound == pytest.approx(3 * 1e6 / (2 * 1000 + 3 * (11 + 12 + 6)))


def test_a_pair_costs_eight_operations_a_parameter_and_token_and_six_with_adapters() -> None:
    assert flops_per_pair(1_000, 50.0, lora=False) == 8 * 1_000 * 50
    assert flops_per_pair(1_000, 50.0, lora=True) == 6 * 1_000 * 50


def test_training_speed_leaves_out_the_first_step_and_counts_the_reference() -> None:
    marks = {
        "process_begin": 0.0, "train_begin": 10.0, "step_ends": [15.0, 16.0, 17.0, 18.0], "process_end": 20.0,
        "reference_seconds": 4.0, "peak_bytes": 7,
    }  # fmt: skip
    trained = read_marks(marks, pairs=64)
    assert trained.pairs_per_second == 64 / (4 * 1.0 + 4.0)
    assert (trained.steps, trained.process_seconds, trained.peak_bytes) == (4, 20.0, 7)
