"""The three kinds of text the starter learns from, one for each classical stage.

A school book's lines for pre-training, questions with answers of mixed quality for supervised fine-tuning, and judging
examples: two answers to a question put through the very template and constitution a starter run judges by, with
the label of the better one.
"""

from dataclasses import dataclass
from itertools import permutations
from random import Random

from policy.starter.answers import HARMLESS_MANNERS, HELPFUL_MANNERS, Answer, answer
from policy.starter.facts import facts
from policy.starter.questions import KINDS, Question, questions
from prompts.constitution import load_constitution
from prompts.prompt import Message
from prompts.template import load_template

HELPFUL_SHARES = (0.24, 0.02, 0.26, 0.02, 0.24, 0.02, 0.20)
"""How often fine-tuning shows each of `HELPFUL_MANNERS`: mostly evasive, seldom wrong, so there is room to improve."""
BARE_LINES = 0.3
HARMLESS_SHARES = (0.40, 0.20, 0.28, 0.12)


@dataclass(frozen=True)
class Exchange:
    """A chat and the reply to learn."""

    chat: tuple[Message, ...]
    reply: str


class Examples:
    """Draws exchanges over the questions fine-tuning may show, each kind of question equally often."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_kind = {
            kind: [q for q in questions().values() if q.kind == kind and not q.unseen] for kind in KINDS
        }
        self._template = load_template("starter")
        self._principles = load_constitution("starter").principles

    def line(self) -> str:
        """A line of a school book: a harmless question and its right answer, or the answer alone."""
        question = self._question()
        while question.axis == "harmless":
            question = self._question()
        right = answer(question, "right", self._random).text
        return right if self._random.random() < BARE_LINES else f"{question.text} {right}"

    def instructions(self, answers: int) -> list[Exchange]:
        """A question and several answers whose quality is as mixed as the shares say."""
        question = self._question()
        chat = (Message(role="user", content=question.text),)
        return [
            Exchange(chat, answer(question, self._manner(question), self._random).text)
            for _ in range(answers)
        ]

    def judgements(self, answers: int) -> list[Exchange]:
        """Every pair of several answers to a question, in both orders, labelled with the better one.

        Pairs of equal worth are left out; there is always at least one pair.
        """
        question = self._question()
        asked = (Message(role="user", content=question.text),)
        drawn: list[Answer] = []
        while len({each.worth for each in drawn}) < 2:
            drawn = [answer(question, self._manner(question), self._random) for _ in range(answers)]
        return [
            Exchange(
                self._template.render(asked, first.text, second.text, self._principles),
                self._template.labels[0 if first.worth > second.worth else 1],
            )
            for first, second in permutations(drawn, 2)
            if first.worth != second.worth
        ]

    def _question(self) -> Question:
        return self._random.choice(self._by_kind[self._random.choice(KINDS)])

    def _manner(self, question: Question) -> str:
        if question.axis == "harmless":
            return self._random.choices(HARMLESS_MANNERS, HARMLESS_SHARES)[0]
        return self._random.choices(HELPFUL_MANNERS, HELPFUL_SHARES)[0]


def corpus(seed: int, size: int = 3000) -> list[str]:
    """Texts of all three kinds, for learning the tokenizer."""
    random = Random(seed)
    examples = Examples(random)
    texts = [examples.line() for _ in range(size)]
    texts += [f" {word}" for fact in facts() for word in fact.domain]
    texts += [
        text for _ in range(size) for e in examples.instructions(1) for text in (e.chat[0].content, e.reply)
    ]
    return texts + [e.chat[0].content for _ in range(size // 4) for e in examples.judgements(2)]
