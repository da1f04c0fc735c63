"""Pairs point the right way, whoever says so, and what must not become one does not."""

import json
import random
from hashlib import sha256
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from judge.ranks.ranking import rank, round_robin
from loop.pairs import build_pairs, write_pairs_file
from loop.settings import PairSettings
from loop.similarity import similarity
from store.records import Comparison, Label, Preference, Verdict
from tests.answers import answered, asked

TEXTS = [
    "worst answer here",
    "a poor one",
    "it is fair",
    "quite good, that",
    "very good indeed",
    "all right",
    "best",
    "see above: perfect",
]
"""Of rising quality, and unlike each other."""


def make_prompt(number=0):
    return asked(f"Question {number}?")


def make_samples(prompt, texts=TEXTS, tokens=None):
    return [
        answered(prompt, index, text, tokens=tokens[index] if tokens else len(text.split()))
        for index, text in enumerate(texts)
    ]


def make_verdict(comparison, p):
    return Verdict(
        comparison_id=comparison.id,
        judge="scripted",
        template="t",
        constitution="c",
        p_first=p,
        unscored="it said nothing" if p is None else None,
    )


def make_label(comparison, value, reviewer="ada"):
    return Label(
        item_id=f"itm_{comparison.id}",
        comparison_id=comparison.id,
        value=value,
        reviewer=reviewer,
        lane="random",
        inclusion_probability=0.5,
    )


def play(prompt, samples, p_of, labels_of=lambda _c: [], settings=None, swapped=False):
    """Judge every two samples with `p_of(comparison)`, rank, and pair."""
    comparisons = round_robin(prompt, samples, "c", 1, "train")
    if swapped:
        comparisons = [
            Comparison(**{**dict(c), "first": c.second, "second": c.first, "id": f"{c.id}x"})
            for c in comparisons
        ]
    judged = [(comparison, make_verdict(comparison, p_of(comparison))) for comparison in comparisons]
    labels = [label for comparison in comparisons for label in labels_of(comparison)]
    preference = rank(samples, judged, labels)
    return build_pairs([preference] if preference else [], judged, labels, settings or PairSettings())


def by_index(comparison, right=0.9):
    return right if comparison.first.index > comparison.second.index else 1 - right


def texts_of(pair, samples):
    text = {sample.id: sample.text for sample in samples}
    return text[pair.chosen], text[pair.rejected]


@given_settings(deadline=None)
@given(
    order=st.permutations(range(8)),
    k=st.integers(2, 8),
    swapped=st.booleans(),
    rule=st.sampled_from(["best_worst", "all"]),
    per_prompt=st.integers(1, 30),
)
def test_with_a_perfect_judge_every_pair_points_from_worse_to_better(order, k, swapped, rule, per_prompt):
    """Planted answers of known order, whichever sample comes first in a comparison."""
    prompt = make_prompt()
    texts = [TEXTS[i] for i in order[:k]]
    samples = make_samples(prompt, texts)

    def perfect(comparison):
        return 1.0 if TEXTS.index(comparison.first.text) > TEXTS.index(comparison.second.text) else 0.0

    settings = PairSettings(rule=rule, max_per_prompt=per_prompt)
    pairs = play(prompt, samples, perfect, settings=settings, swapped=swapped).pairs
    for pair in pairs:
        chosen, rejected = texts_of(pair, samples)
        assert TEXTS.index(chosen) > TEXTS.index(rejected)
        assert pair.margin > 0
        assert pair.confidence == 1.0
    assert len(pairs) == min(per_prompt, k // 2 if rule == "best_worst" else k * (k - 1) // 2)
    best, worst = max(texts, key=TEXTS.index), min(texts, key=TEXTS.index)
    assert (best, worst) in [texts_of(pair, samples) for pair in pairs]


def test_confidence_is_the_verdict_on_the_two_samples_themselves():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:3])
    p = {(0, 1): 0.4, (0, 2): 0.25, (1, 2): 0.45}
    (pair,) = play(prompt, samples, lambda c: p[c.first.index, c.second.index]).pairs
    assert texts_of(pair, samples) == (TEXTS[2], TEXTS[0])
    assert pair.confidence == pytest.approx(0.75)
    assert pair.source == "judge"


def test_a_verdict_against_the_ranking_makes_no_pair():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:3])
    p = {(0, 1): 0.0, (1, 2): 0.0, (0, 2): 0.6}  # a circle: 1 > 0, 2 > 1, and 0 > 2 by a little
    result = play(prompt, samples, lambda c: p[c.first.index, c.second.index])
    assert (result.pairs, result.dropped) == ((), {"low_confidence": 1})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (PairSettings(min_confidence=0.85), "low_confidence"),
        (PairSettings(min_margin=50.0), "low_margin"),
        (PairSettings(max_length_ratio=2.0), "length_ratio"),
        (PairSettings(max_similarity=0.1), "near_identical"),
    ],
)
def test_a_bound_leaves_the_pair_out_and_says_which(settings, reason):
    prompt = make_prompt()
    samples = make_samples(prompt, ["one two three", "one two four"], tokens=[3, 7])
    result = play(prompt, samples, lambda c: by_index(c, 0.8), settings=settings)
    assert (result.pairs, result.dropped) == ((), {reason: 1})
    assert len(play(prompt, samples, lambda c: by_index(c, 0.8)).pairs) == 1


@pytest.mark.parametrize("tokens", [[1, 3], [3, 1], [0, 2]])
def test_the_length_ratio_bounds_both_sides(tokens):
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:2], tokens=tokens)
    settings = PairSettings(max_length_ratio=1.5)
    assert play(prompt, samples, by_index, settings=settings).dropped == {"length_ratio": 1}
    assert play(prompt, samples, by_index, settings=PairSettings(max_length_ratio=3.0)).dropped == {}


def test_an_unscored_verdict_never_becomes_a_pair():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:3])
    result = play(prompt, samples, lambda c: None if c.second.index - c.first.index == 2 else by_index(c))
    assert (result.pairs, result.dropped) == ((), {"unscored": 1})
    assert play(prompt, samples, lambda _c: None).pairs == ()


def test_samples_that_nobody_compared_make_no_pair():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:4])
    judged = [
        (comparison, make_verdict(comparison, by_index(comparison)))
        for comparison in round_robin(prompt, samples, "c", 1, "train")
        if comparison.second.index - comparison.first.index == 1
    ]
    result = build_pairs([rank(samples, judged)], judged, [], PairSettings())
    assert (result.pairs, result.dropped) == ((), {"not_compared": 1})


def test_repeated_texts_make_one_pair_and_none_with_themselves():
    prompt = make_prompt()
    samples = make_samples(prompt, [TEXTS[0], TEXTS[6], TEXTS[0], TEXTS[6], TEXTS[0]])
    settings = PairSettings(rule="all", max_per_prompt=10)
    pairs = play(prompt, samples, by_index, settings=settings).pairs
    assert [texts_of(pair, samples) for pair in pairs] == [(TEXTS[6], TEXTS[0])]
    assert play(prompt, make_samples(prompt, ["same"] * 4), by_index).pairs == ()


@pytest.mark.parametrize("value", ["better", "much_better", "worse", "much_worse"])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.95, None])
def test_a_label_decides_against_any_verdict(value, p):
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:2])
    (pair,) = play(prompt, samples, lambda _c: p, lambda c: [make_label(c, value)]).pairs
    better = 0 if value in {"better", "much_better"} else 1
    assert texts_of(pair, samples) == (TEXTS[better], TEXTS[1 - better])
    assert (pair.source, pair.confidence, len(pair.label_ids)) == ("human", 1.0, 1)


@pytest.mark.parametrize("value", ["same", "both_bad"])
def test_a_label_that_sees_no_difference_takes_the_pair_away(value):
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:2])
    result = play(prompt, samples, by_index, lambda c: [make_label(c, value)])
    assert (result.pairs, result.dropped) == ((), {"label_undecided": 1})


def test_a_labelled_comparison_comes_before_the_rules_own_choice():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:4])

    def middle(comparison):
        between = {comparison.first.index, comparison.second.index} == {1, 2}
        return [make_label(comparison, "better")] if between else []

    (pair,) = play(prompt, samples, by_index, middle).pairs
    assert texts_of(pair, samples) == (TEXTS[1], TEXTS[2])
    two = play(prompt, samples, by_index, middle, PairSettings(max_per_prompt=2)).pairs
    assert {pair.source for pair in two} == {"human", "judge"}


def test_reviewers_who_disagree_count_by_majority():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:2])
    votes = ["better", "worse", "better"]
    (pair,) = play(
        prompt, samples, by_index, lambda c: [make_label(c, v, f"r{i}") for i, v in enumerate(votes)]
    ).pairs
    assert texts_of(pair, samples) == (TEXTS[0], TEXTS[1])
    assert pair.confidence == pytest.approx(2 / 3)


@given_settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(shuffle):
    preferences, judged, labels = [], [], []
    for number in range(4):
        prompt = make_prompt(number)
        samples = make_samples(prompt, TEXTS[:4])
        own = [
            (c, make_verdict(c, random.Random(c.id).random()))
            for c in round_robin(prompt, samples, "c", 1, "train")
        ]
        labels += [make_label(own[number][0], "much_better")]
        preferences.append(rank(samples, own, labels[-1:]))
        judged += own
    settings = PairSettings(rule="all", max_per_prompt=3)
    expected = build_pairs(preferences, judged, labels, settings)
    for part in (preferences, judged, labels):
        shuffle.shuffle(part)
    assert build_pairs(preferences, judged, labels, settings) == expected


def _write(path, count=5):
    prompts = {p.id: p for p in map(make_prompt, range(count))}
    samples = {s.id: s for p in prompts.values() for s in make_samples(p, [*TEXTS[:1], 'ünï "quoted"\n{x}'])}
    pairs = []
    for prompt in prompts.values():
        own = [s for s in samples.values() if s.prompt_id == prompt.id]
        pairs.extend(play(prompt, own, lambda c: by_index(c, 1 / 3 + 0.5)).pairs)
    return write_pairs_file(path, pairs, samples, prompts), pairs


def test_the_pairs_file_is_trls_conversational_format_with_its_origin(tmp_path):
    _, pairs = _write(tmp_path / "round-01" / "pairs.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "round-01" / "pairs.jsonl").read_text().splitlines()]
    assert len(rows) == 5
    assert [row["id"] for row in rows] == [pair.id for pair in pairs]
    assert rows[0]["prompt"][0]["role"] == "user"
    assert rows[0]["chosen"] == [{"role": "assistant", "content": 'ünï "quoted"\n{x}'}]
    assert rows[0]["rejected"] == [{"role": "assistant", "content": TEXTS[0]}]
    assert (rows[0]["confidence"], rows[0]["source"]) == (0.833333, "judge")
    assert all({"prompt", "chosen", "rejected"} <= set(row) for row in rows)


def test_the_same_pairs_give_the_same_bytes_and_their_hash(tmp_path):
    first, _ = _write(tmp_path / "a.jsonl")
    second, _ = _write(tmp_path / "b.jsonl")
    assert first == second == sha256((tmp_path / "a.jsonl").read_bytes()).hexdigest()


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("old")
    _, pairs = _write(tmp_path / "other.jsonl")
    (tmp_path / "other.jsonl").unlink()
    with pytest.raises(KeyError):
        write_pairs_file(path, pairs, {}, {})
    assert [file.name for file in tmp_path.iterdir()] == ["pairs.jsonl"]
    assert path.read_text() == "old"


def test_similarity_knows_the_same_answer_from_another():
    assert similarity("Paris.", " Paris.\n") == 1.0
    assert similarity("", "") == 1.0
    assert similarity("Paris", "Rome") == 0.0
    assert similarity("今天天气很好", "今天天气不好") < 0.9
    assert similarity("a + b", "a - b") < 0.9
    long = " ".join(str(i) for i in range(300))
    assert 0.98 < similarity(long, long + " 300") < 1.0
    for one, other in combinations(TEXTS, 2):
        assert similarity(one, other) == similarity(other, one) < 0.5


def test_a_ranking_of_samples_without_verdicts_gives_nothing():
    prompt = make_prompt()
    samples = make_samples(prompt, TEXTS[:2])
    preference = Preference(
        prompt_id=prompt.id,
        round=1,
        samples=tuple(s.id for s in samples),
        scores=(1.0, 0.0),
        cycle=False,
        verdict_ids=(),
    )
    assert build_pairs([preference], [], [], PairSettings()).pairs == ()
