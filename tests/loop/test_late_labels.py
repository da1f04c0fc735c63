"""Labels that come after their round was paired enter the next training set, each once, to the byte."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import loop.pairing
from loop.config import parse_config
from loop.context import RunContext
from loop.progress import Silent
from loop.round import Round, pair
from loop.shelf import Shelf
from policy.trainer import DpoTrainer
from prompts.constitution import load_constitution
from prompts.sets import PromptSet
from store.records import (
    Checkpoint,
    Comparison,
    Label,
    Message,
    Pair,
    Prompt,
    ReviewItem,
    Run,
    Sample,
    Verdict,
)
from store.store import Store

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """A run of prompts with two answers each, which the judge puts in the wrong order: answer 1 is the better one."""

    context: RunContext
    prompts: tuple[Prompt, ...]
    clock: int = 0
    comparisons: dict[tuple[int, int], Comparison] = field(default_factory=dict)

    def judged(
        self, index: int, p_first: Callable[[int], float | None] = lambda _: 0.9, text: str = ""
    ) -> None:
        """Round `index` sampled and judged. `text` replaces what makes a round's answers differ from another's."""
        store = self.context.store
        for number, prompt in enumerate(self.prompts):
            first, second = (
                Sample(
                    prompt_id=prompt.id, policy=self.context.initial.id, round=index, purpose="train", index=side,
                    seed=side, settings="set_0", tokens=3, finish_reason="stop",
                    text=f"{WORDS[number]} {'worse' if side == 0 else 'better'} {text or f'of round {index}'}",
                )
                for side in range(2)
            )  # fmt: skip
            store.add_samples([first, second])
            comparison = Comparison(
                prompt=prompt, first=first, second=second, round=index, purpose="train", constitution="c" * 64
            )
            store.add_comparisons([comparison])
            p = p_first(number)
            verdict = Verdict(
                comparison_id=comparison.id, judge="planted", template="t" * 64, constitution="c" * 64,
                p_first=p, unscored=None if p is not None else "it was silent",
            )  # fmt: skip
            store.add_verdicts([verdict])
            self.comparisons[index, number] = comparison

    def label(
        self,
        index: int,
        number: int,
        value: str = "worse",
        reviewer: str = "ada",
        lane: str = "targeted",
        **fields: Any,
    ) -> Label:
        """Somebody answers, an hour after the one before."""
        comparison = self.comparisons[index, number]
        item = ReviewItem(
            comparison_id=comparison.id, round=index, purpose="train", lane=lane, inclusion_probability=1.0,
            seed=0, position=number,
        )  # fmt: skip
        self.context.store.add_review_items([item])
        before = [one for one in self.context.store.label_history(item.id) if one.reviewer == reviewer]
        self.clock += 1
        made = Label(
            item_id=item.id, comparison_id=comparison.id, value=value, reviewer=reviewer, lane=lane,
            inclusion_probability=1.0, revision=len(before), created_at=START + timedelta(hours=self.clock),
            source="override" if lane == "override" else "queue", **fields,
        )  # fmt: skip
        self.context.store.add_label(made)
        return made

    def pair(self, index: int) -> dict[str, Any]:
        return Round(self.context, index, self.context.initial).stage("pair", pair)

    def file(self, index: int) -> bytes:
        return Round(self.context, index, self.context.initial).pairs_file.read_bytes()

    def rows(self, index: int) -> dict[str, dict[str, Any]]:
        """The rows of a round's training file, by what the chosen answer says."""
        return {row["chosen"][0]["content"]: row for row in map(json.loads, self.file(index).splitlines())}

    def ledger(self, label: Label) -> list[tuple[int, str, str]]:
        found = self.context.store.effects(label_id=label.id, stage="pair")
        return [(one.round, one.effect, one.why) for one in found]

    def pair_of(self, label: Label) -> Pair:
        (entry,) = self.context.store.effects(label_id=label.id, stage="pair")
        assert entry.subject is not None
        return self.context.store.pair(entry.subject)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from make_world(tmp_path, {})


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[World]:
    yield from make_world(tmp_path, {"max_similarity": 0.3})


def make_world(folder: Path, pairs: dict[str, Any]) -> Iterator[World]:
    config = parse_config(
        {
            "prompts": {"source": "starter"},
            "policy": {"model": "starter"},
            "judge": {"template": "starter", "constitution": "starter"},
            "pairs": pairs,
        },
        "test",
    )
    prompts = tuple(
        Prompt(messages=(Message(role="user", content=f"Say {word}."),), split="train") for word in WORDS
    )
    with Store.open(f"sqlite:///{folder / 'rlaif.db'}") as store:
        run = store.create_run(
            Run(name="late", seed=0, config_hash="cfg_0", config=config.model_dump(mode="json"))
        )
        run.add_prompts(prompts)
        initial = Checkpoint(sha256="0" * 64, path=str(folder), round=0)
        run.add_checkpoint(initial)
        context = RunContext(
            config=config,
            store=run,
            folder=folder,
            prompts=PromptSet(train=prompts, heldout=prompts),
            constitution=load_constitution("starter"),
            shelf=Shelf(config.policy),
            trainer=DpoTrainer(),
            progress=Silent(),
            initial=initial,
        )
        yield World(context, prompts)


def right(number: int, index: int) -> str:
    return f"{WORDS[number]} better of round {index}"


def wrong(number: int, index: int) -> str:
    return f"{WORDS[number]} worse of round {index}"


def test_late_labels_and_overrides_flip_pairs_in_the_next_training_set_and_once(world: World) -> None:
    world.judged(1)
    in_time = world.label(1, 0)
    world.pair(1)
    assert set(world.rows(1)) == {right(0, 1)} | {wrong(n, 1) for n in range(1, 8)}
    late = world.label(1, 1)
    override = world.label(1, 2, lane="override", reviewer="lead")

    world.judged(2)
    counts = world.pair(2)
    assert (counts["pairs"], counts["late_pairs"], counts["human_pairs"]) == (10, 2, 2)
    assert set(world.rows(2)) == {wrong(n, 2) for n in range(8)} | {right(1, 1), right(2, 1)}
    row = world.rows(2)[right(1, 1)]
    assert row["rejected"][0]["content"] == wrong(1, 1)
    assert (row["source"], row["confidence"], row["margin"]) == ("human", 1.0, 0.0)
    assert counts["pairs_sha256"] == hashlib.sha256(world.file(2)).hexdigest()

    world.judged(3)
    assert world.pair(3)["late_pairs"] == 0
    assert set(world.rows(3)) == {wrong(n, 3) for n in range(8)}

    assert world.ledger(in_time) == [(1, "flipped", "before_pairing")]
    assert world.ledger(late) == world.ledger(override) == [(2, "flipped", "late")]
    assert world.pair_of(late).label_ids == (late.id,)
    assert world.pair_of(override).round == 2


def test_without_late_labels_the_training_set_is_as_it_was(world: World) -> None:
    """The bytes of one planted round, with labels in time, as they were before there were late ones."""
    world.judged(1)
    world.label(1, 0)
    world.label(1, 1, "same")
    world.pair(1)
    lines = [json.loads(line) for line in world.file(1).splitlines()]
    assert [(row["prompt_id"], row["chosen_id"], row["rejected_id"]) for row in lines] == sorted(
        (row["prompt_id"], row["chosen_id"], row["rejected_id"]) for row in lines
    )
    assert set(world.rows(1)) == {right(0, 1)} | {wrong(n, 1) for n in range(2, 8)}


@pytest.mark.parametrize("dies", ["before_writing", "between_pairs_and_file"])
def test_a_stage_that_died_after_deciding_makes_the_same_pairs_whatever_people_answered_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    def play(folder: Path, *, disturbed: bool) -> tuple[bytes, dict[str, Any], World]:
        folder.mkdir()
        world = next(worlds := make_world(folder, {}))
        open_worlds.append(worlds)
        world.judged(1)
        world.pair(1)
        world.label(1, 1)
        world.judged(2)
        world.label(2, 3)
        if disturbed:
            target = "add_preferences" if dies == "before_writing" else "samples_of"
            with monkeypatch.context() as patched:
                patched.setattr(type(world.context.store), target, stop)
                with pytest.raises(Killed):
                    world.pair(2)
            assert world.context.store.marker(2, "pair") is None
            world.label(1, 2)
            world.label(1, 1, "better")
            world.label(2, 4)
            world.label(2, 3, "withdrawn")
        return world.file(2) if not disturbed and world.pair(2) else b"", world.pair(2), world

    class Killed(Exception):
        pass

    def stop(*_: object) -> None:
        raise Killed

    open_worlds: list[Iterator[World]] = []
    quiet, counts, _ = play(tmp_path / "quiet", disturbed=False)
    _, resumed, world = play(tmp_path / "disturbed", disturbed=True)
    assert world.file(2) == quiet
    assert resumed == counts
    world.judged(3)
    world.pair(3)
    # What was answered in between enters the next set: a new flip, a change of mind, and a label on the round itself.
    assert set(world.rows(3)) == {wrong(n, 3) for n in range(8)} | {
        right(2, 1), wrong(1, 1), right(4, 2)
    }  # fmt: skip
    for worlds in open_worlds:
        worlds.close()


def test_undecided_people_make_no_pair_and_what_was_trained_on_stays_with_a_word_in_the_ledger(
    world: World,
) -> None:
    world.judged(1, lambda number: 0.55 if number == 7 else 0.9)
    world.pair(1)
    trained, untrained = world.label(1, 1, "same"), world.label(1, 7, "both_bad")
    world.judged(2)
    assert world.pair(2)["late_pairs"] == 0
    assert world.ledger(trained) == [(2, "nothing", "undecided_after_training")]
    assert world.ledger(untrained) == [(2, "nothing", "undecided")]


def test_a_late_label_on_a_pair_that_was_left_out_adds_it(world: World) -> None:
    world.judged(1, lambda number: {6: None, 7: 0.55}.get(number, 0.9))
    world.pair(1)
    silent, doubted, agreeing = world.label(1, 6), world.label(1, 7, "better"), world.label(1, 0, "better")
    world.judged(2)
    assert world.pair(2)["late_pairs"] == 2
    assert world.ledger(silent) == world.ledger(doubted) == [(2, "added", "late")]
    assert world.ledger(agreeing) == [(2, "confirmed", "trained_already")]
    assert world.pair_of(agreeing).round == 1
    assert {right(6, 1), wrong(7, 1)} <= set(world.rows(2))


def test_repeats_withdrawn_revised_outvoted_and_overruled_labels_change_nothing_and_the_ledger_says_why(
    world: World,
) -> None:
    world.judged(1)
    world.pair(1)
    repeat = world.label(1, 0, lane="repeat")
    taken_back, withdrawal = world.label(1, 1), world.label(1, 1, "withdrawn")
    first, revised = world.label(1, 2), world.label(1, 2, "better")
    outvoted = world.label(1, 3, "better")
    majority = [world.label(1, 3, reviewer=name) for name in ("bea", "cid")]
    overruled, override = world.label(1, 4, "better"), world.label(1, 4, lane="override", reviewer="lead")
    world.judged(2)
    assert world.pair(2)["late_pairs"] == 2
    assert set(world.rows(2)) - {wrong(n, 2) for n in range(8)} == {right(3, 1), right(4, 1)}
    why = {
        repeat.id: "repeat", taken_back.id: "withdrawn", withdrawal.id: "withdrawn_after_training",
        first.id: "revised", outvoted.id: "outvoted", overruled.id: "overruled",
    }  # fmt: skip
    entries = {one.label_id: one for one in world.context.store.effects(round=2, stage="pair")}
    assert {id: (entries[id].effect, entries[id].why) for id in why} == {
        id: ("nothing", reason) for id, reason in why.items()
    }
    assert entries[revised.id].effect == "confirmed"
    assert {entries[label.id].effect for label in (*majority, override)} == {"flipped"}
    assert world.pair_of(majority[0]).label_ids == tuple(sorted(label.id for label in (outvoted, *majority)))


def test_a_withdrawal_that_turns_what_stands_flips_the_pair_back(world: World) -> None:
    world.judged(1)
    world.label(1, 0, "better")
    world.label(1, 0, lane="override", reviewer="lead")
    world.pair(1)
    assert right(0, 1) in world.rows(1)
    world.clock += 1
    withdrawal = world.label(1, 0, "withdrawn", lane="override", reviewer="lead")
    world.judged(2)
    world.pair(2)
    assert world.ledger(withdrawal) == [(2, "flipped", "late")]
    assert wrong(0, 1) in world.rows(2)


def test_the_same_answers_never_stand_both_ways_round_in_one_set(world: World) -> None:
    """The policy gives the same answers again: the label, and not the judge, says how they are trained on."""
    for index in (1, 2):
        world.judged(index, text="again")
    world.pair(1)
    label, older = world.label(1, 0), world.label(1, 1)
    newer = world.label(2, 1, "better")
    counts = world.pair(2)
    assert counts["dropped"] == {"overruled": 1}
    chosen = [row["chosen"][0]["content"] for row in map(json.loads, world.file(2).splitlines())]
    assert sorted(chosen) == sorted(["amber better again", *(f"{word} worse again" for word in WORDS[1:])])
    assert world.ledger(label) == [(2, "flipped", "late")]
    assert world.ledger(newer) == [(2, "confirmed", "before_pairing")]
    assert world.ledger(older) == [(2, "nothing", "contradicted")]


def test_the_bound_on_likeness_holds_for_late_labels_too(bounded: World) -> None:
    bounded.judged(1)
    bounded.pair(1)
    late = bounded.label(1, 0)
    bounded.judged(2)
    assert bounded.pair(2)["late_pairs"] == 0
    assert bounded.ledger(late) == [(2, "nothing", "near_identical")]


def test_labels_in_time_are_measured_against_the_judges_own_pairs(world: World) -> None:
    world.judged(1, lambda number: {5: 0.1, 6: None, 7: 0.5}.get(number, 0.9))
    flipped, dropped = world.label(1, 0), world.label(1, 1, "same")
    confirmed, added = world.label(1, 5), world.label(1, 6)
    undecided = world.label(1, 7, "both_bad")
    counts = world.pair(1)
    assert counts["human_pairs"] == 3
    assert [world.ledger(one)[0][1:] for one in (flipped, dropped, confirmed, added, undecided)] == [
        ("flipped", "before_pairing"),
        ("dropped", "label_undecided"),
        ("confirmed", "before_pairing"),
        ("added", "before_pairing"),
        ("nothing", "label_undecided"),
    ]


def test_every_label_enters_one_training_set_and_no_other(world: World) -> None:
    world.judged(1)
    made = [world.label(1, n) for n in range(4)]
    world.pair(1)
    made += [world.label(1, n, reviewer="bea") for n in range(8)]
    for index in (2, 3):
        world.judged(index)
        made.append(world.label(index, 0))
        world.pair(index)
    entries = list(world.context.store.effects(stage="pair"))
    assert sorted(one.label_id for one in entries) == sorted(label.id for label in made)
    assert world.context.store.marker(2, loop.pairing.LABELS).counts == {"labels": 1, "late": 8}
