"""Replies of more than two kinds: a third label for a tie, digits for points. Read exactly, and counted right."""

import json
import math

import pytest

from judge import ApiJudgeSettings, LocalJudgeSettings, build_judge
from judge.api.reply import Unreadable, label_logprobs, read_reply, reply_schema
from judge.presentation import Presentation
from judge.reading import Reading, average, average_tie, sigmoid
from prompts.template import load_template
from tests.judge.chat_server import Body, completion, token
from tests.judge.conftest import Serve
from tests.judge.parts import collect
from tests.judge.planted import better_label, planted_comparison
from tests.judge.test_reply import plain, tokens
from tests.judge.test_ways_integrity import PlantedReader

TIES, DIGITS = load_template("pairwise_ties"), load_template("pointwise_json")
FIRST, SECOND = Presentation((), first_shown_first=True), Presentation((), first_shown_first=False)


def logs(*shares: float) -> tuple[float, ...]:
    return tuple(math.log(share) for share in shares)


def test_a_third_label_and_digits_are_read_and_nothing_else_is() -> None:
    assert [read_reply(reply, TIES).slot for reply in "ABC"] == [0, 1, 2]
    assert read_reply('{"reasoning": "4 or 5", "verdict": "3"}', DIGITS).slot == 3
    assert read_reply('{"verdict": 0}', DIGITS).slot == 0
    assert reply_schema(DIGITS)["properties"]["verdict"]["enum"] == list("012345")
    for text in ("D", "tie", "A or C", "0"):
        with pytest.raises(Unreadable, match="none of A, B, C"):
            read_reply(text, TIES)
    for verdict in ('"6"', "6", "-1", "3.5", "true", "null", '"3/5"', '"three"', '["3"]'):
        with pytest.raises(Unreadable):
            read_reply(f'{{"verdict": {verdict}}}', DIGITS)


def test_digits_probabilities_are_read_at_the_verdict_and_share_what_is_not_listed() -> None:
    found = label_logprobs(
        tokens(
            plain('{"reasoning": "'),
            token("4", {"4": 0.9, "3": 0.1}),
            plain(" of them hold"),
            plain('", "verdict": '),
            token('"4', {'"4': 0.5, '"3': 0.2, "4": 0.1, '"5': 0.08}),
            plain('"}'),
        ),
        lambda text: read_reply(text, DIGITS),
        DIGITS.replies,
    )
    assert found is not None
    # 0, 1 and 2 are not listed: each gets a third of what is left, 0.12 / 3, less than the least listed 0.08.
    assert [math.exp(value) for value in found] == pytest.approx([0.04, 0.04, 0.04, 0.2, 0.6, 0.08])


def test_a_tie_counts_half_and_takes_nothing_from_the_odds_of_the_rest() -> None:
    reading = Reading.of_logprobs(FIRST, logs(0.45, 0.15, 0.3))
    assert reading.p_tie == pytest.approx(0.3 / 0.9)
    assert reading.logit == pytest.approx(math.log(3))
    assert reading.p_first == pytest.approx((0.45 + 0.15) / 0.9)
    assert reading.label_mass == pytest.approx(0.9)
    turned = Reading.of_logprobs(SECOND, logs(0.15, 0.45, 0.3))
    assert (turned.p_first, turned.p_tie) == pytest.approx((reading.p_first, reading.p_tie))
    votes = Reading.of_votes(SECOND, (1, 3, 4))
    assert (votes.p_first, votes.p_tie) == (pytest.approx((3 + 2) / 8), 0.5)


def test_a_temperature_softens_ties_with_the_rest() -> None:
    sharp = Reading.of_logprobs(FIRST, logs(0.2, 0.2, 0.6), temperature=0.5)
    assert sharp.p_tie == pytest.approx(0.36 / (0.04 + 0.04 + 0.36))
    assert sharp.p_first == pytest.approx(0.5)


def test_both_orders_average_the_odds_of_the_decided_and_the_shares_of_ties() -> None:
    one = Reading.of_logprobs(FIRST, logs(0.6, 0.2, 0.2))
    other = Reading.of_logprobs(SECOND, logs(0.5, 0.1, 0.4))
    tie = average_tie(one, other)
    assert tie == pytest.approx(0.3)
    logit = (math.log(3) - math.log(5)) / 2
    assert average(one, other) == pytest.approx(0.7 * sigmoid(logit) + 0.15)
    without = Reading.of_logprobs(FIRST, logs(0.6, 0.2))
    assert average_tie(without, without) is None


def test_a_judge_that_sees_no_difference_says_so(serve: Serve) -> None:
    def behave(body: Body, _: int) -> tuple[int, dict[str, str], Body]:
        if "worth=5" in body["messages"][0]["content"]:
            return 200, {}, completion("C")
        return 200, {}, completion(better_label(body["messages"]))

    settings = ApiJudgeSettings(base_url=serve(behave).url, model="m", template="pairwise_ties")
    even, clear = planted_comparison(5, 4), planted_comparison(7, 3, "And this?")
    by_id = {v.comparison_id: v for v in collect(build_judge(settings), [even, clear])}
    assert (by_id[even.id].p_first, by_id[even.id].p_tie) == (0.5, 1.0)
    assert by_id[even.id].flipped is False
    assert (by_id[clear.id].p_first, by_id[clear.id].p_tie) == (1.0, 0.0)


def test_a_local_judge_scores_three_labels() -> None:
    judge = build_judge(LocalJudgeSettings(template="pairwise_ties"), PlantedReader())
    (verdict,) = collect(judge, [planted_comparison(7, 3)])
    assert json.loads(verdict.raw)["labels"] == ["A", "B", "C"]
    assert verdict.p_tie == pytest.approx(0.05 / 0.95)
    logit = (math.log(0.8 / 0.1) + math.log(0.6 / 0.3)) / 2
    assert verdict.p_first == pytest.approx((1 - 0.05 / 0.95) * sigmoid(logit) + 0.025 / 0.95)
