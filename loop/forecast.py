"""What a run's judges will be asked, before anything is: calls, tokens and money of each round and in all.

Answers do not exist yet, so their length is a guess between a tenth of `sampler.max_new_tokens` and all of it, unless
the run has begun: then it is the length of the answers that it has. What is kept in the cache cannot be known
beforehand and is not taken off. Rounds are alike; the gate may stop a run after `gate.patience` of them, which is
what the low end of the whole counts.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from judge.forecast import CountTokens, Forecast, Workload, forecast
from judge.ranks.swiss import tournament
from judge.settings import ApiJudgeSettings, LocalJudgeSettings, single_judges
from judge.spread import Spread, exactly
from loop.canaries import watched_by
from loop.config import RunConfig
from policy.source import STARTER
from policy.starter.build import ensure_starter, is_built
from policy.token_counts import token_counter
from prompts.prompt import Prompt
from prompts.sets import PromptSet
from prompts.settings import Settings
from store.run import RunStore

_CHARS_PER_TOKEN = 4.0
_SHARES = Spread(0.1, 0.4, 1.0)
"""Of `sampler.max_new_tokens` that an answer takes."""

_DIFFER = 0.75
"""Low: the share of answers that repeat no other answer to their prompt."""

_LOOKED_AT = 200
"""Prompts that are rendered; the others are taken to be like them."""

_MEASURED = 500


class RunForecast(Settings):
    """Forecasts of each stage of a round, of a round, and of the run.

    `measured` counts the answers that lengths are taken from (0: they are guessed), `tokens_by` says who counted
    tokens, `paid` whether a judge is paid by the token.
    """

    rounds: int
    stages: dict[str, Forecast]
    round: Forecast
    run: Forecast
    measured: int
    tokens_by: str
    paid: bool


def forecast_run(config: RunConfig, prompts: PromptSet, rounds: int, store: RunStore | None) -> RunForecast:
    """Forecast the judging of a run; `store` is that of a run that has begun."""
    count_tokens = _own_tokenizer(config)
    lengths = _measured(store) if store else []
    chars = _chars(config, lengths)
    stages = {
        "judge": _train(config, prompts.train, chars, count_tokens),
        "gate": _gate(config, prompts.heldout, chars, count_tokens),
    }
    if watched_by(config):
        stages["canaries"] = _canaries(config, prompts.train, chars, count_tokens)
    if config.shadow is not None:
        shadowed = _train(config, prompts.train, chars, None, shadow=True)
        stages["shadow"] = shadowed.times(exactly(config.shadow.rate))
    one = sum(stages.values(), Forecast())
    return RunForecast(
        rounds=rounds,
        stages=stages,
        round=one,
        run=one.times(Spread(min(config.gate.patience, rounds), rounds, rounds)),
        measured=len(lengths),
        tokens_by="the judge's own tokenizer" if count_tokens else "characters",
        paid=any(isinstance(judge, ApiJudgeSettings) for judge in config.judges),
    )


def _train(
    config: RunConfig,
    prompts: Sequence[Prompt],
    chars: Spread,
    count_tokens: CountTokens | None,
    *,
    shadow: bool = False,
) -> Forecast:
    judge = config.shadow.judge if shadow and config.shadow is not None else config.judge
    k = config.sampler.k
    fewer = max(2, round(_DIFFER * k))
    answers, comparisons = Spread(fewer, k, k), Spread(_meetings(config, fewer), *[_meetings(config, k)] * 2)
    some, weight = _some(prompts)
    work = [Workload(prompt.messages, answers, comparisons, chars) for prompt in some]
    return forecast(judge, work, count_tokens).times(exactly(weight))


def _gate(
    config: RunConfig, prompts: Sequence[Prompt], chars: Spread, count_tokens: CountTokens | None
) -> Forecast:
    some, weight = _some(prompts)
    differing = Spread(_DIFFER, 1.0, 1.0)
    work = [Workload(prompt.messages, differing.times(exactly(2)), differing, chars) for prompt in some]
    return forecast(config.judge, work, count_tokens).times(exactly(weight))


def _canaries(
    config: RunConfig, prompts: Sequence[Prompt], chars: Spread, count_tokens: CountTokens | None
) -> Forecast:
    """A null answer and an attacked one a prompt, each against the same answer."""
    drawn = list(prompts[: config.canaries.prompts])
    work = [Workload(prompt.messages, exactly(3), exactly(2), chars) for prompt in drawn]
    return forecast(config.judge, work, count_tokens)


def _meetings(config: RunConfig, players: int) -> int:
    """Comparisons of so many different answers, as a judge that always prefers the earlier one leads them."""
    ends = config.pairs.max_per_prompt if config.pairs.rule == "best_worst" else 1
    played = tournament([str(n) for n in range(players)], config.seed, config.judge.schedule, ends=ends)
    met = 0
    while played.wave:
        met += len(played.wave)
        played.record(dict.fromkeys(played.wave, 0.9))
    return met


def _some(prompts: Sequence[Prompt]) -> tuple[list[Prompt], float]:
    """Prompts from everywhere in the set, and how many each of them stands for."""
    step = max(1, len(prompts) // _LOOKED_AT)
    some = list(prompts[::step])
    return some, len(prompts) / len(some)


def _chars(config: RunConfig, lengths: Sequence[int]) -> Spread:
    if lengths:
        middle = fmean(lengths)
        return Spread(0.8 * middle, middle, 1.25 * middle)
    return _SHARES.times(exactly(config.sampler.max_new_tokens * _CHARS_PER_TOKEN))


def _measured(store: RunStore) -> list[int]:
    """Lengths in characters of answers of the last round that has some."""
    rounds = [marker.round for marker in store.markers() if marker.stage == "sample"]
    if not rounds:
        return []
    lengths = []
    for sample in store.samples(max(rounds), "train"):
        lengths.append(len(sample.text))
        if len(lengths) == _MEASURED:
            break
    return lengths


def _own_tokenizer(config: RunConfig) -> CountTokens | None:
    """The tokenizer of a local judge that is the policy, where its files are at hand."""
    judges = single_judges(config.judge)
    if len(judges) > 1 or not isinstance(judges[0], LocalJudgeSettings):
        return None
    model = config.policy.model if judges[0].policy in {"current", "initial"} else judges[0].policy
    if model == STARTER:
        return token_counter(config.policy, ensure_starter()) if is_built() else None
    folder = Path(model).expanduser()
    return token_counter(config.policy, folder) if folder.is_dir() else None
