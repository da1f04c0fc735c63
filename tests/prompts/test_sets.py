"""Prompt sets: read strictly, split for good, and never sharing a prompt between the splits."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prompts.errors import BadRows, BadSource, SplitsOverlap
from prompts.prompt import Message, Prompt
from prompts.sets import PromptSet, load_prompts
from prompts.settings import PromptSettings

DATA = Path(__file__).parents[3] / "shared" / "data"


def jsonl(path: Path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def numbered(count: int, **fields):
    # Words that differ, so that no two are near-duplicates.
    return [{"prompt": f"alpha{i} beta{i} gamma{i}?", **fields} for i in range(count)]


def load(source, **options) -> PromptSet:
    return load_prompts(PromptSettings(source=str(source), **options))


def texts(prompts) -> list[str]:
    return [prompt.text for prompt in prompts]


def test_rows_of_a_file_become_prompts_that_say_where_they_stand(tmp_path):
    source = jsonl(
        tmp_path / "p.jsonl", [{"prompt": "One?", "split": "train"}, {"prompt": "Two?", "split": "test"}]
    )
    found = load(source)
    assert [(p.text, p.split, p.source) for p in (*found.train, *found.heldout)] == [
        ("One?", "train", f"{source}:1"),
        ("Two?", "heldout", f"{source}:2"),
    ]


def test_every_bad_row_is_named_with_its_line_and_reason(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"prompt": "fine"}\n'
        b"\n"
        b'{"prompt": "cut\n'
        b'["a list"]\n'
        b'{"prompt": "a", "prompt": "b"}\n'
        b'{"prompt": "\xff"}\n'
        b'{"prompt": ""}\r\n'
        b'"bare"\n'
        b'{"meta": {"x": 1, "x": 2}, "prompt": "nested"}\n'
    )
    with pytest.raises(BadRows) as refused:
        load(path)
    assert [problem.removeprefix(f"{path}:") for problem in refused.value.problems] == [
        "3: not JSON (column 12: Unterminated string starting at)",
        "4: not a JSON object; write one object a line instead of one list",
        "5: key 'prompt' stands twice in one object",
        "6: not UTF-8 (byte 12 of the line)",
        "7: prompt is empty",
        "8: not a JSON object",
        "9: key 'x' stands twice in one object",
    ]
    assert str(refused.value).startswith("7 rows are not a usable prompt")


def test_twenty_bad_rows_are_listed_and_the_rest_counted(tmp_path):
    source = jsonl(tmp_path / "p.jsonl", [{"no": i} for i in range(57)])
    with pytest.raises(BadRows) as refused:
        load(source)
    assert (len(refused.value.problems), refused.value.total) == (20, 57)
    assert str(refused.value).endswith("and 37 more")


def test_bad_rows_of_both_sources_are_listed_together(tmp_path):
    train = jsonl(tmp_path / "t.jsonl", [{"prompt": ""}])
    heldout = jsonl(tmp_path / "h.jsonl", [{"prompt": "x"}, {"prompt": 1}])
    with pytest.raises(BadRows) as refused:
        load(train, heldout=heldout)
    assert [problem.split(": ")[0] for problem in refused.value.problems] == [f"{train}:1", f"{heldout}:2"]


def test_a_line_ends_at_a_newline_and_nowhere_else(tmp_path):
    text = "one\u2028two\u0085three\x0bfour"
    path = tmp_path / "p.jsonl"
    rows = [{"prompt": text}, *numbered(9)]
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n"
    )
    found = load(path)
    assert text in texts((*found.train, *found.heldout))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.jsonl", "no such file or folder"),
        ("./nowhere", "no such file"),
        ("notes.txt", "cannot tell the format"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadSource, match=reason):
        load(name)


def test_an_empty_source_is_refused(tmp_path):
    (tmp_path / "p.jsonl").write_text("\n\n")
    with pytest.raises(BadSource, match="there are no prompts in it"):
        load(tmp_path / "p.jsonl")


def test_exact_duplicates_collapse_to_the_first_and_are_counted(tmp_path):
    rows = [
        *numbered(5, split="train"),
        *numbered(3),
        *numbered(2, split="train"),
        {"prompt": "other", "split": "test"},
    ]
    found = load(jsonl(tmp_path / "p.jsonl", rows))
    assert texts(found.train) == [row["prompt"] for row in numbered(5)]
    assert found.duplicates == 5
    assert found.train[0].source.endswith(":1")


def test_a_prompt_in_both_splits_is_refused_naming_both_rows(tmp_path):
    rows = [{"prompt": "Same?", "split": "train"}, {"prompt": "Else?", "split": "train"}]
    train = jsonl(tmp_path / "t.jsonl", rows)
    heldout = jsonl(tmp_path / "h.jsonl", [{"prompt": "Other?"}, {"question": "Same?"}])
    with pytest.raises(SplitsOverlap) as refused:
        load(train, heldout=heldout)
    assert f"{train}:1 (train) and {heldout}:2 (heldout): 'Same?'" in str(refused.value)
    marked = jsonl(tmp_path / "m.jsonl", [*rows, {"prompt": "Same?", "split": "heldout"}])
    with pytest.raises(SplitsOverlap, match="1 prompt is in both"):
        load(marked)


def test_a_heldout_source_is_used_whole_and_marked_rows_of_the_first_stay_out(tmp_path):
    train = jsonl(tmp_path / "t.jsonl", [*numbered(3), {"prompt": "Marked?", "split": "test"}])
    heldout = jsonl(tmp_path / "h.jsonl", [{"prompt": "A?", "split": "train"}, {"prompt": "B?"}])
    found = load(train, heldout=heldout)
    assert len(found.train) == 3
    assert texts(found.heldout) == ["A?", "B?"]
    assert {prompt.split for prompt in found.heldout} == {"heldout"}
    assert found.skipped == {"held-out rows of the train source": 1}


def test_rows_without_a_split_are_split_by_content_in_about_the_share_asked_for(tmp_path):
    found = load(jsonl(tmp_path / "p.jsonl", numbered(2000)), heldout_share=0.25)
    assert len(found.train) + len(found.heldout) == 2000
    assert 0.22 < len(found.heldout) / 2000 < 0.28
    assert {prompt.split for prompt in found.train} == {"train"}


def test_the_split_of_a_prompt_changes_neither_with_order_nor_with_other_rows(tmp_path):
    rows = numbered(300)
    first = load(jsonl(tmp_path / "a.jsonl", rows))
    second = load(jsonl(tmp_path / "b.jsonl", [*reversed(rows), *numbered(900)[300:]]))
    assert {p.id for p in first.heldout} <= {p.id for p in second.heldout}
    assert {p.id for p in first.train} <= {p.id for p in second.train}
    assert texts(first.train) == [row["prompt"] for row in rows if row["prompt"] in set(texts(first.train))]


def test_two_prompts_are_enough_for_both_splits(tmp_path):
    for start in range(0, 20, 2):
        found = load(jsonl(tmp_path / "p.jsonl", numbered(30)[start : start + 2]))
        assert (len(found.train), len(found.heldout)) == (1, 1)


def test_a_split_that_stays_empty_is_refused(tmp_path):
    with pytest.raises(BadSource, match=r"no heldout prompts\. Mark rows with `split`"):
        load(jsonl(tmp_path / "p.jsonl", numbered(4, split="train")))
    with pytest.raises(BadSource, match="no heldout prompts"):
        load(jsonl(tmp_path / "p.jsonl", numbered(1)))


def test_limits_keep_a_fixed_draw_in_the_order_of_the_source(tmp_path):
    source = jsonl(tmp_path / "p.jsonl", numbered(200))
    whole = load(source)
    less, more = load(source, max_train=20, max_heldout=5), load(source, max_train=40, max_heldout=9)
    assert (len(less.train), len(less.heldout)) == (20, 5)
    assert set(texts(less.train)) < set(texts(more.train))
    assert texts(less.train) == [text for text in texts(whole.train) if text in texts(less.train)]
    assert texts(less.train) != texts(whole.train)[:20]
    assert less.skipped == {
        "over max_train": len(whole.train) - 20,
        "over max_heldout": len(whole.heldout) - 5,
    }


LONG = "Please write a short and friendly letter to my neighbour about the noise that the dog makes at night"


@pytest.fixture
def alike(tmp_path):
    rows = [
        {"prompt": LONG, "split": "train"},
        {"prompt": "What is the capital of France?", "split": "train"},
        {"prompt": LONG.upper() + "!", "split": "test"},
        {"prompt": "What is the capital of Spain?", "split": "test"},
    ]
    return jsonl(tmp_path / "p.jsonl", rows)


def test_near_duplicates_are_reported_with_both_prompts(alike):
    found = load(alike)
    [near] = found.near_duplicates
    assert (near.train.text, near.heldout.text, near.similarity) == (LONG, LONG.upper() + "!", 1.0)
    assert len(found.heldout) == 2


def test_near_duplicates_are_dropped_from_heldout_when_asked(alike):
    found = load(alike, near_duplicates="drop")
    assert texts(found.heldout) == ["What is the capital of Spain?"]
    assert len(found.train) == 2
    assert found.skipped == {"near-duplicates of train prompts": 1}
    assert len(found.near_duplicates) == 1


def test_near_duplicates_refuse_the_set_when_asked_naming_both_rows(alike):
    with pytest.raises(SplitsOverlap, match=r"p.jsonl:3 is like .*p.jsonl:1 \(1.00\)"):
        load(alike, near_duplicates="refuse")


def test_a_parquet_file_reads_like_the_same_rows_in_jsonl(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": row["prompt"]}], "category": None} for row in numbered(30)
    ]
    path = tmp_path / "p.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    from_parquet, from_jsonl = load(path), load(jsonl(tmp_path / "p.jsonl", rows))
    assert [p.id for p in from_parquet.train] == [p.id for p in from_jsonl.train]
    assert from_parquet.train[-1].source.startswith(f"{path} row ")


def test_a_bad_row_of_a_parquet_file_is_named_by_its_number(tmp_path):
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"prompt": ["a", None, "c"]}), path)
    with pytest.raises(BadRows, match=r"p.parquet row 2: no prompt"):
        load(path)


def test_a_broken_parquet_file_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(BadSource, match="cannot read as Parquet"):
        load(path)


def test_the_starter_s_prompts_are_checked_like_any_others():
    def prompt(text: str, split: str) -> Prompt:
        return Prompt(messages=(Message(role="user", content=text),), split=split)

    train = tuple(prompt(f"What follows {i}?", "train") for i in range(5))
    starter = PromptSet(train=train, heldout=(prompt("What is up?", "heldout"),))
    found = load_prompts(PromptSettings(source="starter", max_train=3), starter)
    assert (len(found.train), found.heldout, found.skipped) == (3, starter.heldout, {"over max_train": 2})
    with pytest.raises(SplitsOverlap):
        load_prompts(PromptSettings(source="starter"), PromptSet(train=train, heldout=train[:1]))
    with pytest.raises(BadSource, match="pass them as `starter`"):
        load_prompts(PromptSettings(source="starter"))


@pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not at hand")
@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("self_instruct/user_oriented_instructions.jsonl", 252),
        ("self_instruct/seed_tasks.jsonl", 175),
        ("mt_bench/question.jsonl", 80),
    ],
)
def test_public_files_load_whole(file, rows):
    found = load(DATA / file)
    prompts = [*found.train, *found.heldout]
    assert len(prompts) + found.duplicates == rows
    raw = [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()]
    for prompt in prompts:
        row = raw[int(prompt.source.rsplit(":", 1)[1]) - 1]
        assert prompt.text.startswith(row["turns"][0] if "turns" in row else row["instruction"])
        if row.get("instances") and row["instances"][0]["input"].strip():
            assert prompt.text.endswith(row["instances"][0]["input"])
