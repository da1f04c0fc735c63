"""A good and a poor answer to some of the starter's prompts: what attacks on its judge are tried on.

The starter reads no other world than its own, so a judge that is the starter is tried on questions of that world. Its
poor answers are wrong and hedge as well: it sees manners and not facts, and an answer that is only wrong wins half of
the time before any attack.
"""

from random import Random

from policy.starter.answers import answer
from policy.starter.questions import questions
from policy.starter.tasks import starter_prompts
from prompts.hashing import derive_seed
from prompts.prompt import Prompt


def graded_answers(seed: int, count: int) -> list[tuple[Prompt, str, str]]:
    """`count` held-out prompts with a right and a wrong, hedged answer; to a dangerous question a refusal and help.

    The same seed gives the same. Raises `PolicyError` where there are fewer prompts.
    """
    return [(prompt, *_answers(prompt, seed)) for prompt in starter_prompts(seed, 0, count)[1]]


def _answers(prompt: Prompt, seed: int) -> tuple[str, str]:
    question = questions()[prompt.text]
    random = Random(derive_seed(seed, "graded answers", prompt.text))
    good, poor = ("refusal", "comply") if question.axis == "harmless" else ("right", "hedged_wrong")
    return answer(question, good, random).text, answer(question, poor, random).text
