"""The ledger says which labels a decision stood on, and whether they turned it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.gate_effects import decision_effects
from store.records import Decision, Label


@pytest.fixture
def played(synthetic: Callable[..., Any]) -> Any:
    """Two rounds: the judge is pleased by both, people (simulated) only by the first."""
    run = synthetic()
    run.play(1, 1.0, 0.0)
    run.play(2, -1.0, 2.0)
    return run.store


def effects(store: Any, decision: Decision) -> dict[str, Any]:
    return {one.label_id: one for one in decision_effects(store, decision) if one.stage == "gate"}


def test_labels_that_counted_turned_a_decision_against_the_judge_and_no_other(played: Any) -> None:
    first, second = played.decisions()
    assert (second.judge_only, second.kind, second.audited) == ("promote", "keep", True)
    calm = second.model_copy(update={"evidence": {**second.evidence, "blocking": []}})
    entries = effects(played, calm)
    random = {label.id for label in played.labels(2, "gate", blind=True) if label.lane == "random"}
    assert len(random) == second.evidence["corrected_win_rate"]["labels"]
    assert {id for id, one in entries.items() if one.effect == "turned"} == random
    agreed = effects(played, first.model_copy(update={"judge_only": first.kind}))
    assert {one.effect for one in agreed.values()} == {"counted"}
    drifted = effects(played, second.model_copy(update={"evidence": {**second.evidence, "blocking": ["x"]}}))
    assert {(one.effect, one.why) for one in drifted.values() if one.effect != "nothing"} == {
        ("counted", "drift_decided")
    }


def test_an_unaudited_decision_stood_on_no_label(played: Any) -> None:
    decision = played.decisions()[1].model_copy(update={"audited": False})
    entries = effects(played, decision)
    assert {one.effect for one in entries.values()} == {"nothing"}
    assert {one.why for one in entries.values()} == {"not_audited", "after_the_decision"}


def test_labels_that_do_not_count_say_why(played: Any) -> None:
    decision = played.decisions()[1]
    one, other = [label for label in played.labels(2, "gate") if label.lane == "random"][:2]

    def add(base: Label, **fields: Any) -> Label:
        made = Label(**{**base.model_dump(exclude={"id", "created_at"}), **fields})
        played.add_label(made)
        return made

    seen = add(one, reviewer="lea", blind=False)
    revised = add(other, reviewer="mia")
    add(other, reviewer="mia", revision=1, value="same")
    taken_back = add(other, reviewer="nia")
    withdrawal = add(other, reviewer="nia", revision=1, value="withdrawn")
    entries = effects(played, decision)
    assert [entries[label.id].why for label in (seen, revised, taken_back, withdrawal)] == [
        "not_blind", "revised", "withdrawn", "withdrawal",
    ]  # fmt: skip


def test_the_decision_and_its_ledger_are_written_together_and_once(played: Any) -> None:
    decision = Decision(round=3, kind="keep", policy="rev_x", judge_only="keep", audited=True)
    entries = list(decision_effects(played, decision))
    late = [one for one in entries if one.why == "after_the_decision"]
    assert {one.round for one in entries} == {3}
    assert len(late) == len(entries) > 0
    played.add_decision(decision, entries)
    again = decision.model_copy(update={"kind": "promote"})
    assert played.add_decision(again, decision_effects(played, again)).kind == "keep"
    assert [one.id for one in played.effects(round=3)] == [one.id for one in entries]
    assert list(decision_effects(played, decision)) == []


def test_the_measure_of_the_judge_stands_on_blind_random_labels(played: Any) -> None:
    decision = played.decisions()[1]
    measured = {one.label_id for one in decision_effects(played, decision) if one.stage == "audit"}
    assert measured == {label.id for label in played.labels(2, "train", blind=True) if label.lane == "random"}
    assert len(measured) > 20


def test_the_ledger_is_shown_by_round_and_reviewer_and_as_json_lines(
    played: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = Decision(round=3, kind="keep", policy="rev_x", judge_only="keep", audited=True)
    entries = list(decision_effects(played, decision))
    played.add_decision(decision, entries)
    where = ["--output", str(tmp_path)]
    assert main(["review", "ledger", "demo", "--round", "3", *where]) == 0
    shown = capsys.readouterr().out
    assert "Round 3" in shown
    assert f"{len(entries)} entries. " in shown
    assert main(["review", "ledger", "demo", "--reviewer", "nobody", *where, "--json"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["review", "ledger", "demo", "--stage", "gate", *where, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [one.id for one in entries]
