"""A calibration is learned from a run's labels, found by its judge, kept by a run, and decides which pairs pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.calibrations import calibrate_run, config_lineage
from loop.cli import main
from loop.config import parse_config
from loop.errors import ConfigError
from loop.judge_choice import choose_judge
from loop.judge_lineage import judge_lineage
from loop.pairs import build_pairs
from loop.rounds import run
from loop.settings import PairSettings
from policy.starter.build import ensure_starter
from store.errors import NotFound
from store.evaluations import Evaluations
from store.records import Calibration, Label, Preference, Verdict
from store.store import Store
from tests.answers import answered, compared
from tests.answers import asked as question


def test_labels_of_a_run_teach_its_judges_temperature(
    synthetic: Callable[..., Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    story = synthetic()
    story.play(1, quality=0.6, pleasing=0.2)
    story.play(2, quality=0.5, pleasing=0.9)
    early, all_rounds = calibrate_run(story.store, 1), calibrate_run(story.store)
    assert 40 <= early.labels < all_rounds.labels
    assert early.judge == config_lineage(parse_config(story.store.record.config, "test"))
    assert early.judge == judge_lineage(choose_judge("starter").settings, choose_judge("starter").policies)
    # The judge gets worse from round to round, so it was surer than right by more over both.
    assert all_rounds.temperature > early.temperature
    assert early.figures["ece"] is not None

    assert main(["judge", "calibrate", "demo", "--round", "1", "--output", str(tmp_path)]) == 0
    assert early.id in capsys.readouterr().out
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        assert [one.id for one in Evaluations(store.database).calibrations(early.judge)] == [early.id]
        counted = list(store.run("demo").effects(stage="calibration"))
    assert len(counted) == early.labels
    assert {(one.round, one.effect, one.subject) for one in counted} == {(1, "counted", early.id)}


def test_only_blind_labels_of_the_random_lane_teach(synthetic: Callable[..., Any]) -> None:
    story = synthetic()
    story.play(1, quality=0.6, pleasing=0.2)
    before = calibrate_run(story.store, 1)
    mirrored = {"better": "worse", "worse": "better", "much_better": "worse", "much_worse": "better"}
    for label in list(story.store.labels(1, "train")):
        changed = {"reviewer": "zoe", "value": mirrored.get(label.value, label.value), "blind": False}
        story.store.add_label(Label(**{**label.model_dump(exclude={"id"}), **changed}))
    assert calibrate_run(story.store, 1).id == before.id


def test_a_run_without_labels_teaches_nothing(synthetic: Callable[..., Any]) -> None:
    story = synthetic(reviewed=False)
    story.play(1, quality=0.6, pleasing=0.2)
    with pytest.raises(
        ConfigError, match="0 scored comparisons with a preferred side; a calibration needs 20"
    ):
        calibrate_run(story.store)


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


@pytest.fixture
def tree(policy: Path, tmp_path: Path) -> dict[str, Any]:
    """Its judge always says 0.9, which is enough for a pair unless it is calibrated; no pairs, no training."""
    return {
        "output": str(tmp_path),
        "rounds": 1,
        "prompts": {"source": "starter", "max_train": 6, "max_heldout": 6},
        "policy": {"model": str(policy)},
        "sampler": {"k": 2, "max_new_tokens": 4},
        "judge": {"kind": "scripted", "rule": "hash"},
        "pairs": {"min_confidence": 0.85},
    }


def keep(tree: dict[str, Any], temperature: float) -> Calibration:
    lineage = config_lineage(parse_config(tree, "test"))
    made = Calibration(judge=lineage, temperature=temperature, labels=50, source=f"test {temperature}")
    with Store.open(f"sqlite:///{tree['output']}/rlaif.db") as store:
        Evaluations(store.database).add_calibration(made)
    return made


def asked(tree: dict[str, Any], calibration: str) -> Any:
    return parse_config({**tree, "judge": {**tree["judge"], "calibration": calibration}}, "test")


def test_a_calibrated_run_makes_only_pairs_that_are_sure_enough(tree: dict[str, Any], tmp_path: Path) -> None:
    calibration = keep(tree, 2.0)  # 0.9 becomes 0.75
    run(asked(tree, "latest"))
    later = keep(tree, 1.0)
    run(asked(tree, "latest"))
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        kept = store.run("run")
        said = {round(v.p_first or 0.0, 6) for v in kept.verdicts(1, "train")}
        marker, pair = kept.marker(0, "calibration"), kept.marker(1, "pair")
    assert said <= {0.1, 0.9}  # the verdicts stay as the judge gave them
    assert marker is not None
    assert marker.counts == {"id": calibration.id} != {"id": later.id}
    assert pair is not None
    assert pair.counts["pairs"] == 0
    assert pair.counts["dropped"].keys() == {"low_confidence"}


def test_a_calibration_that_is_not_there_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="the store has none of this judge"):
        run(asked(tree, "latest"), name="a")
    with pytest.raises(NotFound, match="cal_1234"):
        run(asked(tree, "cal_1234"), name="b")


def test_another_judge_is_another_lineage(tree: dict[str, Any]) -> None:
    def lineage(**judge: Any) -> str:
        return config_lineage(parse_config({**tree, "judge": {**tree["judge"], **judge}}, "test"))

    assert lineage() == lineage(calibration="latest")
    assert lineage() != lineage(rule="longer")
    assert lineage() != lineage(confidence=0.8)
    local = {"kind": "local", "template": "starter", "constitution": "starter"}
    plain = parse_config({**tree, "judge": local}, "test")
    frozen = parse_config({**tree, "judge": {**local, "policy": "initial", "batch_tokens": 64}}, "test")
    other = parse_config({**tree, "judge": {**local, "template": "pairwise"}}, "test")
    assert config_lineage(plain) == config_lineage(frozen) != config_lineage(other)


def test_a_pair_says_which_calibration_its_confidence_has_been_through() -> None:
    prompt = question("Q")
    first, second = (answered(prompt, n, text) for n, text in enumerate(("one thing", "quite another")))
    comparison = compared(prompt, first, second)
    verdict = Verdict(comparison_id=comparison.id, judge="j", template="t", constitution="c", p_first=0.9)
    preference = Preference(
        prompt_id=prompt.id,
        round=1,
        samples=(first.id, second.id),
        scores=(1.0, -1.0),
        cycle=False,
        verdict_ids=(verdict.id,),
    )
    made = build_pairs([preference], [(comparison, verdict)], [], PairSettings(), "cal_x").pairs[0]
    plain = build_pairs([preference], [(comparison, verdict)], [], PairSettings()).pairs[0]
    assert (made.calibration, plain.calibration, made.id) == ("cal_x", None, plain.id)
