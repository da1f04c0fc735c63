"""Judging the judge's reasons: where its two presentation orders disagree, which of its two rationales is right?

An order that prefers the one answer has said why, and so has the order that prefers the other. One of them is wrong.
A second judge is shown both as two answers to the question "which review judges these texts rightly?", in both orders
like any comparison, and its verdict takes the place of the average, which for a flip says little. A verdict whose
orders agree stays as it is, so the cost is that of the flips. Whether it gains anything is for labelled data to say:
`rlaif judge eval DATA --judge plain.yaml --judge meta.yaml --compare`.

Left out: weighing verdicts whose orders agree (there is no rival review to set against theirs) and training on the
second judge's preferences, which is what Wu et al. (2024), Meta-Rewarding Language Models, do with them.
"""

import json
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from string import Template
from typing import Any

from judge.api.reply import Reply, Unreadable, read_reply
from judge.api.usage import total
from judge.contract import Judge
from judge.errors import JudgeSettingsError
from judge.presentation import as_answer
from prompts.hashing import content_hash, content_id
from prompts.shipped import read_named
from prompts.template import JudgeTemplate, as_text, fence_for
from store.records import Comparison, Message, Prompt, Sample, Verdict

_CHUNK = 512
"""Comparisons before the first judge at once."""


class MetaJudge:
    """`judge`, with its flips decided by `critic`, which judges under the constitution of hash `constitution`.

    `template` is the first judge's: its replies are read again for the reasons of each order.
    """

    def __init__(
        self, judge: Judge, critic: Judge, template: JudgeTemplate, constitution: str, answer_chars: int
    ) -> None:
        self._judge = judge
        self._critic = critic
        self._template = template
        self._constitution = constitution
        self._answer_chars = answer_chars
        self._request = read_named("writing request", "written", (".txt",), "reviews")[2]

    @property
    def name(self) -> str:
        told = content_hash(json.dumps([self._critic.name, self._constitution, self._request]))
        return f"{self._judge.name}:meta:{told[:12]}"

    @property
    def members(self) -> tuple[Judge, ...]:
        """The judges that it asks."""
        return (self._judge, self._critic)

    async def compare(self, comparisons: Iterable[Comparison]) -> AsyncIterator[Verdict]:
        """One verdict for each comparison: first those that need no second look, as they arrive, then the others."""
        waiting = iter(comparisons)
        while chunk := list(islice(waiting, _CHUNK)):
            of = {comparison.id: comparison for comparison in chunk}
            flips: dict[str, tuple[Comparison, Verdict]] = {}
            async for verdict in self._judge.compare(chunk):
                weighing = self._weighing(of[verdict.comparison_id], verdict)
                if weighing is None:
                    yield self._own(verdict)
                else:
                    flips[weighing.id] = (weighing, verdict)
            async for weighed in self._critic.compare([weighing for weighing, _ in flips.values()]):
                yield self._decided(flips[weighed.comparison_id][1], weighed)

    def _weighing(self, comparison: Comparison, verdict: Verdict) -> Comparison | None:
        """The comparison of the two orders' reviews; None where they agree or one gave no reasons.

        Its first sample is the review of the order that shows the first sample first.
        """
        if not verdict.flipped:
            return None
        one = self._reasons(verdict, first_shown_first=True)
        other = self._reasons(verdict, first_shown_first=False)
        if one is None or other is None:
            return None
        texts = [as_answer(s.text, self._answer_chars) for s in (comparison.first, comparison.second)]
        asked = as_text(comparison.prompt.messages)
        request = Template(self._request).substitute(
            question=asked, first=texts[0], second=texts[1], fence=fence_for([asked, *texts])
        )
        prompt = Prompt(
            messages=(Message(role="user", content=request.strip()),),
            split=comparison.prompt.split,
            source=comparison.prompt.source,
        )
        name_of_label = (("first", "second"), ("second", "first"))
        reviews = [
            self._review(prompt, comparison, place, names, reasons)
            for place, (names, reasons) in enumerate(zip(name_of_label, (one, other), strict=True))
        ]
        return Comparison(
            prompt=prompt,
            first=reviews[0],
            second=reviews[1],
            round=comparison.round,
            purpose=comparison.purpose,
            constitution=self._constitution,
        )

    def _reasons(self, verdict: Verdict, *, first_shown_first: bool) -> Reply | None:
        """The first reply of this order that prefers what the order prefers, if it gives reasons."""
        p_first = verdict.p_first_shown_first if first_shown_first else verdict.p_first_shown_second
        wanted = 0 if ((p_first or 0.0) > 0.5) == first_shown_first else 1
        for said in json.loads(verdict.raw):
            if said.get("first_shown_first") is first_shown_first:
                reply = self._read(str(said.get("text", "")))
                if reply is not None and reply.slot == wanted and reply.reasoning.strip():
                    return reply
        return None

    def _read(self, text: str) -> Reply | None:
        try:
            return read_reply(text, self._template)
        except Unreadable:
            return None

    def _review(
        self, prompt: Prompt, comparison: Comparison, index: int, names: tuple[str, str], reply: Reply
    ) -> Sample:
        """An order's review as an answer. It says which text each label named, since the orders differ in that."""
        labels = self._template.labels
        text = (
            f"The {names[reply.slot]} text is better. "
            f"(In this review {labels[0]} is the {names[0]} text and {labels[1]} the {names[1]}.)\n"
            f"{reply.reasoning.strip()}"
        )
        return Sample(
            prompt_id=prompt.id,
            policy=self._judge.name,
            round=comparison.round,
            purpose=comparison.purpose,
            index=index,
            seed=0,
            settings=content_hash(f"{comparison.id} {text}"),
            text=text,
            tokens=0,
            finish_reason="stop",
        )

    def _decided(self, verdict: Verdict, weighed: Verdict) -> Verdict:
        """The flip as the second judge decides it; as it was, where that judge fails."""
        decided: dict[str, Any] = {}
        if weighed.p_first is not None:
            first_review_says_first = (verdict.p_first_shown_first or 0.0) > 0.5
            p_first = weighed.p_first if first_review_says_first else 1.0 - weighed.p_first
            decided = {"p_first": p_first, "p_tie": None}
        said = f"[reviews weighed] {weighed.rationale or weighed.unscored or ''}".strip()
        return self._own(verdict).model_copy(
            update={
                **decided,
                "rationale": f"{verdict.rationale}\n\n{said}",
                "raw": json.dumps({"judged": verdict.raw, "weighed": weighed.raw}),
                "usage": total([verdict.usage, weighed.usage]),
                "prompt_hashes": verdict.prompt_hashes + weighed.prompt_hashes,
                "prompt_texts": verdict.prompt_texts + weighed.prompt_texts,
            }
        )

    def _own(self, verdict: Verdict) -> Verdict:
        name = self.name
        id = content_id("ver", verdict.comparison_id, name)
        return verdict.model_copy(update={"judge": name, "id": id})


def require_reasons(template: JudgeTemplate) -> None:
    """Raise `JudgeSettingsError` unless the template's replies hold a rationale and a verdict on two answers."""
    if template.reply != "json" or template.mode != "pairwise":
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} asks for no reasons, and judge.meta weighs the reasons of two orders. "
            "Use a pairwise template with `reply: json`, such as pairwise_json, or leave judge.meta out."
        )
