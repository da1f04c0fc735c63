"""From rankings to training pairs, and the file that training reads.

A pair is two samples of one prompt of which one is believed better: by default the best against the worst. What is
believed comes from the verdict on these very two samples, both presentation orders averaged; where people labelled
the comparison their word replaces it, and where they see no difference there is no pair. An unscored verdict
never becomes a pair, and neither do two samples that nobody compared: such a pair could not be audited.

The file is JSON Lines in trl's conversational preference format with ids and figures beside it. It is a function of
the pairs alone (no times, fixed rounding), so that a resumed run writes the same bytes.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from judge.ranks.standing import standing_labels
from loop.settings import PairSettings
from loop.similarity import similarity
from store.records import Comparison, Label, Pair, Preference, Prompt, Sample, Verdict


@dataclass(frozen=True)
class PairsResult:
    """The pairs, by prompt id, and how many candidates were left out for each reason."""

    pairs: tuple[Pair, ...]
    dropped: dict[str, int]
    reasons: dict[str, str] = field(default_factory=dict)
    """Why the samples of a comparison gave none, by comparison id, where they were tried or people labelled it."""


@dataclass
class Bout:
    """All that was said of two samples, in terms of `first`, whichever way round each comparison had them."""

    first: Sample
    second: Sample
    comparison_ids: list[str] = field(default_factory=list)
    verdict_ids: list[str] = field(default_factory=list)
    p_judge: list[float] = field(default_factory=list)
    label_ids: list[str] = field(default_factory=list)
    p_people: list[float] = field(default_factory=list)

    @property
    def people(self) -> float | None:
        return fmean(sorted(self.p_people)) if self.p_people else None

    @property
    def judge(self) -> float | None:
        return fmean(sorted(self.p_judge)) if self.p_judge else None

    @property
    def key(self) -> tuple[str, str]:
        return self.first.id, self.second.id


Bouts = dict[tuple[str, str], Bout]
"""The bouts of one prompt, by the two samples' ids in order."""


def build_pairs(
    preferences: Iterable[Preference],
    judged: Iterable[tuple[Comparison, Verdict]],
    labels: Iterable[Label],
    settings: PairSettings,
    calibration: str | None = None,
) -> PairsResult:
    """At most `settings.max_per_prompt` pairs of each ranked prompt: labelled ones first, then by the rule.

    The thresholds on confidence and margin are for verdicts; a person's label passes them. The bounds on length and
    likeness are for all. The order in which preferences, verdicts and labels come does not matter. `calibration` is the
    id of the calibration that the verdicts' probabilities have been through, kept with the pairs made of them.
    """
    bouts = bouts_of(judged, labels)
    pairs: list[Pair] = []
    dropped: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    for preference in preferences:
        of_prompt = bouts.get(preference.prompt_id, {})
        made, left_out = _pairs_of(preference, of_prompt, settings, calibration)
        pairs.extend(made)
        dropped.update(left_out.values())
        paired = {pair.comparison_id for pair in made}
        for key, bout in of_prompt.items():
            if bout.p_people and key not in left_out and min(bout.comparison_ids) not in paired:
                left_out[key] = "label_undecided" if bout.people == 0.5 else "over_the_bound"
        for key, reason in left_out.items():
            reasons.update((id, reason) for id in (of_prompt[key].comparison_ids if key in of_prompt else ()))
    pairs.sort(key=in_order)
    return PairsResult(tuple(pairs), dict(sorted(dropped.items())), reasons)


def in_order(pair: Pair) -> tuple[str, str, str]:
    """What the pairs of a file are sorted by."""
    return pair.prompt_id, pair.chosen, pair.rejected


def bouts_of(judged: Iterable[tuple[Comparison, Verdict]], labels: Iterable[Label]) -> dict[str, Bouts]:
    """All that was said of every two samples, by prompt id."""
    standing = standing_labels(labels)
    by_prompt: dict[str, Bouts] = {}
    for comparison, verdict in judged:
        first, second = sorted((comparison.first, comparison.second), key=lambda s: s.id)
        swapped = first is not comparison.first
        of_prompt = by_prompt.setdefault(comparison.prompt.id, {})
        bout = of_prompt.setdefault((first.id, second.id), Bout(first, second))
        if comparison.id not in bout.comparison_ids:
            bout.comparison_ids.append(comparison.id)
            if people := standing.get(comparison.id):
                bout.p_people.append(1 - people.p_first if swapped else people.p_first)
                bout.label_ids.extend(label.id for label in people.labels)
        if verdict.p_first is not None:
            bout.p_judge.append(1 - verdict.p_first if swapped else verdict.p_first)
            bout.verdict_ids.append(verdict.id)
    return by_prompt


def _pairs_of(
    preference: Preference, bouts: Bouts, settings: PairSettings, calibration: str | None
) -> tuple[list[Pair], dict[tuple[str, str], str]]:
    """The pairs of a prompt, and of each candidate that was tried and left out the reason."""
    made: list[Pair] = []
    texts: set[tuple[str, str]] = set()
    left_out: dict[tuple[str, str], str] = {}
    for key in _candidates(preference, bouts, settings):
        if len(made) == settings.max_per_prompt:
            break
        bout = bouts.get(key)
        if bout is None:
            left_out[key] = "not_compared"
            continue
        outcome = pair_of(preference, bout, settings, calibration)
        if isinstance(outcome, str):
            left_out[key] = outcome
            continue
        chosen, rejected = bout.first.text, bout.second.text
        if outcome.chosen != bout.first.id:
            chosen, rejected = rejected, chosen
        if (chosen, rejected) in texts:
            left_out[key] = "duplicate"
            continue
        texts.add((chosen, rejected))
        made.append(outcome)
    return made, left_out


def _candidates(preference: Preference, bouts: Bouts, settings: PairSettings) -> Iterator[tuple[str, str]]:
    """Keys of the bouts to try, in order: what people labelled, then what the rule asks for."""
    # A sample that repeats another's text was never compared; the other one stands for it.
    compared = {sample_id for key in bouts for sample_id in key}
    score = dict(zip(preference.samples, preference.scores, strict=True))
    ranked = [sample_id for sample_id in preference.samples if sample_id in compared]
    nested = [(ranked[i], ranked[-1 - i]) for i in range(min(len(ranked) // 2, settings.max_per_prompt))]
    if settings.rule == "best_worst":
        wanted = nested
    else:
        # The sort is stable: pairs of equal margin stay in order of rank.
        wanted = sorted(combinations(ranked, 2), key=lambda two: score[two[1]] - score[two[0]])
    labelled = [key for key, bout in sorted(bouts.items()) if bout.people not in (None, 0.5)]
    yield from labelled
    for better, worse in wanted:
        key = (better, worse) if better < worse else (worse, better)
        if key not in labelled:
            yield key


def pair_of(
    preference: Preference, bout: Bout, settings: PairSettings, calibration: str | None
) -> Pair | str:
    """The pair of this bout, or the reason why it is none."""
    by_people = bout.people is not None
    p_first = bout.people if by_people else bout.judge
    if p_first is None:
        return "unscored"
    if by_people and p_first == 0.5:
        return "label_undecided"
    score = dict(zip(preference.samples, preference.scores, strict=True))
    margin = score[bout.first.id] - score[bout.second.id]
    # The ranking, which knows every verdict, says which one is chosen; the verdict on the two must then agree.
    first_chosen = p_first > 0.5 if by_people else (margin > 0 or (margin == 0 and p_first > 0.5))
    chosen, rejected = (bout.first, bout.second) if first_chosen else (bout.second, bout.first)
    confidence = p_first if first_chosen else 1 - p_first
    margin = margin if first_chosen else -margin
    if not by_people and confidence < settings.min_confidence:
        return "low_confidence"
    if not by_people and margin < settings.min_margin:
        return "low_margin"
    if similarity(chosen.text, rejected.text) >= settings.max_similarity:
        return "near_identical"
    shorter, longer = sorted((chosen.tokens, rejected.tokens))
    if settings.max_length_ratio is not None and longer > settings.max_length_ratio * max(shorter, 1):
        return "length_ratio"
    return Pair(
        prompt_id=preference.prompt_id,
        round=preference.round,
        chosen=chosen.id,
        rejected=rejected.id,
        margin=margin,
        confidence=confidence,
        source="human" if by_people else "judge",
        comparison_id=min(bout.comparison_ids),
        verdict_ids=tuple(sorted(bout.verdict_ids)),
        label_ids=tuple(sorted(bout.label_ids)),
        calibration=None if by_people else calibration,
    )


def write_pairs_file(
    path: Path, pairs: Iterable[Pair], samples: Mapping[str, Sample], prompts: Mapping[str, Prompt]
) -> str:
    """Write the pairs to `path`, whole or not at all, and return the SHA-256 of its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as file:
            for pair in pairs:
                line = (
                    json.dumps(pair_row(pair, samples, prompts), separators=(",", ":")).encode("ascii")
                    + b"\n"
                )
                digest.update(line)
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return digest.hexdigest()


def pair_row(pair: Pair, samples: Mapping[str, Sample], prompts: Mapping[str, Prompt]) -> dict[str, Any]:
    return {
        "prompt": [{"role": m.role, "content": m.content} for m in prompts[pair.prompt_id].messages],
        "chosen": [{"role": "assistant", "content": samples[pair.chosen].text}],
        "rejected": [{"role": "assistant", "content": samples[pair.rejected].text}],
        "id": pair.id,
        "prompt_id": pair.prompt_id,
        "chosen_id": pair.chosen,
        "rejected_id": pair.rejected,
        "comparison_id": pair.comparison_id,
        # Six digits: below what verdicts mean, above what the last bits of a sum could change.
        "margin": round(pair.margin, 6),
        "confidence": round(pair.confidence, 6),
        "weight": round(pair.weight, 6),
        "source": pair.source,
    }
