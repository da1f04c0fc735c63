"""What a judge is asked, and what its verdicts are called, where no other way of judging is configured: never changed.

Verdicts are stored under these names and prompts under these hashes. A change here orphans every stored verdict.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from judge import LocalJudge, LocalJudgeSettings, build_judge
from judge.presentation import present
from prompts.constitution import Constitution, load_constitution
from prompts.prompt import Message
from prompts.template import load_template
from store.records import Comparison, Verdict
from tests.answers import answered, asked, compared


class FixedScorer:
    revision = "rev_pinned"

    def label_logprobs(
        self, chats: Sequence[Sequence[Message]], labels: Sequence[str], batch_tokens: int
    ) -> NDArray[np.float64]:
        del labels, batch_tokens
        return np.log(np.array([[0.6, 0.3] if n % 2 == 0 else [0.2, 0.7] for n, _ in enumerate(chats)]))


def eggs(constitution: Constitution, reference: str | None = None) -> Comparison:
    prompt = asked("How do I boil an egg?", reference=reference)
    first, second = (
        answered(prompt, index, text) for index, text in enumerate(["Ten minutes.", "Six, in salted water."])
    )
    return compared(prompt, first, second, constitution.hash)


@pytest.mark.parametrize("reference", [None, "Boil it for ten minutes."])
@pytest.mark.parametrize(
    ("template", "constitution", "file", "orders"),
    [
        ("pairwise", "general", "6df5de9e2447546c", ("ea08fcc50a5bf7e5", "187223bfe7ef8a84")),
        ("pairwise_json", "general", "aa18cb8af0f60d09", ("fb03b0c2a7ed90ef", "8634e288a93a7268")),
        ("starter", "starter", "5470eb9ae268da55", ("47468b9ea09cb146", "f398d1d5d073507e")),
    ],
)
def test_the_prompts_are_byte_for_byte_what_they_were(
    template: str, constitution: str, file: str, orders: tuple[str, str], reference: str | None
) -> None:
    loaded, principles = load_template(template), load_constitution(constitution)
    assert loaded.hash.startswith(file)
    shown = present(eggs(principles, reference), loaded, principles)
    assert tuple(presentation.hash[:16] for presentation in shown) == orders


@pytest.mark.parametrize(
    ("words", "comparison", "name", "verdict"),
    [
        (
            ("pairwise", "general"),
            "cmp_7303871d17f865472341",
            "local:rev_pinned:6df5de9e2447:23cb633c9345:t1:m0.05",
            "ver_fbc11ecc8fb75ff1a689",
        ),
        (
            ("starter", "starter"),
            "cmp_cdd953090e3581c94961",
            "local:rev_pinned:5470eb9ae268:2922dbdf63c5:t1:m0.05",
            "ver_afef48f1d6a647b72de9",
        ),
    ],
)
def test_a_local_judges_verdicts_keep_their_names_and_values(
    words: tuple[str, str], comparison: str, name: str, verdict: str
) -> None:
    settings = LocalJudgeSettings(template=words[0], constitution=words[1])
    judge = build_judge(settings, FixedScorer())
    assert isinstance(judge, LocalJudge)
    asked = eggs(load_constitution(words[1]))

    async def collect() -> list[Verdict]:
        return [given async for given in judge.compare([asked])]

    (given,) = asyncio.run(collect())
    assert (asked.id, given.judge, given.id) == (comparison, name, verdict)
    assert (given.p_first, given.label_mass) == (0.7257081148225683, 0.8999999999999999)
    assert (given.p_tie, given.score_first, given.by_principle, given.by_axis) == (None, None, None, None)
