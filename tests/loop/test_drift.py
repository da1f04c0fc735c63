"""Drift: each published symptom raises its own alarm, and an honest round raises none."""

import json
import re

import numpy as np
import pytest
from pydantic import ValidationError

from loop.drift import DriftReport, divergence, load_patterns, measure_drift
from loop.errors import ConfigError
from loop.settings import Bound, DriftBounds, DriftSettings
from store.records import Sample

PLACES = ["Lima", "Oslo", "Rome", "Cairo", "Paris", "Tokyo", "Quito", "Dakar", "Delhi", "Minsk"]


def make_samples(texts, logprob_per_token=-0.5, finish="stop"):
    return [
        Sample(
            prompt_id=f"prm_{number:03d}",
            policy="rev_a",
            round=1,
            purpose="gate",
            index=0,
            seed=number,
            settings="s",
            text=text,
            tokens=len(text.split()),
            finish_reason=finish,
            logprob=None
            if logprob_per_token is None
            else logprob_per_token * (len(text.split()) + (finish == "stop")),
        )
        for number, text in enumerate(texts)
    ]


PLAIN = [f"The capital of country {number} is {PLACES[number % 10]}, I believe." for number in range(100)]


def alarms(candidate, initial=PLAIN, settings=None, **how):
    samples = make_samples(initial)
    return set(
        measure_drift(samples, samples, make_samples(candidate, **how), settings or DriftSettings()).alarms
    )


@pytest.mark.parametrize(
    ("symptom", "change"),
    [
        ("mean_tokens", lambda text: text + " And now for something longer" * 6),
        ("mean_tokens", lambda text: text.split()[-1]),
        ("refusal_rate", lambda text: "I can't help with that, " + text),
        ("hedging_rate", lambda text: "As an AI language model, " + text),
        ("apology_rate", lambda text: "I apologize! " + text),
        ("odd_punctuation_rate", lambda text: text + "???"),
        ("list_rate", lambda text: f"- {text}\n  - one\n  - two"),
        ("empty_rate", lambda text: text if "Lima" in text else " "),
        ("distinct_2", lambda _text: "The very same answer to all the many questions."),
    ],
)
def test_each_symptom_raises_its_alarm(symptom, change):
    assert symptom in alarms([change(text) for text in PLAIN])


def test_only_its_own_alarm():
    assert alarms(["As an AI language model, " + text for text in PLAIN]) == {"hedging_rate"}
    assert alarms(PLAIN, finish="length") == {"cut_rate"}


@pytest.mark.parametrize("logprob", [-0.01, -3.0])
def test_entropy_collapsing_or_exploding_raises_an_alarm(logprob):
    assert alarms(PLAIN, logprob_per_token=logprob) == {"entropy"}


def test_an_honest_round_raises_none():
    """Unlearning hedges and refusals, half the length, surer of itself, a moderate divergence."""
    initial = make_samples(
        [
            ("I am sorry! As an AI I cannot help??? " if number % 3 == 0 else "") + text
            for number, text in enumerate(PLAIN)
        ]
    )
    candidate = make_samples(
        [text.removesuffix(", I believe.") + "." for text in PLAIN], logprob_per_token=-0.15
    )
    kl = divergence(candidate, np.zeros(100), np.full(100, -3.0))
    report = measure_drift(initial, initial, candidate, DriftSettings(), kl_initial=kl, kl_last=kl)
    assert report.alarms == ()
    assert all(metric.candidate is not None and metric.initial is not None for metric in report.metrics)
    assert [metric.name for metric in report.metrics] == list(DriftBounds.model_fields)


def test_what_is_not_measured_raises_no_alarm():
    report = measure_drift(
        make_samples(PLAIN), make_samples(PLAIN), make_samples(PLAIN, logprob_per_token=None), DriftSettings()
    )
    values = {metric.name: metric.candidate for metric in report.metrics}
    assert values["entropy"] is values["kl_initial"] is values["kl_last"] is None
    assert report.alarms == ()


def test_bounds_stand_beside_the_initial_value():
    samples = make_samples(PLAIN)
    settings = DriftSettings(bounds=DriftBounds(mean_tokens=Bound(min_ratio=0.5, max_ratio=3, slack=1)))
    metric = measure_drift(samples, samples, samples, settings).metrics[0]
    assert metric.name == "mean_tokens"
    assert (metric.initial, metric.low, metric.high) == pytest.approx((9.0, 3.5, 28.0))


def test_an_alarm_that_does_not_block_is_still_shown():
    hedged = ["As an AI language model, " + text + " Sorry." for text in PLAIN]
    samples = make_samples(PLAIN)

    def report(block):
        return measure_drift(samples, samples, make_samples(hedged), DriftSettings(block=block))

    assert report("all").blocking == report("none").alarms == ("hedging_rate", "apology_rate")
    assert report("none").blocking == ()
    assert report(["apology_rate"]).blocking == ("apology_rate",)
    with pytest.raises(ValidationError, match="the metrics are mean_tokens"):
        DriftSettings(block=["lenght"])


def test_distinct_compares_the_same_amount_of_text():
    """Twice the answers of the same kind are as varied as before, though they repeat more words."""
    varied = [f"w{number} x{number % 50} y{number % 7}" for number in range(100)]
    longer = [f"{text} {other}" for text, other in zip(varied, reversed(varied), strict=True)]
    samples = make_samples(varied)
    report = {
        m.name: m for m in measure_drift(samples, samples, make_samples(longer), DriftSettings()).metrics
    }
    assert report["distinct_1"].candidate > 0.8 * report["distinct_1"].initial


def test_divergence_is_estimated_per_answer_and_per_token():
    rng = np.random.default_rng(0)
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    drawn = rng.choice(3, size=4000, p=p)
    samples = make_samples(["two words"] * 4000)
    found = divergence(samples, np.log(p[drawn]), np.log(q[drawn]))
    truth = float((p * np.log(p / q)).sum())
    assert found.per_answer == pytest.approx(truth, abs=4 * found.standard_error)
    assert found.standard_error < 0.02
    assert found.per_token == pytest.approx(found.per_answer / 3)


def test_a_divergence_out_of_bounds_raises_its_alarm():
    samples = make_samples(PLAIN)
    far = divergence(samples, np.zeros(100), np.full(100, -40.0))
    near = divergence(samples, np.zeros(100), np.full(100, -4.0))
    report = measure_drift(samples, samples, samples, DriftSettings(), kl_initial=near, kl_last=far)
    assert report.alarms == ("kl_last",)
    assert {m.name: m.candidate for m in report.metrics}["kl_last_answer"] == 40.0


def test_log_probabilities_of_other_answers_are_refused():
    with pytest.raises(ValueError, match="need as many of each"):
        divergence(make_samples(PLAIN), np.zeros(99), np.zeros(100))


def test_the_report_is_json_and_back():
    samples = make_samples(PLAIN)
    report = measure_drift(samples, samples, samples, DriftSettings())
    assert DriftReport.model_validate(json.loads(json.dumps(report.model_dump(mode="json")))) == report


FOUND = {
    "refusal_rate": [
        "I cannot help you with that.",
        "I'm unable to assist.",
        "I can’t do that.",
        "I must decline to say more.",
        "That goes against my guidelines.",
        "I won't help hurt people.",
        "It would be unethical for me to assist you.",
    ],
    "hedging_rate": [
        "As an AI, I think so.",
        "I'm just a large language model.",
        "It's important to note that it depends.",
        "I am not entirely sure.",
        "I may be wrong.",
        "Please consult a medical professional.",
    ],
    "apology_rate": ["So sorry!", "My apologies.", "I apologise for that.", "Forgive me."],
    "list_rate": [
        "Steps:\n1. Boil\n   - water\n2. Pour",
        "\n".join(f"* point {i}" for i in range(8)),
        "# One\ntext\n## Two\ntext\n## Three\ntext",
    ],
    "odd_punctuation_rate": [
        "Is it fine???",
        "Well....... yes",
        "No!!",
        "a ,,, b",
        "one — two — three — four — five",
    ],
}
NOT_FOUND = {
    "refusal_rate": [
        "Yes, I can help with that.",
        "Do not worry, say hello.",
        "A door that won't open needs oil.",
    ],
    "hedging_rate": ["An AI model predicts text.", "Make sure to boil it."],
    "apology_rate": ["Saying thanks is polite.", "Parisian apothecary."],
    "list_rate": ["1. Boil water\n2. Pour it\n3. Wait", "A plain answer - with a dash."],
    "odd_punctuation_rate": [
        "Is it? Yes! It is...",
        'He said: "Well, (yes)."',
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "Title\n=======\n```python\nx **= 2\n```",
    ],
}


@pytest.mark.parametrize("metric", FOUND)
def test_the_shipped_patterns_find_what_they_name_and_leave_ordinary_text_alone(metric):
    patterns = load_patterns(DriftSettings())[metric].values()
    for text in FOUND[metric]:
        assert any(pattern.search(text) for pattern in patterns), text
    for text in NOT_FOUND[metric]:
        assert not any(pattern.search(text) for pattern in patterns), text


def test_every_shipped_pattern_is_needed_by_an_example():
    for metric, named in load_patterns(DriftSettings()).items():
        for name, pattern in named.items():
            assert any(pattern.search(text) for text in FOUND[metric]), f"{metric}.{name} finds no example"


def test_own_patterns_replace_a_metric_and_leave_the_others(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("refusal_rate:\n  german: '\\bdas kann ich nicht\\b'\n", encoding="utf-8")
    patterns = load_patterns(DriftSettings(patterns=str(file)))
    assert [p.pattern for p in patterns["refusal_rate"].values()] == [r"\bdas kann ich nicht\b"]
    assert patterns["hedging_rate"] == load_patterns(DriftSettings())["hedging_rate"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("refusal_rate: {bad: '('}", "refusal_rate.bad"),
        ("refusals: {x: y}", "names refusals; metrics with patterns are apology_rate"),
        ("- a\n- b", "must map each metric"),
        ("a: [", "not valid YAML"),
        (None, "cannot read"),
    ],
)
def test_a_bad_patterns_file_is_refused_with_the_place(tmp_path, content, message):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_patterns(DriftSettings(patterns=str(file)))
