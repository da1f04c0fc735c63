"""A second judge decides where the first one's two orders disagree, by the reasons that each gave."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from judge import ApiJudgeSettings, Judge, JudgeSettingsError, build_judge, check_judge
from judge.measure.figures import Judged
from judge.measure.labelled import read_labelled
from judge.measure.paired import compare_judges
from judge.rehearsal.planted_reply import shown_answers
from store.records import Comparison, Verdict
from tests.judge.asking import Answer
from tests.judge.chat_server import Body, completion
from tests.judge.conftest import Serve
from tests.judge.planted import GENERAL, planted_comparison

WEIGHING = "Which of the two reviews"


def swayed(body: Body, _: int) -> Answer:
    """Takes the answer shown first where the two are close, but tells a right review from a wrong one."""
    asked = body["messages"][0]["content"]
    worths = [int(worth) for worth in re.findall(r"worth=(\d+)", asked)[:2]]
    if WEIGHING in asked:
        right = "The first text is better" if worths[0] > worths[1] else "The second text is better"
        answers = shown_answers(asked).answers
        assert answers is not None
        return 200, {}, completion("A" if right in answers[0] else "B")
    preferred = "A" if abs(worths[0] - worths[1]) < 3 or worths[0] > worths[1] else "B"
    return 200, {}, completion(json.dumps({"reasoning": f"{preferred} is plainer", "verdict": preferred}))


def silent(body: Body, number: int) -> Answer:
    """As `swayed`, but fails when it is to weigh reviews."""
    if WEIGHING in body["messages"][0]["content"]:
        return 200, {}, completion("", finish_reason="content_filter")
    return swayed(body, number)


def unexplained(body: Body, number: int) -> Answer:
    """As `swayed`, without a reason."""
    code, headers, answer = swayed(body, number)
    text = answer["choices"][0]["message"]["content"]
    if text.startswith("{"):
        answer = completion(json.dumps({"reasoning": " ", "verdict": json.loads(text)["verdict"]}))
    return code, headers, answer


def judge_at(url: str, *, meta: bool = True, template: str = "pairwise_json") -> Judge:
    asked = {"base_url": url, "model": "m", "attempts": 2, "timeout_s": 5.0, "deadline_s": 10.0}
    settings = {**asked, "template": template, "meta": {} if meta else None}
    return build_judge(ApiJudgeSettings.model_validate(settings))


def judged(judge: Judge, comparisons: list[Comparison]) -> dict[str, Verdict]:
    async def collect() -> dict[str, Verdict]:
        return {verdict.comparison_id: verdict async for verdict in judge.compare(comparisons)}

    return asyncio.run(collect())


CLOSE = planted_comparison(5, 4, "Close?")
CLOSE_TOO = planted_comparison(4, 5, "Close too?")
CLEAR = planted_comparison(9, 1, "Clear?")


def test_flips_are_decided_by_the_better_review_and_nothing_else_is_touched(serve: Serve) -> None:
    server = serve(swayed)
    plain = judged(judge_at(server.url, meta=False), [CLOSE, CLOSE_TOO, CLEAR])
    found = judged(judge_at(server.url), [CLOSE, CLOSE_TOO, CLEAR])
    assert [plain[c.id].p_first for c in (CLOSE, CLOSE_TOO, CLEAR)] == [0.5, 0.5, 1.0]
    assert [found[c.id].p_first for c in (CLOSE, CLOSE_TOO, CLEAR)] == [1.0, 0.0, 1.0]
    assert [found[c.id].usage.calls for c in (CLOSE, CLEAR)] == [4, 2]
    weighed = found[CLOSE.id]
    assert (weighed.p_first_shown_first, weighed.p_first_shown_second) == (
        1.0,
        0.0,
    )  # as the first judge said
    assert len(weighed.prompt_hashes) == len(weighed.prompt_texts) == 4
    assert json.loads(weighed.raw)["judged"] == plain[CLOSE.id].raw
    assert (found[CLEAR.id].raw, found[CLEAR.id].rationale) == (
        plain[CLEAR.id].raw,
        plain[CLEAR.id].rationale,
    )
    assert {verdict.judge for verdict in found.values()} == {judge_at(server.url).name}
    assert ":meta:" in judge_at(server.url).name
    assert not {verdict.id for verdict in found.values()} & {verdict.id for verdict in plain.values()}


def test_each_review_says_which_text_its_labels_named(serve: Serve) -> None:
    server = serve(swayed)
    judged(judge_at(server.url), [CLOSE])
    asked = [b["messages"][0]["content"] for b in server.requests if WEIGHING in b["messages"][0]["content"]]
    assert len(asked) == 2
    one, other = shown_answers(asked[0]).answers or ("", "")
    assert one.startswith(
        "The first text is better. (In this review A is the first text and B the second.)\nA is"
    )
    assert other.startswith(
        "The second text is better. (In this review A is the second text and B the first.)\nA is"
    )
    assert (other, one) == tuple(text.strip() for text in shown_answers(asked[1]).answers or ())


def test_a_flip_stays_one_where_the_second_judge_fails(serve: Serve) -> None:
    found = judged(judge_at(serve(silent).url), [CLOSE])[CLOSE.id]
    assert found.p_first == 0.5
    assert "[reviews weighed]" in found.rationale


def test_without_reasons_there_is_nothing_to_weigh(serve: Serve) -> None:
    server = serve(unexplained)
    assert judged(judge_at(server.url), [CLOSE])[CLOSE.id].p_first == 0.5
    assert not [b for b in server.requests if WEIGHING in b["messages"][0]["content"]]


def test_a_template_without_reasons_is_refused() -> None:
    settings = ApiJudgeSettings.model_validate({"model": "m", "template": "pairwise", "meta": {}})
    with pytest.raises(JudgeSettingsError, match=r"judge\.meta weighs the reasons"):
        check_judge(settings, key=False)


def test_its_gain_is_measured_on_labelled_data(serve: Serve, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"Question {n}?",
            "first": f"worth={n % 7}",
            "second": f"worth={(n + 1 + n % 4) % 7}",
            "label": "first" if n % 7 > (n + 1 + n % 4) % 7 else "second",
        }
        for n in range(28)
    ]
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    labelled = read_labelled(path, GENERAL.hash).rows
    url = serve(swayed).url
    plain, meta = (
        Judged.of(labelled, judged(judge_at(url, meta=on), [row.comparison for row in labelled]))
        for on in (False, True)
    )
    found = compare_judges("meta", meta, "plain", plain)
    assert found is not None
    assert found.accuracy == 1.0
    assert found.baseline_accuracy < 0.9
    assert found.difference.low > 0
