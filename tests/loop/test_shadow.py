"""A second judge shadows the first: drawn by the run's seed, kept apart, and never a source of pairs."""

from pathlib import Path
from typing import Any

import pytest

from loop.config import parse_config
from loop.errors import ConfigError
from loop.rounds import run
from policy.starter.build import ensure_starter
from store.store import Store


@pytest.fixture(scope="module")
def policy() -> Path:
    return ensure_starter(steps=1)


def tree(policy: Path, output: Path, **shadow: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "output": str(output),
        "rounds": 1,
        "prompts": {"source": "starter", "max_train": 30, "max_heldout": 6},
        "policy": {"model": str(policy)},
        "sampler": {"k": 3, "max_new_tokens": 4},
        "judge": {"kind": "scripted", "rule": "hash"},
        "pairs": {"min_confidence": 0.95},
    }
    return found | ({"shadow": shadow} if shadow else {})


def test_a_shadow_that_says_the_same_agrees_and_leaves_the_verdicts_alone(
    policy: Path, tmp_path: Path
) -> None:
    alone = run(parse_config(tree(policy, tmp_path), "test"), name="alone")
    shadow = {"judge": {"kind": "scripted", "rule": "hash", "confidence": 0.7}, "rate": 0.5}
    shadowed = run(parse_config(tree(policy, tmp_path, **shadow), "test"), name="shadowed")
    found = shadowed.rounds[0].shadow
    assert found is not None
    assert found.agreement is not None
    assert found.agreement.value == 1.0
    assert found.gap == pytest.approx(0.2)
    assert found.judge == "scripted:hash:c0.7:u0"
    assert 0 < found.asked < shadowed.rounds[0].verdicts
    assert found.compared == found.asked
    assert alone.rounds[0].shadow is None
    pages = [(tmp_path / name / "report.html").read_text(encoding="utf-8") for name in ("alone", "shadowed")]
    assert ["that shadows it" in page for page in pages] == [False, True]
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
        verdicts = [list(store.run(name).verdicts(1, "train")) for name in ("alone", "shadowed")]
        assert verdicts[0] == verdicts[1]
        kept = list(store.run("shadowed").shadow_verdicts(1, "train"))
    assert len(kept) == found.asked
    assert {verdict.judge for verdict in kept} == {"scripted:hash:c0.7:u0"}


def test_the_share_that_is_shadowed_does_not_depend_on_the_judge(policy: Path, tmp_path: Path) -> None:
    drawn = []
    for rule in ("shorter", "longer"):
        shadow = {"judge": {"kind": "scripted", "rule": rule}, "rate": 0.3}
        run(parse_config(tree(policy, tmp_path, **shadow), "test"), name=rule)
        with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as store:
            drawn.append([v.comparison_id for v in store.run(rule).shadow_verdicts(1, "train")])
    assert drawn[0] == drawn[1]


def test_failures_of_the_shadow_are_counted_and_compare_with_nothing(policy: Path, tmp_path: Path) -> None:
    shadow = {"judge": {"kind": "scripted", "unscored_share": 1.0}, "rate": 1.0}
    found = run(parse_config(tree(policy, tmp_path, **shadow), "test")).rounds[0].shadow
    assert found is not None
    assert (found.compared, found.agreement, found.gap) == (0, None, None)
    assert found.asked > 0


def test_a_shadow_takes_the_first_judges_wording_and_no_other_constitution(
    policy: Path, tmp_path: Path
) -> None:
    base = tree(policy, tmp_path)
    base["judge"] = {"template": "starter", "constitution": "starter"}
    config = parse_config(base | {"shadow": {"judge": {"policy": "initial"}}}, "test")
    assert config.shadow is not None
    assert (config.shadow.judge.template, config.shadow.judge.constitution) == ("starter", "starter")
    other = {"judge": {"policy": "initial", "constitution": "general"}}
    with pytest.raises(ConfigError, match="a shadow judges the same comparisons"):
        parse_config(base | {"shadow": other}, "test")
