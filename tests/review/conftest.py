"""Comparisons with verdicts, and a real SQLite run that holds them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.records import Comparison, Message, Prompt, Run, Sample, Verdict
from store.run import RunStore
from store.store import Store
from tests.review.front_desk import both, clock, desk  # noqa: F401
from tests.review.serving import browser, page_as, served  # noqa: F401 - fixtures for every test here

Judged = list[tuple[Comparison, Verdict]]
MakeJudged = Callable[..., Judged]


def _sample(prompt: Prompt, index: int, text: str) -> Sample:
    return Sample(
        prompt_id=prompt.id,
        policy=f"rev_{index}",
        round=1,
        purpose="gate",
        index=0,
        seed=index,
        settings="s",
        text=text,
        tokens=len(text.split()),
        finish_reason="stop",
    )


@pytest.fixture
def make_judged() -> MakeJudged:
    """`make_judged([0.7, None], texts=[("good", "bad"), …])`: one gate comparison a prompt; None is unscored."""

    def make(ps: list[float | None], texts: list[tuple[str, str]] | None = None) -> Judged:
        made: Judged = []
        for number, p in enumerate(ps):
            prompt = Prompt(messages=(Message(role="user", content=f"Question {number}?"),), split="heldout")
            first, second = texts[number] if texts else (f"first {number}", f"second {number}")
            comparison = Comparison(
                prompt=prompt,
                first=_sample(prompt, 1, first),
                second=_sample(prompt, 2, second),
                round=1,
                purpose="gate",
                constitution="c",
            )
            verdict = Verdict(
                comparison_id=comparison.id,
                judge="scripted",
                template="t",
                constitution="c",
                p_first=p,
                unscored="no answer" if p is None else None,
            )
            made.append((comparison, verdict))
        return made

    return make


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables, made once: to make them anew takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "rlaif.db"
    with Store.open(f"sqlite:///{path}"):
        return path


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Iterator[Store]:
    """A new SQLite database."""
    shutil.copy(empty_database, tmp_path / "rlaif.db")
    with Store.open(f"sqlite:///{tmp_path / 'rlaif.db'}") as opened:
        yield opened


@pytest.fixture
def run_store(store: Store) -> RunStore:
    """An empty run in it."""
    return store.create_run(Run(name="test", seed=0, config_hash="h", config={}))


@pytest.fixture
def fill(run_store: RunStore) -> Callable[[Judged], RunStore]:
    """Put comparisons, and what they are about, into the run."""

    def put(judged: Judged) -> RunStore:
        run_store.add_prompts(comparison.prompt for comparison, _ in judged)
        run_store.add_samples(s for comparison, _ in judged for s in (comparison.first, comparison.second))
        run_store.add_comparisons(comparison for comparison, _ in judged)
        run_store.add_verdicts(verdict for _, verdict in judged)
        return run_store

    return put
