"""Labelled comparisons are read from every format by its fields, and a bad row is refused with its place."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judge.errors import BadLabelledData
from judge.measure.labelled import read_labelled
from prompts.errors import BadSource

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def _jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


PLAIN = {"prompt": "Hi?", "first": "Yes.", "second": "No!", "label": "first"}


def test_plain_rows_are_read_with_label_subset_and_line(tmp_path: Path) -> None:
    rows = [PLAIN, {**PLAIN, "label": "tie", "subset": "s"}]
    read = read_labelled(_jsonl(tmp_path / "d.jsonl", rows), "c0")
    assert [(r.label, r.subset, r.where) for r in read.rows] == [
        ("first", "", f"{tmp_path}/d.jsonl:1"),
        ("tie", "s", f"{tmp_path}/d.jsonl:2"),
    ]
    assert [(r.comparison.first.text, r.comparison.second.text) for r in read.rows] == [("Yes.", "No!")] * 2
    assert read.rows[0].comparison.constitution == "c0"
    assert len({r.comparison.id for r in read.rows}) == 2  # the same answers again are another row
    assert len({r.comparison.prompt.id for r in read.rows}) == 1
    assert read.formats == ("plain",)


def test_a_rows_reference_answer_and_tags_reach_the_judge(tmp_path: Path) -> None:
    row = {**PLAIN, "reference": "Yes, indeed.", "axis": "harmless"}
    (found,) = read_labelled(_jsonl(tmp_path / "d.jsonl", [row])).rows
    assert (found.comparison.prompt.reference, found.comparison.prompt.tags) == (
        "Yes, indeed.",
        ("harmless",),
    )


@pytest.mark.parametrize(
    "answers",
    [
        {"answer_1": "x", "answer_2": "y"},
        {"answer_a": "x", "answer_b": "y"},
        {"response_a": "x", "response_b": "y"},
        {"output_1": "x", "output_2": "y"},
        {"answers": ["x", "y"]},
    ],
)
def test_plain_answers_go_by_several_names(tmp_path: Path, answers: dict[str, Any]) -> None:
    row = {"messages": [{"role": "user", "content": "Q"}], **answers, "label": "second"}
    found = read_labelled(_jsonl(tmp_path / "d.jsonl", [row])).rows[0]
    assert (found.comparison.first.text, found.comparison.second.text, found.label) == ("x", "y", "second")


def test_llmbar_rows_are_read_from_an_array_with_the_line_each_begins_at(tmp_path: Path) -> None:
    path = tmp_path / "natural.json"
    rows = [{"input": "Q", "output_1": "a", "output_2": "b", "label": n} for n in (1, 2)]
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    read = read_labelled(path)
    assert [(r.label, r.where) for r in read.rows] == [("first", f"{path}:2"), ("second", f"{path}:8")]
    assert read.formats == ("llmbar",)


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        ((1, 1, 2), "first"),
        ((2, 0, 2), "second"),
        ((0, 0, 2), "tie"),
        ((0, 1, 2), "tie"),
        ((2, 2, 2), "second"),
    ],
)
def test_pandalm_takes_the_majority_of_its_annotators(
    tmp_path: Path, votes: tuple[int, ...], label: str
) -> None:
    row = {"instruction": "Do", "input": "this", "response1": True, "response2": "", "cmp_key": "m_n"}
    row |= {f"annotator{n}": vote for n, vote in enumerate(votes, 1)}
    found = read_labelled(_jsonl(tmp_path / "d.jsonl", [row])).rows[0]
    assert (found.label, found.subset) == (label, "m_n")
    assert found.comparison.prompt.text == "Do\n\nthis"
    assert (found.comparison.first.text, found.comparison.second.text) == ("True", "")


def test_chosen_answers_stand_first_about_half_the_time(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Q{n}", "chosen": f"good {n}", "rejected": f"bad {n}", "subset": "chat"}
        for n in range(200)
    ]
    read = read_labelled(_jsonl(tmp_path / "d.jsonl", rows)).rows
    counts = Counter(r.label for r in read)
    assert 70 <= counts["first"] <= 130
    for r in read:
        chosen = r.comparison.first if r.label == "first" else r.comparison.second
        assert chosen.text.startswith("good")


def test_chosen_and_rejected_may_be_conversations_that_share_their_prompt(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Q"}
    row = {
        "chosen": [asked, {"role": "assistant", "content": "good"}],
        "rejected": [asked, {"role": "assistant", "content": "bad"}],
    }
    found = read_labelled(_jsonl(tmp_path / "d.jsonl", [row])).rows[0]
    assert found.comparison.prompt.text == "Q"
    assert {found.comparison.first.text, found.comparison.second.text} == {"good", "bad"}


def test_parquet_is_read_like_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_pylist([{"prompt": "Q", "chosen": "g", "rejected": "b"}]), path)
    read = read_labelled(path)
    assert (len(read.rows), read.rows[0].where) == (1, f"{path} row 1")


def test_the_files_of_a_folder_are_subsets_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "hard" / "neighbour").mkdir(parents=True)
    row = {"input": "Q", "output_1": "a", "output_2": "b", "label": 1}
    for place in ("hard/neighbour/dataset.json", "easy.json"):
        (tmp_path / place).write_text(json.dumps([row]), encoding="utf-8")
    (tmp_path / "LICENSE").write_text("words", encoding="utf-8")
    assert [r.subset for r in read_labelled(tmp_path).rows] == ["easy", "hard/neighbour"]


def test_the_hash_is_of_what_was_labelled_and_not_of_the_file(tmp_path: Path) -> None:
    row = {"input": "Q", "output_1": "a", "output_2": "b", "label": 1}
    one, two, other = (tmp_path / name for name in ("a.json", "b.jsonl", "c.jsonl"))
    one.write_text(json.dumps([row], indent=4), encoding="utf-8")
    _jsonl(two, [row])
    _jsonl(other, [{**row, "label": 2}])
    assert read_labelled(one).hash == read_labelled(two).hash != read_labelled(other).hash


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": 1}, "label is 1; write first, second or tie"),
        ({"first": None}, "'first' must be text, not None"),
        ({"prompt": " "}, "prompt is empty"),
        ({"prompt": None}, "no prompt"),
        ({"subset": 3}, "'subset' must be text"),
    ],
)
def test_a_bad_row_refuses_the_whole_with_its_line_and_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    path = _jsonl(tmp_path / "d.jsonl", [PLAIN, {**PLAIN, **change}, PLAIN])
    with pytest.raises(BadLabelledData) as refused:
        read_labelled(path)
    assert f"{path}:2: " in str(refused.value)
    assert reason in str(refused.value)
    assert "1 row is" in str(refused.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": "Q", "output_1": "a", "output_2": "b", "label": 3}, "write 1 or 2"),
        ({"input": "Q", "output_1": "a", "output_2": "b", "label": True}, "write 1 or 2"),
        ({"chosen": "a", "rejected": "b"}, "no prompt"),
        ({"prompt": "Q", "chosen": ["a"], "rejected": "b"}, "conversation that ends"),
        ({"prompt": "Q", "label": "first"}, "no two answers"),
        ({"prompt": "Q", "score": 3}, "fields prompt, score; expected"),
    ],
)
def test_what_is_no_labelled_comparison_says_why(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadLabelledData, match=reason):
        read_labelled(_jsonl(tmp_path / "d.jsonl", [row]))


def test_broken_files_are_refused_with_their_place(tmp_path: Path) -> None:
    cut = tmp_path / "cut.json"
    cut.write_text(
        '[\n{"input": "Q", "output_1": "a", "output_2": "b", "label": 1},\n{"input"', encoding="utf-8"
    )
    with pytest.raises(BadLabelledData, match=r"cut.json:3: not JSON"):
        read_labelled(cut)
    with pytest.raises(BadLabelledData, match="no such file"):
        read_labelled(tmp_path / "none.jsonl")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadLabelledData, match="holds no"):
        read_labelled(empty)
    (empty / "e.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(BadLabelledData, match="no rows"):
        read_labelled(empty)
    with pytest.raises(BadSource, match="cannot tell the format"):
        read_labelled(_jsonl(tmp_path / "d.txt", [PLAIN]))


@pytest.mark.skipif(not (SHARED / "llmbar").is_dir(), reason="the public data is not here")
def test_llmbar_as_published_is_read_whole() -> None:
    read = read_labelled(SHARED / "llmbar")
    assert Counter(r.subset for r in read.rows) == {
        "natural": 100,
        "neighbor": 134,
        "gptinst": 92,
        "gptout": 47,
        "manual": 46,
    }
    assert Counter(r.label for r in read.rows) == {"first": 206, "second": 213}


@pytest.mark.skipif(not (SHARED / "pandalm").is_dir(), reason="the public data is not here")
def test_pandalm_as_published_is_read_whole() -> None:
    read = read_labelled(SHARED / "pandalm")
    assert Counter(r.label for r in read.rows) == {"first": 422, "second": 472, "tie": 105}
    assert len({r.comparison.prompt.id for r in read.rows}) == 170
    assert len({r.subset for r in read.rows}) == 10
