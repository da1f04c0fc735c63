"""A store with a run of some synthetic rounds, made once and copied by tests that look at its pages."""

from pathlib import Path
from typing import Any

from review.bookkeeping import refresh
from store.records import Run
from store.store import Store
from tests.loop.conftest import SyntheticRun


def played(path: Path, name: str, rounds: int, **more: Any) -> Path:
    """A store with a run of some rounds, its books kept."""
    with Store.open(f"sqlite:///{path}") as store:
        config = {"rounds": 5, "gate": {"patience": 3}, "reviewer": {"kind": "simulated"}}
        run = store.create_run(Run(name=name, seed=7, config_hash="cfg_0", config=config))
        made = SyntheticRun(run, **more)
        made.begin()
        for index in range(1, rounds + 1):
            made.play(index, 0.75, 0.1 if index == 1 else 0.8)
        refresh(run)
    return path
