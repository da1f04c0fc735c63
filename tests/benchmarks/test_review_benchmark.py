"""The benchmark of the pages, on a store of a few thousand verdicts: it measures every operation, and nothing fails."""

import json
from pathlib import Path

import pytest

from benchmarks import review
from benchmarks.review_databases import on_sqlite
from benchmarks.review_store import RUN, Shape
from store.store import Store

SMALL = Shape(rounds=4).smaller(50)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("kept")
    return folder


@pytest.mark.slow
def test_a_store_is_made_as_large_as_it_says_and_measured_on_a_copy(kept: Path) -> None:
    with on_sqlite(kept, SMALL) as url, Store.open(url) as store:
        run = store.run(RUN)
        verdicts = sum(1 for unit in ("train", "gate") for n in range(1, 5) for _ in run.scores(n, unit))
        assert verdicts == SMALL.verdicts
        drawn = sum(1 for n in range(1, 5) for _ in run.review_items(n))
        assert drawn == SMALL.items
        assert run.open_count("reviewer-01")[0] > 0
    built = list(kept.iterdir())
    assert [file.suffix for file in built] == [".db"]
    changed = built[0].stat().st_mtime_ns
    with on_sqlite(kept, SMALL):
        assert built[0].stat().st_mtime_ns == changed


@pytest.mark.slow
def test_every_operation_is_measured_and_none_fails(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    asked = ["--database", "sqlite", "--load", "without pauses", "--rounds", "4", "--smaller", "50"]
    review.main([*asked, "--seconds", "6", "--kept", str(kept), "--out", str(out)])
    (measured,) = json.loads(out.read_text())["measured"]
    assert {what for what in measured["wrong"] if what != "no item was left"} == set()
    named = {row["operation"] for row in measured["rows"]}
    assert {"next item", "vote", "batch reveal", "a batch", "dashboard", "one decision"} <= named
    assert all(0 < row["p50"] <= row["p95"] <= row["p99"] <= row["most"] for row in measured["rows"])
    assert measured["votes_per_s"] > 0
    assert "without pauses" in capsys.readouterr().out
