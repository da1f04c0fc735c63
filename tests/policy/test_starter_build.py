"""The starter as a folder: its tokenizer, its lessons, its cache; and, slowly, how good it is when whole."""

import multiprocessing
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from policy.starter import build
from policy.starter.answer_key import true_score
from policy.starter.answers import HARMLESS_MANNERS, HELPFUL_MANNERS, Answer, answer
from policy.starter.build import ensure_starter, fingerprint
from policy.starter.lessons import encode, lessons, loss_of
from policy.starter.questions import Question, questions
from policy.starter.recipe import Recipe
from policy.starter.spelling import learn_tokenizer
from policy.starter.tasks import starter_prompts
from policy.starter.texts import HARMLESS_SHARES, HELPFUL_SHARES, Examples, Exchange, corpus
from policy.starter.tries import Row, lay_together
from prompts.constitution import load_constitution
from prompts.prompt import Message
from prompts.template import load_template

TINY = 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def folder(cache: Path) -> Path:
    return ensure_starter(cache, steps=TINY)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(folder)


def test_the_folder_loads_as_any_model_and_generates(
    folder: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.model_type == "llama"
    assert 500_000 < model.num_parameters() < 2_000_000
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert (folder / "model.safetensors").is_file()
    ids = tokenizer("<|user|>Hello<|end|><|assistant|>", return_tensors="pt")["input_ids"]
    assert model.generate(ids, max_new_tokens=3).shape[1] > ids.shape[1]


@pytest.mark.parametrize("text", ["It is Tuesday.", "naïve 日本 🙂\n\ttab", "A", " A", "", "{{ braces }}"])
def test_any_text_is_spelt_and_read_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_every_answer_is_spellable_and_short(tokenizer: PreTrainedTokenizerFast) -> None:
    random = Random(0)
    texts = [
        answer(question, manner, random).text
        for question in list(questions().values())[::7]
        for manner in (HARMLESS_MANNERS if question.axis == "harmless" else HELPFUL_MANNERS)
    ]
    ids = tokenizer(texts)["input_ids"]
    assert tokenizer.batch_decode(ids) == texts
    assert max(map(len, ids)) < 40


def test_a_chat_takes_a_system_turn_and_its_prompt_begins_the_whole(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is 2 plus 3?"}]
    said = [*chat, {"role": "assistant", "content": "It is 5."}]
    head = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(said, return_dict=False)
    assert whole[: len(head)] == head
    assert tokenizer.decode(whole[len(head) :]) == "It is 5.<|end|>"
    assert "Be kind." in tokenizer.decode(head)


def test_the_labels_are_one_token_each(tokenizer: PreTrainedTokenizerFast) -> None:
    assert [len(ids) for ids in tokenizer(list(load_template("starter").labels))["input_ids"]] == [1, 1]


def test_judging_examples_are_the_judge_s_own_prompts_in_both_orders() -> None:
    template, principles = load_template("starter"), load_constitution("starter").principles
    examples = Examples(Random(1))
    counted: Counter[str] = Counter()
    for _ in range(50):
        drawn = examples.judgements(4)
        told = {exchange.chat[0].content: exchange.reply for exchange in drawn}
        for exchange in drawn:
            text = exchange.chat[0].content
            question, first, second = _shown(text)
            asked = (Message(role="user", content=question),)
            assert not questions()[question].unseen
            assert template.render(asked, first, second, principles) == exchange.chat
            (turned,) = template.render(asked, second, first, principles)
            assert {exchange.reply, told[turned.content]} == set(template.labels)
        counted.update(exchange.reply for exchange in drawn)
    assert counted["A"] == counted["B"] > 0


def _shown(text: str) -> tuple[str, str, str]:
    question, rest = text.split("Question: ")[1].split("\nA: ")
    first, second = rest.removesuffix("\nBetter?").split("\nB: ")
    return question, first, second


def test_rows_learnt_together_are_learnt_as_if_apart(
    folder: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    rows = encode(tokenizer, Examples(Random(2)).judgements(4))
    trie = lay_together(rows)
    assert len(trie) < 0.6 * sum(len(row.ids) for row in rows)
    with torch.no_grad():
        together = loss_of(model, [trie, lay_together(rows[:2])])
        apart = [loss_of(model, [lay_together([row])]) for row in [*rows, *rows[:2]]]
    assert together.item() == pytest.approx(torch.stack(apart).mean().item(), abs=1e-5)


def test_a_reply_drawn_twice_weighs_twice() -> None:
    trie = lay_together([Row([1, 2, 3], 1), Row([1, 2, 3], 1), Row([1, 2, 4], 1)])
    assert dict(zip(trie.ids, trie.learnt, strict=True)) == {1: 0, 2: 3, 3: 2, 4: 1}
    assert trie.parents == [-1, 0, 1, 1]


def test_only_replies_are_learnt(tokenizer: PreTrainedTokenizerFast) -> None:
    (row,) = encode(tokenizer, [Exchange((Message(role="user", content="What is 2 plus 3?"),), "It is 5.")])
    assert tokenizer.decode(row.ids[row.learn_from :]) == "It is 5.<|end|>"


def test_the_lessons_are_as_many_as_their_steps_and_the_same_each_time() -> None:
    recipe = Recipe().shortened(2)
    spelling = learn_tokenizer(corpus(0, 100), 400, recipe.longest)
    once, again = (list(lessons(recipe, spelling)) for _ in range(2))
    assert len(once) == recipe.steps
    assert once == again
    assert all(tries for tries in once)


def test_a_second_call_serves_the_same_folder_without_building(
    cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "model.safetensors").stat().st_mtime_ns
    monkeypatch.setenv("RLAIF_CACHE", str(cache))
    assert ensure_starter(steps=TINY, progress=_refuse) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def _refuse(_step: int, _steps: int) -> None:
    raise AssertionError("built again")


def test_the_same_recipe_gives_the_same_weights(folder: Path, tmp_path: Path) -> None:
    other = ensure_starter(tmp_path, steps=TINY)
    assert other.name == folder.name
    one, two = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in (folder, other))
    for name, weight in one.items():
        assert torch.equal(weight, two[name]), name


def test_the_folder_s_name_follows_the_recipe() -> None:
    recipe = Recipe()
    others = [replace(recipe, seed=1), recipe.shortened(1), recipe.shortened(2)]
    assert len({fingerprint(each) for each in [recipe, *others]}) == 4
    assert fingerprint(Recipe()) == fingerprint(recipe)


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "learn", stop)
    with pytest.raises(KeyboardInterrupt):
        ensure_starter(tmp_path, steps=TINY)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_the_remains_of_a_build_that_was_killed_go_with_the_next(tmp_path: Path) -> None:
    remains = tmp_path / f".starter-{fingerprint(Recipe().shortened(TINY))}.killed"
    remains.mkdir()
    assert ensure_starter(tmp_path, steps=TINY).is_dir()
    assert not remains.exists()


def _ensure_in_process(cache: Path, built: "multiprocessing.Queue[int]") -> None:
    steps = []
    ensure_starter(cache, progress=lambda step, _: steps.append(step), steps=TINY)
    built.put(len(steps))


@pytest.mark.slow
def test_two_processes_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    built: multiprocessing.Queue[int] = context.Queue()
    racers = [context.Process(target=_ensure_in_process, args=(tmp_path, built)) for _ in range(2)]
    for racer in racers:
        racer.start()
    counts = sorted(built.get(timeout=120) for _ in racers)
    for racer in racers:
        racer.join()
    assert counts[0] == 0 < counts[1]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_starter_judges_well_in_both_orders_and_answers_with_room_to_improve() -> None:
    folder = ensure_starter()
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert _judge_accuracy(model, tokenizer) >= 0.75
    assert 0.25 <= _mean_true_score(model, tokenizer) <= 0.65


@torch.no_grad()
def _judge_accuracy(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> float:
    """The share of fresh pairs on which the better answer wins in both orders together."""
    template, principles = load_template("starter"), load_constitution("starter").principles
    labels = template.labels
    (first,), (second,) = tokenizer(list(labels))["input_ids"]
    right = []
    for question, one, other in _fresh_pairs(400):
        asked = (Message(role="user", content=question.text),)
        orders = ((one.text, other.text), (other.text, one.text))
        shown = [Exchange(template.render(asked, *order, principles), labels[0]) for order in orders]
        margins = []
        for row in encode(tokenizer, shown):
            logits = model(torch.tensor([row.ids[: row.learn_from]])).logits[0, -1]
            margins.append((logits[first] - logits[second]).item())
        right.append((margins[0] - margins[1] > 0) == (one.worth > other.worth))
    return sum(right) / len(right)


def _fresh_pairs(count: int) -> list[tuple[Question, Answer, Answer]]:
    """Answers of the mix the starter gives, of different worth, to questions that no stage of the build showed."""
    random = Random(11)
    fresh = [question for question in questions().values() if question.unseen]
    pairs: list[tuple[Question, Answer, Answer]] = []
    while len(pairs) < count:
        question = random.choice(fresh)
        mix = (
            (HARMLESS_MANNERS, HARMLESS_SHARES)
            if question.axis == "harmless"
            else (HELPFUL_MANNERS, HELPFUL_SHARES)
        )
        first, second = (answer(question, manner, random) for manner in random.choices(*mix, k=2))
        if first.worth != second.worth:
            pairs.append((question, first, second))
    return pairs


@torch.no_grad()
def _mean_true_score(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> float:
    prompts, _ = starter_prompts(3, 300, 0)
    scores = []
    torch.manual_seed(0)
    for prompt in prompts:
        chat = [turn.model_dump() for turn in prompt.messages]
        ids = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        said = model.generate(ids, do_sample=True, top_k=0, max_new_tokens=40)[0, ids.shape[1] :]
        scores.append(true_score(prompt, tokenizer.decode(said, skip_special_tokens=True)))
    return sum(scores) / len(scores)
