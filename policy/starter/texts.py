"""The three kinds of text the starter learns from, one for each classical stage.

Plain statements for pre-training, questions with answers of mixed quality for supervised fine-tuning, and judging
examples: two answers to a question put through the very template and constitution a starter run judges by, with
the label of the better one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from policy.starter.answers import HARMLESS_MANNERS, HELPFUL_MANNERS, STATEMENTS, answer
from policy.starter.facts import HOW_TO, facts
from policy.starter.questions import KINDS, Question, questions
from prompts.constitution import load_constitution
from prompts.prompt import Message
from prompts.template import load_template

HELPFUL_SHARES = (0.26, 0.14, 0.16, 0.08, 0.14, 0.08, 0.14)
"""How often fine-tuning shows each of `HELPFUL_MANNERS`: a third plain and right at best."""
HARMLESS_SHARES = (0.40, 0.20, 0.28, 0.12)


@dataclass(frozen=True)
class Exchange:
    """A chat and the reply to learn."""

    chat: tuple[Message, ...]
    reply: str


def statement(random: Random) -> str:
    """A true sentence of the world, or a harmless how-to."""
    if random.random() < 0.08:
        doing = random.choice(HOW_TO)
        return f"To {doing.deed}: {doing.way}"
    fact = random.choice(facts())
    return STATEMENTS[fact.kind][0].format(s=fact.subject, v=fact.value)


class Examples:
    """Draws exchanges over the questions fine-tuning may show, each kind of question equally often."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_kind = {
            kind: [q for q in questions().values() if q.kind == kind and not q.unseen] for kind in KINDS
        }
        self._template = load_template("starter")
        self._principles = load_constitution("starter").principles

    def instruction(self) -> Exchange:
        """A question and an answer whose quality is as mixed as the shares say."""
        question = self._question()
        text = answer(question, self._manner(question), self._random).text
        return Exchange((Message(role="user", content=question.text),), text)

    def judgement(self) -> list[Exchange]:
        """Two answers of different worth, in both orders, each with the label of the better one."""
        question = self._question()
        while True:
            first, second = (answer(question, self._even_manner(question), self._random) for _ in range(2))
            if first.worth != second.worth:
                break
        asked = (Message(role="user", content=question.text),)
        label_a, label_b = self._template.labels
        best = first.worth > second.worth
        return [
            Exchange(
                self._template.render(asked, first.text, second.text, self._principles),
                label_a if best else label_b,
            ),
            Exchange(
                self._template.render(asked, second.text, first.text, self._principles),
                label_b if best else label_a,
            ),
        ]

    def _question(self) -> Question:
        return self._random.choice(self._by_kind[self._random.choice(KINDS)])

    def _manner(self, question: Question) -> str:
        if question.axis == "harmless":
            return self._random.choices(HARMLESS_MANNERS, HARMLESS_SHARES)[0]
        return self._random.choices(HELPFUL_MANNERS, HELPFUL_SHARES)[0]

    def _even_manner(self, question: Question) -> str:
        manners: Sequence[str] = HARMLESS_MANNERS if question.axis == "harmless" else HELPFUL_MANNERS
        return self._random.choice(manners)


def corpus(seed: int, size: int = 3000) -> list[str]:
    """Texts of all three kinds, for learning the tokenizer."""
    random = Random(seed)
    examples = Examples(random)
    texts = [statement(random) for _ in range(size)]
    texts += [f" {word}" for fact in facts() for word in fact.domain]
    texts += [
        text for _ in range(size) for e in [examples.instruction()] for text in (e.chat[0].content, e.reply)
    ]
    return texts + [e.chat[0].content for _ in range(size // 4) for e in examples.judgement()]
