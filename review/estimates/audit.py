"""What people's labels say of the judge on a round: read from the store, estimated, reported.

Only blind labels of the random lane enter: those of the targeted lane were chosen by the judge's own doubts, and a
label given after the verdict was shown follows it. Overrides and repeats are neither.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from review.estimates.alpha import human_agreement
from review.estimates.rate import Rate, disagreement_rate
from review.estimates.report import (
    AnytimeDisagreement,
    AuditReport,
    Disagreement,
    PrincipleDisagreement,
    StratumDisagreement,
)
from review.estimates.sampled import Sampled, mean_verdicts, sampled, sampled_by_mark
from review.estimates.sequence import LONGEST, anytime_interval
from review.estimates.win_rate import corrected_win_rate
from review.simulated import SIMULATED
from store.answered import Answer, Answered, Drawn
from store.records import Purpose
from store.run import RunStore


def audit(
    store: RunStore, round: int, purpose: Purpose = "train", *, confidence: float = 0.95
) -> AuditReport:
    """The audit of a round's own comparisons (or, with `purpose` gate, of its held-out ones).

    `confidence` is that of the win rate's one-sided bound, which the gate looks at (`gate.confidence`).

    A function of what is stored: the same labels give the same report, whatever the order they came in.
    """
    rows = Answered(store.database, store.name)
    answers, drawn = rows.answers(round, purpose), rows.drawn(round, purpose)
    marked = sorted(
        {principle for answer in answers if answer.lane == "random" for principle in answer.marks}
    )
    judged = rows.verdicts_on_items(round, purpose, parts=bool(marked))
    overall = mean_verdicts(judged)
    sample = sampled(answers, overall, drawn)
    rate = disagreement_rate(sample)
    by_principle = []
    for principle in marked:
        own = mean_verdicts(judged, principle)
        by_principle.append(_by_principle(answers, own or overall, drawn, principle, apart=bool(own)))
    return AuditReport(
        round=round,
        purpose=purpose,
        drawn=int(sample.drawn.sum()),
        population=float(sample.population.sum()),
        answered=len(sample.ids),
        unscored=int((~sample.scored).sum()),
        simulated=any(answer.reviewer == SIMULATED for answer in answers),
        disagreement=_disagreement(sample, rate),
        anytime=anytime_disagreement(sample, rate),
        by_principle=tuple(by_principle),
        by_stratum=_by_stratum(sample),
        human=human_agreement(answers),
        win_rate=corrected_win_rate(store, round, rows.identical(round), confidence),
    )


def _disagreement(sample: Sampled, rate: Rate) -> Disagreement:
    return Disagreement(**_figures(sample, rate))


def _figures(sample: Sampled, rate: Rate) -> dict[str, object]:
    scored = sample.scored
    against = sample.against[~np.isnan(sample.against)]
    return {
        "comparisons": int(scored.sum()),
        "labels": int(sample.labels[scored].sum()),
        "prompts": len(np.unique(sample.prompt[scored])),
        "agreed": int((against == 0.0).sum()),
        "disagreed": int((against == 1.0).sum()),
        "undecided": int(scored.sum()) - len(against),
        "same": int((sample.tied & scored).sum()),
        "both_bad": int((sample.both_bad & scored).sum()),
        "rate": rate.interval,
        "method": rate.method,
        "why": rate.why,
        "effective": rate.effective if np.isfinite(rate.effective) else None,
    }


def _by_principle(
    answers: Sequence[Answer],
    verdicts: Mapping[str, float | None],
    drawn: Sequence[Drawn],
    principle: str,
    *,
    apart: bool,
) -> PrincipleDisagreement:
    sample = sampled_by_mark(answers, verdicts, drawn, principle)
    return PrincipleDisagreement(
        principle=principle,
        against="principle" if apart else "overall",
        **_figures(sample, disagreement_rate(sample)),
    )


def _by_stratum(sample: Sampled) -> tuple[StratumDisagreement, ...]:
    if len(sample.strata) < 2:
        return ()
    found = []
    for code, stratum in enumerate(sample.strata):
        part = sample.part(code)
        found.append(
            StratumDisagreement(
                stratum=stratum,
                drawn=int(sample.drawn[code]),
                population=float(sample.population[code]),
                **_figures(part, disagreement_rate(part)),
            )
        )
    return tuple(found)


def anytime_disagreement(sample: Sampled, rate: Rate) -> AnytimeDisagreement | None:
    """The same rate for those who look at it after every label; None where there is none yet."""
    if rate.interval is None:
        return None
    looks = int((~np.isnan(sample.against)).sum())
    planned = max(int(sample.drawn.sum()), looks)
    plain = rate.method == "wilson"
    if not np.isfinite(rate.effective):
        interval = rate.interval
    elif plain:
        interval = anytime_interval(rate.interval.value, looks, planned, float(sample.population.sum()))
    else:
        scale = rate.effective / looks
        interval = anytime_interval(rate.interval.value, rate.effective, planned * scale)
    effective = planned if plain else planned * rate.effective / looks
    if effective > LONGEST:
        method, why = (
            "mixture",
            "The queue is long: valid however often it is looked at, and wider than it must be.",
        )
    elif plain:
        method, why = "exact", f"All looks from the first label to the {planned}th together cover with 95%."
    else:
        method, why = "effective", f"As if {rate.effective:.0f} labels had been drawn with equal chances."
    return AnytimeDisagreement(rate=interval, looks=looks, planned=planned, method=method, why=why)
