"""The audit's figures on published labels: three people on each of 999 comparisons (PandaLM's test set)."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from review.estimates.alpha import human_agreement
from review.estimates.rate import disagreement_rate
from review.estimates.sampled import sampled
from store.answered import Answer, Drawn

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "pandalm" / "testset-v1.json"
VALUES = {"0": "same", "1": "better", "2": "worse"}

pytestmark = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the public data is not here")


@pytest.fixture(scope="module")
def rows():
    found = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return [
        {name: str(value) for name, value in row.items()} for row in found
    ]  # some texts are numbers there


def answers(rows, probability=1.0, annotators=(1, 2, 3), strata=None):
    """Everybody's label on each row, as the store would give them."""
    return [
        Answer(
            item_id=row["idx"], comparison_id=row["idx"], prompt_id=row["instruction"] + row["input"],
            reviewer=f"annotator{number}", value=VALUES[row[f"annotator{number}"]], marks={}, swapped=False,
            seconds=None, created_at=datetime(2023, 6, 8, tzinfo=UTC), source="import", round=1, purpose="train",
            lane="random", inclusion_probability=probability if strata is None else strata[row["idx"]][1],
            stratum="" if strata is None else strata[row["idx"]][0], repeat_of=None,
        )
        for row in rows
        for number in annotators
    ]  # fmt: skip


def longer(rows):
    """A judge that knows length alone; equal lengths leave it undecided."""
    return {
        row["idx"]: 0.5 + 0.4 * float(np.sign(len(row["response1"]) - len(row["response2"]))) for row in rows
    }


def sides(rows):
    """By row: 1 where most people side against the judge of length, 0 where with it, NaN where undecided."""
    judged, found = longer(rows), []
    for row in rows:
        said = Counter(VALUES[row[f"annotator{number}"]] for number in (1, 2, 3))
        lean = said["better"] - said["worse"]
        against = float((lean > 0) != (judged[row["idx"]] > 0.5))
        found.append(np.nan if lean == 0 or judged[row["idx"]] == 0.5 else against)
    return np.array(found)


def test_people_agree_as_far_as_other_ways_of_counting_say(rows):
    found = human_agreement(answers(rows))
    table = np.array([[int(row[f"annotator{number}"]) for row in rows] for number in (1, 2, 3)])
    assert (found.comparisons, found.labels, found.reviewers) == (999, 2997, 3)
    assert found.side.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    # With as many raters on each row, alpha is Fleiss' kappa but for its small-sample correction.
    kappa = fleiss_kappa(aggregate_raters(table.T)[0])
    assert found.side.value == pytest.approx(kappa + (1 - kappa) / 2997, abs=1e-9)
    pairs = [np.mean(table[a] == table[b]) for a, b in combinations(range(3), 2)]
    assert found.raw.rate.value == pytest.approx(np.mean(pairs))
    assert 0.8 < found.side.low < found.side.value < found.side.high < 0.92


def test_the_whole_set_has_the_rate_there_is_and_an_interval_for_other_prompts(rows):
    """Its rows are several of each prompt, so the interval is that of a bootstrap over prompts."""
    found = disagreement_rate(sampled(answers(rows), longer(rows), [Drawn("random", "", 1.0, 999)]))
    against = sides(rows)
    assert (found.interval.value, found.method) == (pytest.approx(np.nanmean(against)), "clustered")
    prompts = np.unique([row["instruction"] + row["input"] for row in rows], return_inverse=True)[1]
    decided = ~np.isnan(against)
    sums = np.bincount(prompts[decided], against[decided]), np.bincount(prompts[decided])
    draws = np.random.default_rng(1).integers(0, len(sums[0]), (4000, len(sums[0])))
    low, high = np.quantile(sums[0][draws].sum(axis=1) / sums[1][draws].sum(axis=1), [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(low, abs=0.01),
        pytest.approx(high, abs=0.01),
    )


def test_a_random_sample_covers_the_whole_set(rows):
    """2,000 audits of 60 rows each, the judge being the longer answer."""
    rng = np.random.default_rng(9)
    everything, judged, against = answers(rows, 60 / 999), longer(rows), sides(rows)
    truth, hits = np.nanmean(against), 0
    for draw in range(2000):
        drawn = rng.permutation(999)[:60]
        chosen = [answer for i in drawn for answer in everything[3 * i : 3 * i + 3]]
        found = disagreement_rate(sampled(chosen, judged, [Drawn("random", "", 60 / 999, 60)]))
        hits += found.interval.low <= truth <= found.interval.high
        if draw < 20 and found.method == "wilson":
            own = against[drawn][~np.isnan(against[drawn])]
            size = len(own) * 998 / 939  # without replacement
            low, high = proportion_confint(own.mean() * size, size, method="wilson")
            assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    assert 0.93 <= hits / 2000 <= 0.97


def test_a_stratified_sample_covers_it_too_and_is_weighed_by_size(rows):
    """Rows of unlike lengths are drawn five times as densely as the others."""
    rng = np.random.default_rng(10)
    ratio = np.array([len(row["response1"]) / max(1, len(row["response2"])) for row in rows])
    part = (np.abs(np.log(np.maximum(ratio, 1e-2))) > 1.5).astype(int)
    sizes, wanted = np.bincount(part), np.array([45, 30])
    judged, against = longer(rows), sides(rows)
    truth, hits, naive = np.nanmean(against), 0, []
    strata = {row["idx"]: (f"{part[i]}", wanted[part[i]] / sizes[part[i]]) for i, row in enumerate(rows)}
    everything = answers(rows, strata=strata)
    design = [Drawn("random", str(code), wanted[code] / sizes[code], int(wanted[code])) for code in (0, 1)]
    for _ in range(2000):
        drawn = np.r_[tuple(rng.permutation(np.flatnonzero(part == code))[: wanted[code]] for code in (0, 1))]
        chosen = [answer for i in drawn for answer in everything[3 * i : 3 * i + 3]]
        found = disagreement_rate(sampled(chosen, judged, design))
        own = against[drawn]
        weight = 1 / np.array([strata[rows[i]["idx"]][1] for i in drawn])
        decided = ~np.isnan(own)
        assert found.interval.value == pytest.approx(np.average(own[decided], weights=weight[decided]))
        hits += found.interval.low <= truth <= found.interval.high
        naive.append(own[decided].mean())
    assert 0.93 <= hits / 2000 <= 0.97
    assert abs(np.mean(naive) - truth) > 0.02
