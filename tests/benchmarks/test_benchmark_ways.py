import queue
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig

from benchmarks.inference import inference_rows
from benchmarks.judging import label_logprobs_plainly
from benchmarks.machine import Bounds, measure_bounds
from benchmarks.sampling import draw_plainly, draw_with
from benchmarks.shapes import LABELS, SHAPES, Texts, new_policy, parameters
from policy.model import LoadedPolicy, load_policy
from policy.sampler import BatchDrawing
from policy.scorer import PolicyScorer
from policy.settings import PolicySettings, SamplerSettings

CPU = torch.device("cpu")
TINY = SHAPES["tiny"]
BOUNDS = Bounds(bandwidth=1e9, matmul=1e10)


@pytest.fixture(scope="module")
def policy() -> LoadedPolicy:
    return new_policy(TINY, CPU, torch.float32)


@pytest.mark.parametrize(("name", "count"), [("qwen3-0.6b", 596_049_920), ("qwen3-4b", 4_022_468_096)])
def test_a_shape_has_as_many_parameters_as_the_model_it_is_named_after(name: str, count: int) -> None:
    assert parameters(SHAPES[name]) == count


def test_texts_have_the_token_counts_that_the_work_states(policy: LoadedPolicy) -> None:
    lengths = [len(ids) for ids in policy.prompt_ids(Texts(TINY).prompts())]
    shortest, longest = TINY.work.prompt_tokens
    assert len(lengths) == TINY.work.prompts
    assert all(shortest <= length <= longest for length in lengths)
    assert len(set(lengths)) > 1


def test_answers_end_at_random_and_never_later_than_the_most(policy: LoadedPolicy) -> None:
    drawn, texts = draw_plainly(policy, Texts(TINY).prompts(), TINY.work.k, TINY.work.most_new, limit=60.0)
    lengths = [new for _, new in drawn.lengths]
    assert len(lengths) == TINY.work.prompts * TINY.work.k == len(list(chain(*texts)))
    assert max(lengths) <= TINY.work.most_new
    assert len(set(lengths)) > 1
    assert drawn.tokens == sum(lengths)


def test_our_way_and_the_plain_way_answer_the_same_prompts(policy: LoadedPolicy) -> None:
    work, prompts = TINY.work, Texts(TINY).prompts()
    settings = SamplerSettings(k=work.k, max_new_tokens=work.most_new, batch_tokens=work.together)
    plain, _ = draw_plainly(policy, prompts, work.k, work.most_new, limit=60.0)
    ours = draw_with(BatchDrawing(policy, settings), policy, prompts, work.k, limit=60.0)
    assert sorted(read for read, _ in plain.lengths) == sorted(read for read, _ in ours.lengths)
    assert max(new for _, new in ours.lengths) <= work.most_new


def test_the_plain_judge_finds_the_same_probabilities_as_ours(policy: LoadedPolicy) -> None:
    chats = Texts(TINY, seed=1).judgements()
    plain, _ = label_logprobs_plainly(policy, chats, LABELS, limit=60.0)
    ours = PolicyScorer(policy).label_logprobs(chats, [f" {label}" for label in LABELS], 1024)
    np.testing.assert_allclose(plain, ours, atol=1e-4)


def test_a_plain_way_out_of_time_says_how_far_it_came(policy: LoadedPolicy) -> None:
    prompts = Texts(TINY).prompts()
    drawn, texts = draw_plainly(policy, prompts, 2, 4, limit=0.0, batch=2)
    assert len(drawn.lengths) == 4
    assert len(texts) == 2


def test_a_models_rows_come_one_by_one_and_leave_a_folder_to_train_from(tmp_path: Path) -> None:
    rows: queue.Queue = queue.Queue()
    inference_rows(TINY, CPU, BOUNDS, ("judging", "training"), tmp_path, 60.0, rows)
    plain, ours, end = (rows.get_nowait() for _ in range(3))
    assert end is None
    assert (plain.way, ours.way) == ("a forward pass a chat", "rlaif")
    assert plain.rate > 0
    assert ours.rate > 0
    assert load_policy(PolicySettings(model="x", device="cpu"), tmp_path / "model").context == TINY.context
    assert AutoConfig.from_pretrained(tmp_path / "model").vocab_size == TINY.vocabulary


def test_a_way_that_fails_is_a_row_with_the_reason(tmp_path: Path) -> None:
    too_long = replace(TINY, work=replace(TINY.work, rubric_tokens=0, judged_tokens=4000, judgements=2))
    broken = replace(too_long, context=64, work=replace(too_long.work, prompt_tokens=(70, 80)))
    rows: queue.Queue = queue.Queue()
    inference_rows(broken, CPU, BOUNDS, ("sampling",), tmp_path, 60.0, rows)
    found = list(iter(rows.get_nowait, None))
    ours = next(row for row in found if row.way == "rlaif, batches")
    assert ours.rate is None
    assert ours.note.startswith("PromptTooLong")
    assert next(row for row in found if row.way == "generate, given order").rate is not None


def test_the_machines_bounds_are_measured() -> None:
    bounds = measure_bounds(CPU, torch.float32)
    assert bounds.bandwidth > 1e6
    assert bounds.matmul > 1e6
