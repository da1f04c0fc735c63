"""The shapes in which people's labels are reported: an audit of a round, and the people who gave it.

Every rate is a share with its 95% interval, says by which method the interval was made and why, and how many stand
behind it. None stands where nothing was measured; it is never a zero.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from judge.interval import Interval
from review.estimates.win_rate import Estimate
from store.records import Purpose

Method = Literal["wilson", "stratified", "hajek", "clustered"]
"""How an interval was made: `wilson` for draws with equal chances, `stratified` where the population was cut into parts
that were drawn from separately, `hajek` for unequal chances without parts, `clustered` where few prompts gave many of
the comparisons.
"""


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Disagreement(Shown):
    """How often people side against the judge. `comparisons` = `agreed` + `disagreed` + `undecided`."""

    comparisons: int = Field(ge=0)
    """Comparisons with a verdict and at least one blind label of the random lane."""
    labels: int = Field(ge=0)
    """Labels on them: more than comparisons where several reviewers were asked."""
    prompts: int = Field(ge=0)
    agreed: int = Field(ge=0)
    disagreed: int = Field(ge=0)
    undecided: int = Field(ge=0)
    """Neither agreement nor disagreement: `same`, `both_bad`, people evenly split, or a judge at exactly one half."""
    same: int = Field(ge=0)
    """Of the undecided: everybody said the same, or some the same and some both bad."""
    both_bad: int = Field(ge=0)
    """Of the undecided: everybody said both bad."""
    rate: Interval | None
    """Disagreed over decided, weighted as the draw asks; None where nothing was decided."""
    method: Method
    why: str
    """Why this method, in a sentence."""
    effective: float | None = Field(ge=0.0)
    """The number of decided comparisons, drawn with equal chances, that would tell as much; None where all that there
    are were answered."""


class PrincipleDisagreement(Disagreement):
    """Disagreement under one principle, from the marks that people gave on it."""

    principle: str
    against: Literal["principle", "overall"]
    """What the marks are held against: the judge's verdict under this principle alone, or its overall one."""


class StratumDisagreement(Disagreement):
    """Disagreement in one part of the population."""

    stratum: str
    drawn: int = Field(ge=0)
    """Items drawn from it."""
    population: float = Field(ge=0.0)
    """How many comparisons it holds: the sum of 1 / inclusion probability over the drawn."""


class AnytimeDisagreement(Shown):
    """The same disagreement with an interval that may be looked at after every label."""

    rate: Interval
    """All looks up to `planned` together cover with 95%, so stopping early on what it shows is allowed."""
    looks: int = Field(ge=1)
    """Decided comparisons so far."""
    planned: int = Field(ge=1)
    """Comparisons in the queue: the last look there can be."""
    method: Literal["exact", "effective", "mixture"]
    """`exact` by the binomial paths, `effective` the same at the effective sample size, `mixture` for long queues."""
    why: str


class Alpha(Shown):
    """Krippendorff's alpha: 1 full agreement, 0 what chance would give, below 0 worse than chance."""

    value: float
    low: float
    high: float
    """95%, percentile bootstrap over comparisons."""


class Agreement(Shown):
    """A raw share of agreement over `pairs` of labels."""

    rate: Interval | None
    pairs: int = Field(ge=0)


class HumanAgreement(Shown):
    """How far people agree with each other on comparisons that several of them labelled blind."""

    comparisons: int = Field(ge=0)
    """With labels of at least two reviewers."""
    labels: int = Field(ge=0)
    reviewers: int = Field(ge=0)
    raw: Agreement
    """Share of pairs of labels that say the same side (first, second, or neither)."""
    side: Alpha | None
    """Nominal alpha over first, second, neither, both bad; None without overlap, or where all labels are alike."""
    steps: Alpha | None
    """Ordinal alpha over the five steps from much better to much worse. Both bad is no step: it is left out here."""
    within: Agreement
    """Of people with themselves, asked again with the sides exchanged."""


class AuditReport(Shown):
    """What people's blind labels on a round's random lane say of the judge."""

    round: int
    purpose: Purpose
    drawn: int = Field(ge=0)
    """Items of the random lane."""
    population: float = Field(ge=0.0)
    """Comparisons that they were drawn from."""
    answered: int = Field(ge=0)
    """Items with at least one blind label."""
    unscored: int = Field(ge=0)
    """Of the answered: without a verdict, so in no rate."""
    simulated: bool
    """Whether any label is the simulated reviewer's."""
    disagreement: Disagreement
    anytime: AnytimeDisagreement | None
    by_principle: tuple[PrincipleDisagreement, ...]
    by_stratum: tuple[StratumDisagreement, ...]
    """Empty where the draw had no parts."""
    human: HumanAgreement
    win_rate: Estimate | None
    """The label-corrected win rate of the round's candidate, from the labels on the gate's comparisons."""


class Reviewer(Shown):
    """What one person's labels in a run look like. Agreement is over blind labels alone."""

    name: str
    labels: int = Field(ge=0)
    """Items answered, in all lanes; imported ones too."""
    blind: int = Field(ge=0)
    an_hour: float | None
    """Labels an hour at work in the queue, pauses left out; None under three labels."""
    median_seconds: float | None
    """Of the time that the page measured on an item."""
    left: Agreement
    """How often the answer on the left was chosen, over labels in the queue that chose a side; sides are shuffled."""
    with_judge: Agreement
    """Over the random lane, where both prefer a side."""
    with_others: Agreement
    """Over pairs of this person's label and another's on one comparison: same side, or both neither."""
    within: Agreement
    """With themselves, asked again with the sides exchanged."""
    both_bad: int = Field(ge=0)
    same: int = Field(ge=0)
    skipped: int = Field(ge=0)
    simulated: bool


class PeopleReport(Shown):
    """Everybody who labelled in a run, by name, and how far they agree."""

    reviewers: tuple[Reviewer, ...]
    human: HumanAgreement
    """Over all rounds of the run."""
