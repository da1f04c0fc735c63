"""How SQLite reads what belongs to one round: from the round's comparisons on, and never through the whole run."""

import re
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from store import RunStore, Store
from store.catalogue import Catalogue
from store.cataloguing import Unit

READERS: dict[str, Callable[[RunStore], object]] = {
    "comparisons": lambda run: list(run.comparisons(1, "train")),
    "verdicts": lambda run: list(run.verdicts(1, "train")),
    "scores": lambda run: list(run.scores(1, "train")),
    "judged": lambda run: list(run.judged(1, "train")),
    "catalogue": lambda run: Catalogue(run.database, run.name).fill(Unit(1, "train")),
}
WHOLE = re.compile(r"(SCAN|SEARCH) (verdicts|comparisons|samples|first|second)\b(?!.*AND)")
"""A step that looks at a table for the run alone, or not even for that."""


@pytest.fixture
def asked(store: Store) -> Iterator[list[tuple[str, object]]]:
    """Every SELECT that is sent, with its parameters."""
    sent: list[tuple[str, object]] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, parameters, _context, _many):  # type: ignore[no-untyped-def]
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    yield sent
    sa.event.remove(store.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", READERS)
def test_a_round_is_read_without_walking_through_the_run(store, run, units, asked, name):
    if store.database.dialect != "sqlite":
        pytest.skip("PostgreSQL has statistics, and plans by them")
    prompts = units.prompts(3)
    samples = units.samples(prompts)
    comparisons = units.comparisons(prompts, samples)
    run.add_prompts(prompts)
    run.add_samples(samples)
    run.add_comparisons(comparisons)
    run.add_verdicts(units.verdict(comparison) for comparison in comparisons)
    asked.clear()
    READERS[name](run)
    read = [one for one in asked if "comparisons" in one[0]]
    assert read
    with store.database.engine.connect() as connection:
        for statement, parameters in read:
            steps = [
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            assert [step for step in steps if WHOLE.search(step)] == [], statement
