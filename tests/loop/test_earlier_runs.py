"""A run that an earlier version began goes on: settings that came later mean by default what was done before."""

from collections.abc import Iterator
from typing import Any

import pytest

from loop.config import RunConfig, parse_config
from loop.rounds import as_begun
from store.errors import RunDiffers
from store.records import Run
from store.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def config() -> RunConfig:
    return parse_config(
        {"prompts": {"source": "starter"}, "policy": {"model": "starter"}, "judge": {"kind": "local"}},
        "a test",
    )


def begun(store: Store, config: dict[str, Any]) -> Run:
    """A run whose version knew only these settings."""
    record = Run(name="old", seed=0, config_hash="cfg_of_an_earlier_version", config=config)
    return store.create_run(record).record


def asked(config: RunConfig) -> Run:
    return Run(
        name="old", seed=config.seed, config_hash=config.content_hash, config=config.model_dump(mode="json")
    )


def test_a_run_that_lacks_only_later_settings_goes_on(store: Store, config: RunConfig) -> None:
    known = config.model_dump(mode="json")
    del known["spot_check"]["strata"], known["spot_check"]["reveal"], known["league"]
    old = begun(store, known)
    assert store.create_run(as_begun(store, asked(config))).record == old


def test_a_run_that_differs_is_refused_as_ever(store: Store, config: RunConfig) -> None:
    known = config.model_dump(mode="json")
    known["spot_check"]["random"] += 1
    begun(store, known)
    with pytest.raises(RunDiffers, match=r"spot_check\.random"):
        store.create_run(as_begun(store, asked(config)))


def test_a_setting_that_was_later_given_another_value_is_refused(store: Store, config: RunConfig) -> None:
    known = config.model_dump(mode="json")
    del known["spot_check"]["reveal"]
    begun(store, known)
    other = parse_config({**config.model_dump(mode="json"), "spot_check": {"reveal": "never"}}, "a test")
    with pytest.raises(RunDiffers, match=r"spot_check\.reveal"):
        store.create_run(as_begun(store, asked(other)))


def test_a_run_that_is_new_is_begun_as_asked(store: Store, config: RunConfig) -> None:
    record = asked(config)
    assert as_begun(store, record) is record
