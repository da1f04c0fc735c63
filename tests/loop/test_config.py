"""Configuration: precedence, unknown keys, and what the content hash covers."""

from pathlib import Path

import pytest

from loop.config import RunConfig, load_config
from loop.errors import ConfigError

MINIMAL = "prompts: {source: starter}\npolicy: {model: starter}\n"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_reads(path: Path) -> None:
    assert isinstance(load_config(path), RunConfig)


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_config(config_file).gate.labels == 60
    config_file.write_text(MINIMAL + "gate: {labels: 50}\n")
    assert load_config(config_file).gate.labels == 50
    monkeypatch.setenv("RLAIF__GATE__LABELS", "45")
    assert load_config(config_file).gate.labels == 45
    assert load_config(config_file, ["gate.labels=40"]).gate.labels == 40


@pytest.mark.parametrize(
    ("assignment", "near"),
    [
        ("gate.lables=3", "did you mean labels"),
        ("gaet.labels=3", "did you mean gate"),
        ("judge.templat=x", "did you mean template"),
        ("drift.bounds.refusal={}", "did you mean refusal_rate"),
        ("drift.bounds.entropy.min=0.5", "did you mean min_ratio"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_known_one_is_named(
    config_file: Path, assignment: str, near: str
) -> None:
    with pytest.raises(ConfigError, match=near):
        load_config(config_file, [assignment])


def test_a_key_given_twice_is_refused_with_both_places(config_file: Path) -> None:
    config_file.write_text(MINIMAL + "gate:\n  labels: 50\n  labels: 60\n")
    with pytest.raises(ConfigError, match=r"(?s)'labels' is given here.*line 4.*a second time here.*line 5"):
        load_config(config_file)


def test_what_is_merged_in_may_be_overridden(config_file: Path) -> None:
    config_file.write_text(MINIMAL + "gate: {<<: {labels: 50}, labels: 60}\n")
    assert load_config(config_file).gate.labels == 60


def test_a_judge_of_another_kind_has_its_own_keys(config_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"judge\.batch_tokens: unknown key"):
        load_config(config_file, ["judge={kind: api, model: m, batch_tokens: 3}"])


@pytest.mark.parametrize("assignment", ["gate.labels", "=3", "seed.x=3", "gate.labels=[1"])
def test_an_assignment_that_cannot_be_read_is_refused(config_file: Path, assignment: str) -> None:
    config_file.write_text(MINIMAL + "seed: 4\n")
    with pytest.raises(ConfigError, match="--set"):
        load_config(config_file, [assignment])


@pytest.mark.parametrize("text", ["- a\n- b\n", "seed: [", "\xff"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_config(path)


def test_the_hash_names_what_decides_the_results_and_nothing_else(config_file: Path) -> None:
    base = load_config(config_file)
    assert load_config(config_file, ["rounds=9", "output=elsewhere"]).content_hash == base.content_hash
    assert load_config(config_file, ["seed=9"]).content_hash != base.content_hash


def test_a_store_url_with_a_secret_comes_from_the_environment_alone(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(config_file, ["store.url_env=TEST_STORE_URL"])
    with pytest.raises(ConfigError, match="TEST_STORE_URL is not set"):
        _ = config.store_url
    monkeypatch.setenv("TEST_STORE_URL", "postgresql+psycopg://u:secret@localhost/db")
    assert config.store_url.endswith("@localhost/db")
    assert "secret" not in config.model_dump_json()
