"""Folders of Hugging Face datasets. The hub itself is out of reach of tests."""

import datasets
import pytest

from prompts.errors import BadSource
from prompts.sets import load_prompts
from prompts.settings import PromptSettings


def rows(word: str, count: int) -> datasets.Dataset:
    return datasets.Dataset.from_list([{"prompt": f"{word}{i} is what{i}?"} for i in range(count)])


def load(path, **options):
    return load_prompts(PromptSettings(source=str(path), **options))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def test_the_splits_of_a_saved_dataset_are_kept(tmp_path):
    saved = datasets.DatasetDict(train_sft=rows("cat", 5), test_sft=rows("dog", 2), validation=rows("cow", 1))
    saved.save_to_disk(tmp_path / "d")
    found = load(tmp_path / "d")
    assert [prompt.text.split()[0] for prompt in found.train] == [f"cat{i}" for i in range(5)]
    assert [prompt.text.split()[0] for prompt in found.heldout] == ["dog0", "dog1", "cow0"]
    assert found.train[1].source == f"{tmp_path / 'd'}[train_sft] row 2"


def test_a_dataset_saved_without_splits_is_split_by_content(tmp_path):
    rows("cat", 40).save_to_disk(tmp_path / "d")
    found = load(tmp_path / "d")
    assert len(found.train) + len(found.heldout) == 40
    assert found.heldout


def test_a_folder_of_data_files_with_a_train_split_alone_is_split_by_content(tmp_path):
    (tmp_path / "d").mkdir()
    rows("cat", 40).to_json(tmp_path / "d" / "train.jsonl")
    found = load(tmp_path / "d")
    assert len(found.train) + len(found.heldout) == 40
    assert found.heldout


def test_conversations_of_a_dataset_come_through(tmp_path):
    talks = [{"messages": [{"role": "user", "content": f"hello{i}"}]} for i in range(10)]
    datasets.Dataset.from_list(talks).save_to_disk(tmp_path / "d")
    found = load(tmp_path / "d")
    assert {prompt.text for prompt in (*found.train, *found.heldout)} == {f"hello{i}" for i in range(10)}


def test_splits_of_unknown_meaning_are_refused(tmp_path):
    datasets.DatasetDict(train=rows("cat", 2), extra=rows("dog", 2)).save_to_disk(tmp_path / "d")
    with pytest.raises(BadSource, match="cannot tell whether split extra is train or held-out"):
        load(tmp_path / "d")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(BadSource, match="cannot read as a dataset"):
        load(tmp_path / "d")


def test_an_id_that_the_hub_cannot_give_is_refused():
    with pytest.raises(
        BadSource, match="nobody/nothing: neither a file or folder here nor a dataset on the hub"
    ):
        load("nobody/nothing")
