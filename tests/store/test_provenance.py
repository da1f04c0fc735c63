"""From any unit back to what made it, and forward to what was made of it."""

from collections.abc import Iterator

import pytest

from prompts.constitution import load_constitution
from prompts.hashing import content_hash
from prompts.shipped import read_named
from store.errors import AmbiguousId, NotFound
from store.node import Node
from store.provenance import trace
from store.records import Checkpoint, Comparison, Decision, Label, Pair, Preference, ReviewItem

CONSTITUTION = read_named("constitution", "constitutions", (".yaml",), "general")[2]
TEMPLATE = "Which is better, {a} or {b}?"


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def found(nodes, kind: str) -> list[str]:
    return [one.id for node in nodes for one in walk(node) if one.kind == kind]


class Made:
    """One round of a run, a unit of each kind: initial policy → answers → … → pair → checkpoint."""

    def __init__(self, run, units) -> None:
        self.run = run
        self.initial = Checkpoint(sha256="a" * 64, path="/p/a", round=0)
        self.trained = Checkpoint(
            sha256="b" * 64, path="/p/b", round=1, parent=self.initial.id, pairs_sha256="c" * 64
        )
        self.prompts = units.prompts(2)
        self.samples = units.samples(self.prompts, 2, policy=self.initial.id)
        hash = content_hash(CONSTITUTION)
        self.comparisons = [
            one.model_copy(update={"constitution": hash})
            for one in units.comparisons(self.prompts, self.samples)
        ]
        self.verdicts = [
            units.verdict(one, template=content_hash(TEMPLATE), raw=f'{{"for": "{one.id}"}}')
            for one in self.comparisons
        ]
        self.item = ReviewItem(
            comparison_id=self.comparisons[0].id, round=1, purpose="train", lane="random",
            inclusion_probability=0.5, seed=3, position=0,
        )  # fmt: skip
        self.label = Label(
            item_id=self.item.id, comparison_id=self.item.comparison_id, value="much_better", reviewer="ana",
            lane="random", inclusion_probability=0.5,
        )  # fmt: skip
        self.pairs = [
            self.pair(one, verdict, label_ids)
            for one, verdict, label_ids in zip(
                self.comparisons, self.verdicts, ((self.label.id,), ()), strict=True
            )
        ]
        self.preference = Preference(
            prompt_id=self.prompts[0].id, round=1, samples=tuple(one.id for one in self.samples[:2]),
            scores=(0.5, -0.5), cycle=False, verdict_ids=(self.verdicts[0].id,), label_ids=(self.label.id,),
        )  # fmt: skip
        self.store()

    def pair(self, comparison: Comparison, verdict, label_ids: tuple[str, ...]) -> Pair:
        return Pair(
            prompt_id=comparison.prompt.id, round=1, chosen=comparison.first.id, rejected=comparison.second.id,
            margin=1.0, confidence=0.75, source="judge", comparison_id=comparison.id,
            verdict_ids=(verdict.id,), label_ids=label_ids,
        )  # fmt: skip

    def store(self) -> None:
        self.run.add_checkpoint(self.initial)
        self.run.add_prompts(self.prompts)
        self.run.save_texts({content_hash(text): text for text in (CONSTITUTION, TEMPLATE)})
        self.run.add_samples(self.samples)
        self.run.add_comparisons(self.comparisons)
        self.run.add_verdicts(self.verdicts)
        self.run.add_review_items([self.item])
        self.run.add_label(self.label)
        self.run.add_preferences([self.preference])
        self.run.add_pairs(self.pairs)
        self.run.add_checkpoint(self.trained)
        new, old = self.trained.id, self.initial.id
        self.run.add_decision(Decision(round=1, kind="promote", policy=new, candidate=new, incumbent=old))


@pytest.fixture
def made(run, units) -> Made:
    return Made(run, units)


def test_a_pair_is_walked_back_to_the_exact_texts_the_constitution_and_the_policy(store, made):
    tree = trace(store, made.pairs[0].id)
    nodes = list(walk(tree.subject))
    by_id = {node.id: node for node in nodes}
    verdict = made.verdicts[0]
    seen = [node.fields["text"] for node in nodes if node.kind == "prompt text"]
    assert seen == list(verdict.prompt_texts)
    assert [node.id for node in nodes if node.kind == "prompt text"] == list(verdict.prompt_hashes)
    constitution = by_id[content_hash(CONSTITUTION)]
    version = load_constitution("general").version
    assert (constitution.title, constitution.fields["text"]) == (
        f"constitution general {version}",
        CONSTITUTION,
    )
    assert by_id[content_hash(TEMPLATE)].fields["text"] == TEMPLATE
    assert by_id[verdict.id].fields["raw"] == verdict.raw
    assert by_id[made.samples[0].id].fields["text"] == made.samples[0].text
    assert by_id[made.samples[1].id].fields["seed"] == made.samples[1].seed
    assert by_id[made.prompts[0].id].fields["messages"][0]["content"] == made.prompts[0].text
    assert by_id[made.label.id].fields["reviewer"] == "ana"
    assert by_id[made.initial.id].fields["sha256"] == made.initial.sha256


def test_every_kind_of_unit_is_walked_back_to_its_prompt_and_its_policy(store, made):
    units = [
        *made.samples[:1], *made.comparisons[:1], *made.verdicts[:1], made.item, made.label, made.preference,
        *made.pairs[:1],
    ]  # fmt: skip
    for unit in units:
        subject = trace(store, unit.id).subject
        assert subject.id == unit.id
        assert found([subject], "prompt") == [made.prompts[0].id], unit.id
        assert made.initial.id in found([subject], "checkpoint"), unit.id


def test_every_kind_of_unit_is_walked_forward_to_the_checkpoint_trained_on_it(store, made):
    for unit in (
        made.prompts[0], made.samples[0], made.comparisons[0], made.verdicts[0], made.label, made.pairs[0],
        made.initial,
    ):  # fmt: skip
        assert made.trained.id in found(trace(store, unit.id).used_by, "checkpoint"), unit.id


def test_only_what_a_unit_went_into_is_listed(store, made):
    used = trace(store, made.verdicts[1].id).used_by
    assert found(used, "pair") == [made.pairs[1].id]
    assert found(used, "preference") == []
    used = trace(store, made.samples[0].id).used_by
    assert found(used, "comparison") == [made.comparisons[0].id]
    assert found(used, "verdict") == [made.verdicts[0].id]
    assert found(used, "preference") == [made.preference.id]
    assert found(trace(store, made.item.id).used_by, "label") == [made.label.id]
    assert trace(store, made.preference.id).used_by == ()


def test_a_checkpoint_is_walked_back_to_its_pairs_and_its_parents(store, made):
    subject = trace(store, made.trained.id).subject
    assert sorted(found([subject], "pair")) == sorted(pair.id for pair in made.pairs)
    assert found([subject], "checkpoint") == [made.trained.id, made.initial.id]
    assert subject.more == 0
    short = trace(store, made.trained.id, limit=1)
    assert (len(found([short.subject], "pair")), short.subject.more) == (1, 1)


def test_a_checkpoint_is_walked_forward_to_its_answers_decisions_and_children(store, made):
    nodes = trace(store, made.initial.id).used_by
    assert [(node.kind, node.title) for node in nodes][:2] == [
        ("samples", "4 answers for train"),
        ("decision", "promote: "),
    ]
    short = trace(store, made.initial.id, limit=1)
    assert (len(short.used_by), short.more) == (1, 2)


def test_an_unscored_verdict_says_so_and_a_text_that_is_not_kept_too(store, made, units):
    failed = units.verdict(made.comparisons[0], "other", unscored="timeout", template="0" * 64)
    made.run.add_verdicts([failed])
    subject = trace(store, failed.id).subject
    assert subject.title == "unscored by other: timeout"
    assert [node.title for node in subject.children if node.kind == "template"] == [
        "template 000000000000, whose text is not kept"
    ]


def test_a_policy_without_a_stored_checkpoint_is_still_named(store, run, units):
    prompts = units.prompts(1)
    run.add_prompts(prompts)
    [sample] = units.samples(prompts, 1, policy="rev_served")
    run.add_samples([sample])
    assert found([trace(store, sample.id).subject], "policy") == ["rev_served"]


def test_an_id_may_be_shortened_and_needs_the_run_where_several_have_it(store, made, units):
    assert trace(store, made.verdicts[0].id[:12]).subject.id == made.verdicts[0].id
    Made(store.create_run(units.run("second")), units)
    with pytest.raises(AmbiguousId, match="Name the run"):
        trace(store, made.pairs[0].id)
    assert trace(store, made.pairs[0].id, run="second").run == "second"
    with pytest.raises(NotFound):
        trace(store, "ver_0000000000000000000f")
