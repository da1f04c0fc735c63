"""The true score of the starter's answers by its answer key: for the report, and for the simulated reviewer.

This is the only module of the loop that knows the key, and it runs after the gate has decided. An import contract
and a test keep it so: no stage reads a true score.
"""

from statistics import fmean

from loop.config import RunConfig
from policy.source import STARTER
from policy.starter.answer_key import true_score
from prompts.prompt import Prompt
from review.rounds import TRUE_SCORE
from review.simulated import SimulatedReviewer
from store.run import RunStore


def simulated_reviewer(config: RunConfig) -> SimulatedReviewer | None:
    """The reviewer that answers from the key, where the configuration asks for one."""
    if config.reviewer.kind != "simulated":
        return None
    return SimulatedReviewer(true_score, config.reviewer.error_rate, config.seed)


def has_answer_key(config: RunConfig) -> bool:
    """Whether the run's prompts are the starter's."""
    return config.prompts.source == STARTER


def record_true_scores(store: RunStore, index: int, heldout: tuple[Prompt, ...]) -> None:
    """Put the mean true score of incumbent and candidate on the held-out prompts into the store's metrics."""
    decision = next((d for d in store.decisions() if d.round == index and d.kind != "rollback"), None)
    if decision is None or decision.candidate is None:
        return
    prompts = {prompt.id: prompt for prompt in heldout}
    for role, policy in (("incumbent", decision.incumbent), ("candidate", decision.candidate)):
        samples = store.samples(index, "gate", policy)
        mean = fmean(true_score(prompts[sample.prompt_id], sample.text) for sample in samples)
        store.add_metrics(index, TRUE_SCORE, [(0, role, mean)])
