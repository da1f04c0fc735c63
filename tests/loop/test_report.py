"""The report: what it says of runs in any state, and that nothing in it can act."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from judge.interval import Interval
from loop.report import write_report
from loop.report.gather import gather
from loop.report.words import headline
from review.estimates.audit import audit
from review.estimates.sentence import audit_sentence
from review.rounds import TRUE_SCORE, Audit, RoundSummary
from store.store import Store

Make = Callable[..., Any]
HOSTILE = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "\u202egnirts desrever\u202c \x1b[31mred\x1b[0m \x00 \ud800",
    "{{ 7*7 }} {% include '/etc/passwd' %} &lt;b&gt;",
    "]]></svg></p><style>*{display:none}</style>",
    '" onmouseover="alert(1)',
)


class _Page(HTMLParser):
    """Collects what a browser would find: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _report(run: Any, folder: Path) -> str:
    return write_report(run.store, folder).read_text(encoding="utf-8")


def _heading(text: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_sentence_is_the_round_in_which_judge_and_gate_part(
    synthetic: Make, tmp_path: Path
) -> None:
    run = synthetic(prompts=200)
    run.play(1, 0.75, 0.1)
    run.play(2, 0.75, 0.8)
    report = _report(run, tmp_path)
    heading = _heading(report)
    assert heading.startswith("Round 2: the judge called the candidate better (0.")
    assert "60 labels of the simulated reviewer put it at 0." in heading
    assert heading.endswith("kept the incumbent.")
    page = _Page(report)
    assert "from round 1" in page.text
    assert "The judge’s word alone would also have shipped the candidate of round 2." in page.text
    for title in ("Win rate of the candidate", "Labels that agree", "True score", "Drift", "Answer lengths"):
        assert title in page.text
    assert "Answer key: for this report only; no decision reads it." in page.text
    assert page.tags.count("svg") > 10
    assert page.tags.count("article") == 10


def test_a_run_that_has_just_begun_and_one_under_way_render(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=12)
    begun = _Page(_report(run, tmp_path))
    assert "The run has just begun: no candidate has been weighed yet." in begun.text
    assert "svg" not in begun.tags
    run.play(1, 0.7, 0.1, until="judge")
    under_way = _Page(_report(run, tmp_path)).text
    assert "Round 1 is under way" in under_way
    assert "finished stages: sample, canaries, judge." in under_way


def test_a_run_without_its_first_policy_renders(synthetic: Make, store_url: str, tmp_path: Path) -> None:
    record = synthetic(prompts=3).store.record.model_copy(update={"name": "bare"})
    with Store.open(store_url) as store:
        text = write_report(store.create_run(record), tmp_path).read_text(encoding="utf-8")
    assert "none yet" in text


def test_decisions_without_labels_are_called_unaudited(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=60, reviewed=False, evidence="judge")
    run.play(1, 0.9, 0.05)
    page = _Page(_report(run, tmp_path))
    assert run.store.decisions()[0].kind == "promote"
    assert "no label checked it (unaudited): promoted." in page.text
    assert "The promotion of round 1 is unaudited: no label checked the judge." in page.text
    assert "its decisions are unaudited" in page.text
    assert "no labels" in page.text
    assert "simulated" not in page.text


def test_hostile_answers_stay_text(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=24, texts=list(HOSTILE))
    run.play(1, 0.75, 0.1)
    report = _report(run, tmp_path)
    page = _Page(report)
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [c for c in report if c in "\u202e\u202c\x1b\x00" or "\ud800" <= c <= "\udfff"]
    for shown in (
        "<script>alert(1)</script>",
        "⟨U+202E⟩gnirts",
        "{{ 7*7 }}",
        "&lt;b&gt;",
        '" onmouseover="alert(1)',
    ):
        assert shown in page.text


def test_a_hostile_name_device_and_metric_stay_text(synthetic: Make, store_url: str, tmp_path: Path) -> None:
    record = synthetic(prompts=3).store.record
    hostile = record.model_copy(update={"name": "<b>bold</b>", "device": "<i>gpu</i>\x1b[2J"})
    with Store.open(store_url) as store:
        page = _Page(write_report(store.create_run(hostile), tmp_path).read_text(encoding="utf-8"))
    assert "<b>bold</b>" in page.text
    assert "<i>gpu</i>⟨U+001B⟩[2J" in page.text


def test_the_page_needs_nothing_from_elsewhere(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=60)
    run.play(1, 0.75, 0.1)
    report = _report(run, tmp_path)
    page = _Page(report)
    fetched = [
        v
        for n, v in page.attributes
        if n in {"src", "href", "xlink:href", "action"} and not (v or "").startswith("#")
    ]
    assert fetched == []
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", report)
    assert "@import" not in report
    assert "default-src 'none'" in report
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)), "two charts use the same id"
    assert {(v or "").removeprefix("#") for n, v in page.attributes if n == "xlink:href"} <= set(ids)


def test_the_same_store_gives_the_same_bytes(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=40)
    run.play(1, 0.75, 0.1)
    first = write_report(run.store, tmp_path).read_bytes()
    assert write_report(run.store, tmp_path).read_bytes() == first
    assert not list(tmp_path.glob("*.tmp"))


def _round(**fields: object) -> RoundSummary:
    rate = Interval(value=0.55, low=0.53, high=0.56)
    base = {
        "index": 2,
        "judge_win_rate": rate,
        "judge_only_decision": "promote",
        "decision": "keep",
        "audited": True,
        "corrected_win_rate": Interval(value=0.47, low=0.4, high=0.54),
        "gate_labels": 60,
        "audit": Audit(labels=60),
    }
    return RoundSummary.model_validate(base | fields)


@pytest.mark.parametrize(
    ("rounds", "simulated", "sentence"),
    [
        (
            [_round()],
            False,
            "Round 2: the judge called the candidate better (0.55, 95% CI 0.53–0.56), 60 labels put it at 0.47: "
            "kept the incumbent.",
        ),
        ([_round(), _round(index=3, decision="promote")], False, "Round 2: "),
        ([_round(decision="promote"), _round(index=3, decision="promote")], False, "Round 3: "),
        ([_round(), RoundSummary(index=3)], False, "Round 2: "),
        ([_round(gate_labels=1)], True, "1 label of the simulated reviewer put it"),
        (
            [_round(alarms=["list_rate"])],
            False,
            "its answers drifted out of bounds (list rate): kept the incumbent.",
        ),
        ([_round(corrected_win_rate=None, audited=False)], False, "no label checked it (unaudited): kept"),
        (
            [_round(judge_win_rate=Interval(value=0.4, low=0.35, high=0.45))],
            False,
            "called the candidate worse",
        ),
        ([_round(judge_win_rate=Interval(value=0.5, low=0.45, high=0.55))], False, "saw no clear difference"),
        ([_round(judge_win_rate=None, reason="No pair passed.")], False, "Round 2: No pair passed."),
        ([RoundSummary(index=1)], False, "Round 1 is under way: no candidate has been weighed yet."),
        ([], False, "The run has just begun: no candidate has been weighed yet."),
    ],
)
def test_the_headline_of_every_state(rounds: list[RoundSummary], simulated: bool, sentence: str) -> None:
    assert sentence in headline(rounds, simulated=simulated)


def test_a_policy_that_stays_has_one_true_score(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=150)
    run.play(1, 0.75, 0.1)
    for index in (2, 3):
        run.play(index, 0.7, 0.85)
        # Every gate samples anew, so the same incumbent is measured on other answers.
        run.store.add_metrics(index, TRUE_SCORE, [(0, "incumbent", 1.5 + 0.3 * (index - 2))])
    points = gather(run.store, tmp_path).scores
    assert [point.promoted for point in points] == [True, False, False]
    assert [point.shipped for point in points] == pytest.approx([1.6, 1.6, 1.6])
    assert points[-1].judge_only == pytest.approx(1.4)
    report = _Page(_report(run, tmp_path)).text
    assert "What ships scores 1.60; the best policy of the run scores 1.60." in report
    assert "The judge’s word alone would have shipped one at 1.40." in report


def test_a_shorter_run_that_was_asked_for_is_not_called_unfinished(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=60)
    run.play(1, 0.75, 0.1)
    assert "The run is not finished: 1 of" in _Page(_report(run, tmp_path)).text
    text = write_report(run.store, tmp_path, rounds_wanted=1).read_text(encoding="utf-8")
    assert "all 1 rounds asked for were played" in _Page(text).text


def test_people_against_the_judge_stand_beside_the_decision(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=120)
    run.play(1, 0.75, 0.1)
    run.play(2, 0.75, 0.8)
    page = _Page(_report(run, tmp_path)).text
    said = audit_sentence(audit(run.store, 2), "keep")
    assert said.startswith("Round 2: the judge disagrees with the simulated reviewer on ")
    assert said in page
    assert "Simulated reviewer against the judge" in page
    for index in (1, 2):
        found = audit(run.store, index)
        for rate in (found.disagreement.rate, found.anytime.rate if found.anytime else None):
            assert rate is not None
            assert f"{100 * rate.value:.0f}% {100 * rate.low:.0f}–{100 * rate.high:.0f}%" in page
        assert found.disagreement.why in page


def test_a_round_that_nobody_checked_says_so(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=60, reviewed=False, evidence="judge")
    run.play(1, 0.9, 0.05)
    page = _Page(_report(run, tmp_path)).text
    assert "Round 1: nobody has checked the judge yet: promoted the candidate." in page
    assert "People against the judge" in page


def test_the_decision_and_the_audit_are_of_one_estimate(synthetic: Make, tmp_path: Path) -> None:
    run = synthetic(prompts=120)
    run.play(1, 0.75, 0.1)
    (decided,) = gather(run.store, tmp_path).decided
    rate = audit(run.store, 1).disagreement.rate
    assert rate is not None
    assert decided.audit.agreement == pytest.approx(1 - rate.value)
    assert (decided.audit.low, decided.audit.high) == (
        pytest.approx(1 - rate.high),
        pytest.approx(1 - rate.low),
    )
