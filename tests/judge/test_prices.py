"""Prices: whose they are, what a call costs by them, and that an unknown price is never nothing."""

from datetime import date
from pathlib import Path

import pytest

from judge.api.prices import ModelPrice, load_prices, price_of
from judge.api.tokens import TokenUse, at_most, input_estimate
from judge.errors import JudgeSettingsError

OPENAI = "https://api.openai.com/v1"


def test_every_shipped_price_says_where_and_when_it_was_read():
    prices = load_prices()
    assert prices
    for name, price in prices.items():
        assert price.source is not None, name
        assert price.source.startswith("https://"), name
        assert price.as_of is not None, name
        assert date(2024, 1, 1) < price.as_of < date(2100, 1, 1), name
        assert price.endpoint == "api.openai.com", name
        assert 0 < (price.cached_input or 0) <= price.input < price.output, name


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-audio-preview", None),
        ("gpt-5-pro", None),
        ("gpt-4", None),
        ("mystery", None),
    ],
)
def test_a_model_is_priced_by_the_longest_name_it_is_a_version_of(model, like):
    prices = load_prices()
    assert price_of(model, OPENAI, prices) == (prices[like] if like else None)


def test_a_shipped_price_is_not_the_price_of_the_same_name_at_another_address():
    assert price_of("gpt-4o", "https://models.example/v1", load_prices()) is None
    assert price_of("gpt-4o", "http://127.0.0.1:8000/v1", load_prices()) is None


def test_users_prices_come_before_the_shipped_ones_and_a_star_takes_what_begins_so(tmp_path: Path):
    file = tmp_path / "prices.yaml"
    file.write_text("gpt-4o: {input: 1, output: 2}\nmy-*: {input: 3, output: 4}\n")
    for prices in (
        load_prices(str(file)),
        load_prices({"gpt-4o": ModelPrice(input=1, output=2), "my-*": ModelPrice(input=3, output=4)}),
    ):
        assert price_of("gpt-4o", "https://anywhere.example", prices) == ModelPrice(input=1, output=2)
        assert price_of("my-judge-large", OPENAI, prices) == ModelPrice(input=3, output=4)
        assert price_of("gpt-4o-mini", OPENAI, prices) == load_prices()["gpt-4o-mini"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m: {input: -1, output: 2}", "m.input"),
        ("m: {input: 1}", "m.output"),
        ("m: {input: 1, output: 2, outptu: 3}", "m.outptu"),
        ("m: [", "not valid YAML"),
    ],
)
def test_prices_that_cannot_be_read_are_refused_by_name(tmp_path: Path, text, said):
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(JudgeSettingsError, match=rf"judge\.prices: .*{said}"):
        load_prices(str(file))
    with pytest.raises(JudgeSettingsError, match="nowhere"):
        load_prices(str(tmp_path / "nowhere.yaml"))


def test_each_class_of_tokens_costs_its_own_price():
    price = ModelPrice(input=2, cached_input=0.5, output=8, reasoning=4, batch=0.5)
    used = TokenUse(input=1_000_000, cached=400_000, output=500_000, reasoning=100_000)
    assert price.cost(used) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.4 * 8 + 0.1 * 4)
    assert price.cost(used, batch=True) == pytest.approx(price.cost(used) / 2)
    plain = ModelPrice(input=2, output=8)
    assert plain.cost(used) == pytest.approx(2 + 4)


def test_the_reservation_is_above_the_estimate_and_holds_the_whole_output():
    chat = [{"role": "user", "content": "word " * 400}]
    most = at_most({"model": "m", "messages": chat, "max_tokens": 50, "n": 3})
    assert most.output == 150
    assert most.input == round(1.5 * input_estimate([chat[0]["content"]]))
    assert at_most({"messages": chat, "max_completion_tokens": 70}).output == 70
    assert input_estimate(["日本語"]) > input_estimate(["abc"])
