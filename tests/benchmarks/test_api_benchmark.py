"""The benchmark of judging through an API counts what it says it counts."""

from pathlib import Path

import pytest

from benchmarks.api_judge import Row, main, measure


def test_both_ways_judge_everything_where_nothing_goes_wrong() -> None:
    ours, plain = (measure(way, 40, 8, latency=0.01, faults=0.0) for way in ("ours", "plain"))
    assert ours.scored == plain.scored == 40
    assert ours.requests == plain.requests == 80
    assert ours.ideal_rate == 400.0
    assert ours.rate == pytest.approx(40 / ours.seconds)
    assert ours.cpu_seconds > 0.0
    assert ours.peak_bytes > 10 * 2**20


def test_a_row_tells_rates_as_shares_of_the_ideal() -> None:
    row = Row("ours", 0.1, 100, 90, 2.0, 100.0, 0.05, 3 * 2**20, 2**20, 200, 0.1)
    assert row.cells() == ("ours", "10%", "100", "90.0%", "50", "50.0%", "0.50", "3", "1.0")


def test_a_run_prints_a_table_and_writes_its_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.json"
    asked = ["--in-flight", "4", "--latency", "0.01", "--verdicts", "20", "--plain-verdicts", "0"]
    main([*asked, "--faults", "0.1", "--out", str(out)])
    assert "of ideal" in capsys.readouterr().out
    assert '"faults": 0.1' in out.read_text()
