"""An API judge as the tests build it, and the servers that it is put before."""

import asyncio
import json
from typing import Any

from judge import ApiJudge, ApiJudgeSettings
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.judge.chat_server import Behaviour, Body, completion
from tests.judge.planted import GENERAL, better_label, planted_comparison

Answer = tuple[int, dict[str, str], Any]


def judge_for(url: str, *, template: str = "pairwise_json", **settings: Any) -> ApiJudge:
    asked = {"attempts": 3, "timeout_s": 5.0, "deadline_s": 10.0, "concurrency": 4} | settings
    return ApiJudge(
        ApiJudgeSettings(base_url=url, model="test-model", template=template, **asked),
        load_template(template),
        GENERAL,
    )


def judged(judge: ApiJudge, comparisons: list[Comparison]) -> list[Verdict]:
    async def collect() -> list[Verdict]:
        return [verdict async for verdict in judge.compare(comparisons)]

    return asyncio.run(collect())


def one(judge: ApiJudge, first: int = 7, second: int = 3) -> Verdict:
    (verdict,) = judged(judge, [planted_comparison(first, second)])
    return verdict


def spoken(body: Body) -> str:
    return json.dumps({"reasoning": "one is worth more", "verdict": better_label(body["messages"])})


def perfect(body: Body, _: int) -> Answer:
    return 200, {}, completion(spoken(body))


def refuses(*parameters: str) -> Behaviour:
    """A perfect judge on a server that knows none of these parameters."""

    def behave(body: Body, number: int) -> Answer:
        for parameter in parameters:
            if parameter in body:
                error = {"message": f"Unsupported parameter: '{parameter}'", "param": parameter, "code": None}
                return 400, {}, {"error": error}
        return perfect(body, number)

    return behave


def failing(status: int, message: str = "no", code: str | None = None, **headers: str) -> Behaviour:
    return lambda _body, _number: (status, headers, {"error": {"message": message, "code": code}})
