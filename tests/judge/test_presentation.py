"""Both orders are shown, and what is said about labels comes back to the right sample."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import JudgeError
from judge.presentation import present
from judge.reading import Reading, average, lowest_mass, sigmoid
from prompts.constitution import load_constitution
from prompts.hashing import content_hash
from prompts.template import load_template
from tests.judge.planted import GENERAL, better_label, planted_comparison

PAIRWISE = load_template("pairwise")


def test_each_sample_is_shown_first_once() -> None:
    one, other = present(planted_comparison(7, 3), PAIRWISE, GENERAL)
    assert one.text.index("worth=7") < one.text.index("worth=3")
    assert other.text.index("worth=3") < other.text.index("worth=7")


@pytest.mark.parametrize(("first", "second"), [(7, 3), (3, 7)])
def test_unshuffling_gives_both_orders_to_the_same_sample(first: int, second: int) -> None:
    for presentation in present(planted_comparison(first, second), PAIRWISE, GENERAL):
        label = better_label([{"content": presentation.messages[0].content}])
        by_label = (1.0, 0.0) if label == "A" else (0.0, 1.0)
        assert presentation.by_sample(by_label) == ((1.0, 0.0) if first > second else (0.0, 1.0))


def test_the_exact_prompt_is_kept_as_canonical_json_with_its_hash() -> None:
    presentation = present(planted_comparison(7, 3), PAIRWISE, GENERAL)[0]
    assert json.loads(presentation.text) == [{"role": "user", "content": presentation.messages[0].content}]
    assert presentation.hash == content_hash(presentation.text)


def test_a_comparison_made_under_another_constitution_is_refused() -> None:
    with pytest.raises(JudgeError, match="under constitution"):
        present(planted_comparison(7, 3), PAIRWISE, load_constitution("starter"))


@given(quality=st.floats(-8, 8), bias=st.floats(-8, 8))
def test_a_preference_for_a_position_cancels(quality: float, bias: float) -> None:
    """A judge whose logit is quality plus a liking for the first place."""
    one, other = present(planted_comparison(7, 3), PAIRWISE, GENERAL)

    def logprobs(logit: float) -> tuple[float, float]:
        return math.log(sigmoid(logit)), math.log(sigmoid(-logit))

    readings = (
        Reading.of_logprobs(one, logprobs(bias + quality)),
        Reading.of_logprobs(other, logprobs(bias - quality)),
    )
    assert average(*readings) == pytest.approx(sigmoid(quality), abs=1e-6)


def test_temperature_softens_and_the_lower_mass_counts() -> None:
    one, other = present(planted_comparison(7, 3), PAIRWISE, GENERAL)
    sharp = Reading.of_logprobs(one, (math.log(0.6), math.log(0.3)))
    soft = Reading.of_logprobs(one, (math.log(0.6), math.log(0.3)), temperature=4.0)
    assert sharp.p_first == pytest.approx(2 / 3)
    assert 0.5 < soft.p_first < sharp.p_first
    low = Reading.of_logprobs(other, (math.log(0.1), math.log(0.2)))
    assert lowest_mass(sharp, low) == pytest.approx(0.3)
    assert lowest_mass(sharp, Reading.of_votes(other, (1, 0))) is None


def test_votes_are_averaged_as_shares() -> None:
    one, other = present(planted_comparison(7, 3), PAIRWISE, GENERAL)
    assert average(Reading.of_votes(one, (3, 0)), Reading.of_votes(other, (1, 2))) == pytest.approx(5 / 6)
    assert average(Reading.of_votes(one, (1, 0)), Reading.of_votes(other, (1, 0))) == 0.5
