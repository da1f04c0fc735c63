"""A run whose prompts, answers, rationales and reasons are all hostile; voted on, decided twice, its books kept."""

from prompts.prompt import Message
from review.bookkeeping import refresh
from review.queue import claim, vote
from store.records import Checkpoint, Decision, Prompt, Sample, StageMarker
from store.run import RunStore
from store.store import Store
from tests.review.hostile import HOSTILE
from tests.review.questions_for_review import review_run

NAME = "hostile"
STORED = {name: text for name, text in HOSTILE.items() if name != "surrogate"}
"""No database keeps half a character."""


def hostile_run(store: Store, *, voted: bool = True) -> RunStore:
    """A question for each attack, and the same attacks as held-out answers of two candidates."""
    attacks = list(STORED.values())
    everything = "\n\n".join(text for text in attacks if len(text) < 1_000)
    questions = [(text, text, f"Another answer. {text}") for text in attacks]
    run = review_run(store, questions, NAME, batch=len(attacks), rationale=everything)
    if voted:
        while claimed := claim(run, "rita", count=20).items:
            for question in claimed:
                vote(run, question.item_id, "rita", "left_better", reason=everything[:4_000])
    policies = ["rev_initial", "rev_first", "rev_second"]
    for number, name in enumerate(policies):
        run.add_checkpoint(Checkpoint(id=name, sha256=f"{number:064x}", path=f"/{name}", round=number))
    prompts = [
        Prompt(messages=(Message(role="user", content=text),), split="heldout", source=f"{number}")
        for number, text in enumerate(attacks)
    ]
    run.add_prompts(prompts)
    for round in (1, 2):
        run.add_samples(
            _sample(prompt, round, policy, f"{policy} {prompt.messages[0].content}")
            for policy in policies[round - 1 : round + 1]
            for prompt in prompts
        )
        run.add_decision(
            Decision(
                round=round,
                kind="promote",
                policy=policies[round],
                incumbent=policies[round - 1],
                candidate=policies[round],
                reason=everything[:2_000],
            )
        )
        for stage in ("sample", "judge", "spot_check", "pair", "train", "gate"):
            run.mark(StageMarker(round=round, stage=stage, seconds=1.0))
    refresh(run)
    return run


def _sample(prompt: Prompt, round: int, policy: str, text: str) -> Sample:
    return Sample(
        prompt_id=prompt.id,
        policy=policy,
        round=round,
        purpose="gate",
        index=0,
        seed=0,
        settings="s",
        text=text,
        tokens=1,
        finish_reason="stop",
    )
