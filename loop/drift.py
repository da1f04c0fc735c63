"""Drift: how far the candidate's held-out answers have moved from the initial policy's, by their looks alone.

A policy that learns to please its judge instead of getting better shows it: these are the published symptoms of
over-optimization, in the direction in which they are published.

- `mean_tokens` rises: judges prefer length. It falling far is degenerate output; both sides are bounded.
- `cut_rate` (answers that ran into the token limit) and `empty_rate` rise.
- `refusal_rate`, `hedging_rate` ("As an AI…"), `apology_rate`, `list_rate` (lists in lists), `odd_punctuation_rate`
  rise. Their patterns are data: `loop/drift.yaml`.
- `distinct_1`, `distinct_2` (distinct words and word pairs over all, Li et al. 2016) fall: answers become alike.
- `entropy` (nats a token) falls: the policy becomes sure of one way to say it. It rising far is noise.
- `kl_initial`, `kl_last` (nats a token, from the initial policy and from the incumbent) rise.

An alarm is a value outside its bound, which is stated relative to the initial policy's value. The bounds are wide:
an honest round that halves or doubles the length, or unlearns hedging, passes; they are there for output that no label
is needed to see. No metric here says that a candidate is better.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from loop.errors import ConfigError
from loop.settings import DriftBounds, DriftSettings
from store.records import Sample

Patterns = dict[str, dict[str, re.Pattern[str]]]
"""Metric → name → expression."""

_WORD = re.compile(r"\w+|[^\w\s]")
_FALLING = {"distinct_1", "distinct_2", "entropy"}
_UNITS = {
    "mean_tokens": "tokens",
    "distinct_1": "share of words",
    "distinct_2": "share of word pairs",
    "entropy": "nats a token",
    "kl_initial": "nats a token",
    "kl_last": "nats a token",
    "kl_initial_answer": "nats an answer",
    "kl_last_answer": "nats an answer",
}


class Divergence(BaseModel):
    """An estimated Kullback–Leibler divergence of the candidate from another policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_answer: float
    per_token: float
    standard_error: float
    """Of `per_answer`, from the spread over answers."""


class DriftMetric(BaseModel):
    """One metric. A value is None where it was not measured, a bound where that side is open."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    unit: str
    symptom: Literal["rises", "falls"]
    initial: float | None
    incumbent: float | None
    candidate: float | None
    low: float | None
    high: float | None
    alarm: bool
    blocks: bool
    """Whether the alarm, if there is one, keeps the candidate out."""


class DriftReport(BaseModel):
    """Every metric, in the order of the bounds' settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: tuple[DriftMetric, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Metrics out of bounds, blocking or not."""
        return tuple(metric.name for metric in self.metrics if metric.alarm)

    @property
    def blocking(self) -> tuple[str, ...]:
        """Metrics out of bounds that keep the candidate out."""
        return tuple(metric.name for metric in self.metrics if metric.alarm and metric.blocks)


def load_patterns(settings: DriftSettings) -> Patterns:
    """The shipped patterns, replaced metric by metric by those of `settings.patterns`.

    Raises ConfigError for a file that cannot be read, an unknown metric, or an expression that does not compile.
    """
    shipped = files("loop").joinpath("drift.yaml").read_text(encoding="utf-8")
    patterns = _compiled(shipped, "loop/drift.yaml", None)
    if settings.patterns is not None:
        try:
            own = Path(settings.patterns).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"drift.patterns: cannot read {settings.patterns}: {error}") from error
        patterns.update(_compiled(own, settings.patterns, set(patterns)))
    return patterns


def measure_drift(
    initial: Sequence[Sample],
    incumbent: Sequence[Sample],
    candidate: Sequence[Sample],
    settings: DriftSettings,
    *,
    kl_initial: Divergence | None = None,
    kl_last: Divergence | None = None,
) -> DriftReport:
    """Compare three policies' answers to the same prompts, sampled with the same settings.

    Distinct-n falls with the amount of text, so it is taken over the first words of each policy's answers, by
    prompt: as many as the one that says least has. Raises ValueError where a policy has no answers.
    """
    patterns = load_patterns(settings)
    answers = [
        sorted(samples, key=lambda s: (s.prompt_id, s.index)) for samples in (initial, incumbent, candidate)
    ]
    if not all(answers):
        raise ValueError("drift needs answers of the initial policy, the incumbent and the candidate")
    columns = [_of_answers(samples, patterns) for samples in answers]
    for column, one, two in zip(columns, _distinct(answers, 1), _distinct(answers, 2), strict=True):
        column.update(distinct_1=one, distinct_2=two)
    for name, divergence in (("kl_initial", kl_initial), ("kl_last", kl_last)):
        # A policy does not diverge from itself; the incumbent's own divergence was last round's candidate's.
        columns[0].update({name: 0.0, f"{name}_answer": 0.0})
        if divergence is not None:
            columns[2].update({name: divergence.per_token, f"{name}_answer": divergence.per_answer})
    return DriftReport(metrics=tuple(_metric(name, columns, settings) for name in DriftBounds.model_fields))


def symptoms(alarms: Iterable[str], settings: DriftSettings) -> Callable[[Sample], list[str]]:
    """Says of one answer which of these alarms' metrics it adds to.

    Only metrics that one answer can show: cut, empty, and those with patterns. Length, variety, entropy and divergence
    belong to many answers at once.
    """
    wanted = list(alarms)
    patterns = {name: expressions for name, expressions in load_patterns(settings).items() if name in wanted}

    def shown(sample: Sample) -> list[str]:
        found = [
            name
            for name, expressions in patterns.items()
            if any(expression.search(sample.text) for expression in expressions.values())
        ]
        if "cut_rate" in wanted and sample.finish_reason == "length":
            found.append("cut_rate")
        if "empty_rate" in wanted and not sample.text.strip():
            found.append("empty_rate")
        return found

    return shown


def divergence(samples: Sequence[Sample], own: NDArray[np.float64], other: NDArray[np.float64]) -> Divergence:
    """KL of the policy that drew `samples` from another, given both policies' log-probabilities of each answer.

    `own` and `other`, shape (len(samples),), are natural-log probabilities of the whole answer with its end token.
    The mean of log p_own - log p_other over own answers: unbiased where they were drawn at temperature 1 and top-p 1,
    and of the answers as text, whose tokens may be other than those drawn. It can come out below 0 by chance; it is
    noisy where answers are few or long (see the standard error); an answer cut at the token limit is scored with an
    end token that was not drawn. Raises ValueError for arrays of other lengths.
    """
    if not samples or not len(samples) == len(own) == len(other):
        raise ValueError(
            f"{len(samples)} answers, {len(own)} and {len(other)} log-probabilities: need as many of each"
        )
    ratio = np.asarray(own, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    tokens = sum(sample.tokens + 1 for sample in samples)
    spread = float(ratio.std(ddof=1)) if len(ratio) > 1 else math.inf
    return Divergence(
        per_answer=float(ratio.mean()),
        per_token=float(ratio.sum()) / tokens,
        standard_error=spread / math.sqrt(len(ratio)),
    )


def _compiled(text: str, place: str, known: set[str] | None) -> Patterns:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"drift.patterns: {place} is not valid YAML: {error}") from error
    if not isinstance(tree, dict) or not all(isinstance(named, dict) for named in tree.values()):
        raise ConfigError(f"drift.patterns: {place} must map each metric to named expressions")
    if known is not None and (unknown := sorted(set(map(str, tree)) - known)):
        raise ConfigError(
            f"drift.patterns: {place} names {', '.join(unknown)}; metrics with patterns are {', '.join(sorted(known))}"
        )
    patterns: Patterns = {}
    for metric, named in tree.items():
        for name, expression in named.items():
            try:
                patterns.setdefault(metric, {})[name] = re.compile(str(expression), re.IGNORECASE)
            except re.error as error:
                raise ConfigError(f"drift.patterns: {place}: {metric}.{name}: {error}") from error
        patterns.setdefault(metric, {})
    return patterns


def _of_answers(
    samples: Sequence[Sample], patterns: Mapping[str, Mapping[str, re.Pattern[str]]]
) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        "mean_tokens": fmean(sample.tokens for sample in samples),
        "cut_rate": fmean(sample.finish_reason == "length" for sample in samples),
        "empty_rate": fmean(not sample.text.strip() for sample in samples),
        "entropy": _entropy(samples),
    }
    for metric, expressions in patterns.items():
        found[metric] = fmean(
            any(expression.search(sample.text) for expression in expressions.values()) for sample in samples
        )
    return found


def _entropy(samples: Sequence[Sample]) -> float | None:
    """Mean -log p of a drawn token, the end token included: the entropy, where drawn at temperature 1."""
    known = [(sample.logprob, sample.tokens + (sample.finish_reason == "stop")) for sample in samples]
    tokens = sum(count for logprob, count in known if logprob is not None)
    if tokens == 0:
        return None
    return -sum(logprob for logprob, _ in known if logprob is not None) / tokens


def _distinct(policies: Sequence[Sequence[Sample]], n: int) -> list[float | None]:
    counts = [sum(1 for _ in _ngrams(samples, n)) for samples in policies]
    limit = min(counts)
    if limit == 0:
        return [None] * len(policies)
    return [len(set(islice(_ngrams(samples, n), limit))) / limit for samples in policies]


def _ngrams(samples: Iterable[Sample], n: int) -> Iterable[tuple[str, ...]]:
    words = (_WORD.findall(sample.text.casefold()) for sample in samples)
    if n == 1:
        return chain.from_iterable(((word,) for word in line) for line in words)
    return chain.from_iterable(pairwise(line) for line in words)


def _metric(name: str, columns: Sequence[Mapping[str, float | None]], settings: DriftSettings) -> DriftMetric:
    initial, incumbent, candidate = (column.get(name) for column in columns)
    bound = getattr(settings.bounds, name)
    low = high = None
    if initial is not None and bound.min_ratio is not None:
        low = initial * bound.min_ratio - bound.slack
    if initial is not None and bound.max_ratio is not None:
        high = initial * bound.max_ratio + bound.slack
    out = candidate is not None and (
        (low is not None and candidate < low) or (high is not None and candidate > high)
    )
    return DriftMetric(
        name=name,
        unit=_UNITS.get(name, "share of answers"),
        symptom="falls" if name in _FALLING else "rises",
        initial=initial,
        incumbent=incumbent,
        candidate=candidate,
        low=low,
        high=high,
        alarm=out,
        blocks=settings.block == "all" or (isinstance(settings.block, list) and name in settings.block),
    )
