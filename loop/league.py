"""Every policy that a run has trained against every other and the initial one, on held-out prompts.

The answers are those of the gates, so that only judging is paid, and where two policies met as candidate and incumbent
the gate's own verdicts count if they are by the same judge. That judge is the one of the last gate. The league is
reported and decides nothing: it is the judge's word, and it looks at prompts that earlier gates have looked at.

A finished league is kept in the marker of its round; its verdicts are stored beside those that decide, never among
them.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from judge.contract import Judge
from judge.ranks.league import league
from loop.context import RunContext
from loop.judging import Judging
from loop.progress import Bar
from loop.standings import LEAGUE, RunLeague
from prompts.hashing import derive_seed
from store.records import Comparison, Decision, Sample, StageMarker

Answers = dict[str, Sample]
"""A policy's held-out answers by prompt id."""


@dataclass(frozen=True)
class _Entrant:
    policy: str
    round: int
    decision: Decision | None
    """Of the gate it stood in as the candidate."""


def play_league(run: RunContext, index: int) -> RunLeague | None:
    """The league after round `index`, played now or found in the store; None while no candidate has been weighed.

    Raises `judge.errors.JudgeStopped` where the judge cannot go on; the verdicts so far are kept.
    """
    if marker := run.store.marker(index, LEAGUE):
        return RunLeague.model_validate(marker.counts[LEAGUE])
    entrants = _entrants(run, index)
    if len(entrants) < 2:
        return None
    start = time.monotonic()
    judge = run.judge(run.incumbent(index))
    games: list[tuple[str, int, int, float]] = []
    unscored = 0
    prompts = len(run.prompts.heldout)
    pairs = list(combinations(range(len(entrants)), 2))
    with run.progress.stage(f"league after round {index}", prompts * len(pairs), "comparisons") as bar:
        for other, own in pairs:
            said = _meet(run, judge, entrants[own], entrants[other], bar)
            games.extend((prompt_id, own, other, p) for prompt_id, p in said.items() if p is not None)
            unscored += sum(p is None for p in said.values())
    if not games:
        return None
    found = RunLeague(
        round=index,
        judge=judge.name,
        trained_in=[entrant.round for entrant in entrants],
        unscored=unscored,
        table=league(
            [entrant.policy for entrant in entrants],
            games,
            resamples=run.config.league.bootstrap,
            seed=derive_seed(run.config.seed, index, "league"),
        ),
    )
    seconds = time.monotonic() - start
    run.store.mark(
        StageMarker(
            round=index, stage=LEAGUE, seconds=seconds, counts={LEAGUE: found.model_dump(mode="json")}
        )
    )
    return found


def _entrants(run: RunContext, index: int) -> list[_Entrant]:
    """The initial policy, then every candidate up to round `index`, by round; the same weights enter once."""
    found = {run.initial.id: _Entrant(run.initial.id, 0, None)}
    for decision in sorted(run.store.decisions(), key=lambda d: d.round):
        if decision.kind != "rollback" and decision.candidate is not None and decision.round <= index:
            found.setdefault(decision.candidate, _Entrant(decision.candidate, decision.round, decision))
    return list(found.values())


def _answers(run: RunContext, entrant: _Entrant, index: int) -> Answers:
    return {sample.prompt_id: sample for sample in run.store.samples(index, "gate", entrant.policy)}


def _meet(
    run: RunContext, judge: Judge, later: _Entrant, earlier: _Entrant, bar: Bar
) -> dict[str, float | None]:
    """By prompt, the probability that `later` answers better; one half where the answers are the same text."""
    # Where one was the other's incumbent they met in the gate, with answers of that very round.
    met = later.decision is not None and later.decision.incumbent == earlier.policy
    own = _answers(run, later, later.round)
    theirs = _answers(run, earlier, later.round if met else max(earlier.round, 1))
    prompts = [prompt for prompt in run.prompts.heldout if prompt.id in own and prompt.id in theirs]
    said: dict[str, float | None] = {
        prompt.id: 0.5 for prompt in prompts if own[prompt.id].text == theirs[prompt.id].text
    }
    bar.advance(len(run.prompts.heldout) - len(prompts) + len(said))

    def comparisons() -> Iterator[Comparison]:
        return (
            Comparison(
                prompt=prompt,
                first=own[prompt.id],
                second=theirs[prompt.id],
                round=later.round,
                purpose="league",
                constitution=run.constitution.hash,
            )
            for prompt in prompts
            if prompt.id not in said
        )

    def scores() -> Iterator[tuple[str, float | None]]:
        yield from run.store.scores(later.round, "gate", judge.name)
        for purpose in ("gate", "league"):
            for verdict in run.store.shadow_verdicts(later.round, purpose, judge.name):
                yield verdict.comparison_id, verdict.p_first

    run.store.add_comparisons(comparisons())
    prompt_of = {comparison.id: comparison.prompt.id for comparison in comparisons()}
    Judging(
        make=lambda: judge,
        one_by_one=run.config.judge.kind == "api",
        scores=scores,
        add=run.store.add_shadow_verdicts,
    ).fill(prompt_of.keys(), comparisons, bar)
    found = dict(scores())
    return said | {prompt_id: found[id] for id, prompt_id in prompt_of.items()}
