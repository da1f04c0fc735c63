"""Choose a round's comparisons and have them judged, wave by wave.

Up to five answers a prompt there is one wave, in which every two meet. With more, each prompt plays a tournament
whose next wave depends on the verdicts before it (`judge.ranks.swiss`). All prompts play their wave together, so that
a wave is still a large batch. A resumed stage plays from the start on the verdicts it finds: a wave is closed once
each of its comparisons has a verdict, scored or not, and a closed wave is never asked again, so the waves after it
come out the same.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby

from judge.ranks.ranking import standing
from judge.ranks.swiss import Pairing, Tournament, tournament
from loop.context import RunContext
from loop.judging import Judging
from prompts.hashing import derive_seed
from store.records import Checkpoint, Comparison, Sample


def compare_answers(run: RunContext, incumbent: Checkpoint, index: int, title: str) -> None:
    """The comparisons of round `index` are in the store afterwards, each with a verdict.

    Raises `judge.errors.JudgeStopped` where the judge cannot go on; the verdicts so far are kept.
    """
    playing = {prompt_id: _tournament(run, index, prompt_id, own) for prompt_id, own in _answers(run, index)}
    judging = Judging.of(run, incumbent, index, "train")
    total = 0
    with run.progress.stage(title, None, "comparisons") as bar:
        while playing := {prompt_id: played for prompt_id, played in playing.items() if played.wave}:
            run.store.add_comparisons(comparison for _, comparison in _wave(run, index, playing))
            places = {c.id: (c.prompt.id, pairing) for pairing, c in _wave(run, index, playing)}
            bar.move_to(total, total + len(places))
            total += len(places)
            judging.fill(places.keys(), partial(_comparisons, run, index, playing), bar)
            _record(run, index, playing, places)


def _record(
    run: RunContext,
    index: int,
    playing: Mapping[str, Tournament],
    places: Mapping[str, tuple[str, Pairing]],
) -> None:
    said: dict[str, dict[Pairing, float | None]] = {prompt_id: {} for prompt_id in playing}
    for comparison_id, p_first in run.store.scores(index, "train"):
        if comparison_id in places:
            prompt_id, pairing = places[comparison_id]
            said[prompt_id][pairing] = p_first
    for prompt_id, played in playing.items():
        played.record(said[prompt_id])


def _comparisons(run: RunContext, index: int, playing: Mapping[str, Tournament]) -> Iterator[Comparison]:
    return (comparison for _, comparison in _wave(run, index, playing))


def _wave(
    run: RunContext, index: int, playing: Mapping[str, Tournament]
) -> Iterator[tuple[Pairing, Comparison]]:
    """The wave of every tournament, in the order of the prompts."""
    prompts = {prompt.id: prompt for prompt in run.prompts.train}
    for prompt_id, samples in _answers(run, index):
        if prompt_id in playing:
            for pairing in playing[prompt_id].wave:
                first, second = pairing
                yield (
                    pairing,
                    Comparison(
                        prompt=prompts[prompt_id],
                        first=samples[first],
                        second=samples[second],
                        round=index,
                        purpose="train",
                        constitution=run.constitution.hash,
                    ),
                )


def _tournament(run: RunContext, index: int, prompt_id: str, samples: list[Sample]) -> Tournament:
    pairs = run.config.pairs
    return tournament(
        [sample.text for sample in samples],
        derive_seed(run.config.seed, index, prompt_id, "draw"),
        run.config.judge.schedule,
        ends=pairs.max_per_prompt if pairs.rule == "best_worst" else 1,
    )


def _answers(run: RunContext, index: int) -> Iterator[tuple[str, list[Sample]]]:
    """The differing answers to each prompt, by prompt order."""
    for prompt_id, samples in groupby(run.store.samples(index, "train"), key=lambda s: s.prompt_id):
        yield prompt_id, standing(samples)
