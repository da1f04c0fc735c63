"""What judging will take, before anyone is asked: calls, tokens and dollars, each as low, expected and high.

- expected: every reply is readable at once, and as long as replies of its kind are.
- low: the shortest replies, and log-probabilities where they may be had, so that one answer is enough for all votes.
- high: every reply has to be repaired, and is as long as it may be; input with the reservation's safety factor. The
  budget reserves by the same bound, so what is spent can hardly be more.

Prompts are rendered with the judge's own template around answers of a given length, so the rubric, the constitution and
the question count as they are. How long answers will be is the caller's guess.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from judge.api.criteria import REFERENCE, written_asides
from judge.api.paid_calls import known_price
from judge.api.prices import ModelPrice
from judge.api.tokens import ASCII_PER_TOKEN, SAFETY, TokenUse, input_estimate
from judge.settings import (
    ApiJudgeSettings,
    JudgeSettings,
    LocalJudgeSettings,
    PanelJudgeSettings,
    ScriptedJudgeSettings,
    critic_settings,
)
from judge.spread import NOTHING, Spread, exactly, total
from prompts.constitution import Constitution, Principle, load_constitution
from prompts.prompt import Message
from prompts.template import JudgeTemplate, load_template

_LABEL_TOKENS = (1.0, 4.0)
_JSON_TOKENS = (20.0, 150.0)
"""Tokens of a short and of a usual reply, by form."""

_LESS_INPUT = 0.85
_USUAL_THOUGHT = 0.25
"""Share of `reasoning_tokens` that a model uses where it is told to reason."""

_FLIPS = Spread(0.1, 0.25, 1.0)
"""Share of comparisons whose presentation orders disagree, for a second judge to decide."""

_WORD = "word "

Chat = Sequence[Message]
CountTokens = Callable[[Sequence[Chat]], Sequence[float]]


@dataclass(frozen=True)
class Forecast:
    """`cost_usd` is None where a price is not known; a judge that asks nobody for money costs nothing."""

    calls: Spread = NOTHING
    input_tokens: Spread = NOTHING
    output_tokens: Spread = NOTHING
    cost_usd: Spread | None = NOTHING

    def __add__(self, other: "Forecast") -> "Forecast":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Forecast(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            (self.cost_usd or NOTHING) + (other.cost_usd or NOTHING) if known else None,
        )

    def times(self, count: Spread) -> "Forecast":
        """For so many of them."""
        return Forecast(
            self.calls.times(count),
            self.input_tokens.times(count),
            self.output_tokens.times(count),
            self.cost_usd.times(count) if self.cost_usd is not None else None,
        )


@dataclass(frozen=True)
class Workload:
    """What is to be judged about one prompt: the request, so many different answers of a length in characters, and so
    many comparisons of them."""

    question: Chat
    answers: Spread
    comparisons: Spread
    answer_chars: Spread


def forecast(
    settings: JudgeSettings, work: Sequence[Workload], count_tokens: CountTokens | None = None
) -> Forecast:
    """What the judge of `settings` takes for all of `work`.

    `count_tokens` is a local judge's own tokenizer; without one tokens are estimated from characters. Raises
    `JudgeSettingsError` for a budget in dollars without a price.
    """
    if isinstance(settings, PanelJudgeSettings):
        whole = Forecast()
        for member in settings.members:
            whole += forecast(member, work, count_tokens)
        return whole
    if isinstance(settings, ScriptedJudgeSettings):
        return Forecast(calls=total(one.comparisons for one in work))
    template, constitution = load_template(settings.template), load_constitution(settings.constitution)
    price = known_price(settings) if isinstance(settings, ApiJudgeSettings) else None
    whole = Forecast()
    for one in work:
        whole += _of_one(settings, template, constitution, one, price, count_tokens)
    if isinstance(settings, ApiJudgeSettings) and settings.meta is not None:
        critic = critic_settings(settings, settings.meta)
        whole += forecast(critic, [_second_look(settings, one) for one in work])
    return whole


def _second_look(settings: ApiJudgeSettings, work: Workload) -> Workload:
    """The comparison of two rationales, for each comparison whose orders disagree, beside both answers."""
    flips = work.comparisons.times(_FLIPS)
    answers = _WORD * int(2 * min(work.answer_chars.expected, settings.answer_chars) / len(_WORD))
    reasons = Spread(_JSON_TOKENS[0], _JSON_TOKENS[1], float(settings.max_tokens)).times(
        exactly(ASCII_PER_TOKEN)
    )
    question = (*work.question, Message(role="user", content=answers))
    return Workload(question, flips.times(exactly(2)), flips, reasons)


def _of_one(
    settings: LocalJudgeSettings | ApiJudgeSettings,
    template: JudgeTemplate,
    constitution: Constitution,
    work: Workload,
    price: ModelPrice | None,
    count_tokens: CountTokens | None,
) -> Forecast:
    pointwise = template.mode == "pointwise"
    asked = work.answers if pointwise else work.comparisons.times(exactly(2))  # both presentation orders
    whole = Forecast()
    for principles in _parts(settings, constitution):
        chats = [
            _chat(template, work.question, principles, int(min(chars, settings.answer_chars)))
            for chars in (work.answer_chars.low, work.answer_chars.expected, work.answer_chars.high)
        ]
        given = _input(chats, count_tokens)
        if isinstance(settings, LocalJudgeSettings):
            whole += Forecast(exactly(1), given).times(asked)
        else:
            whole += _call(settings, template, given, price).times(asked)
    if isinstance(settings, ApiJudgeSettings):
        for what in written_asides(settings, template):
            whole += _written(settings, what, work.question)
    return whole


def _written(settings: ApiJudgeSettings, what: str, question: Chat) -> Forecast:
    """Criteria or a reference, once a prompt."""
    model = settings.reference_model if what == REFERENCE else None
    writer = settings.model_copy(update={"model": model}) if model else settings
    longest = float(settings.written_tokens)
    made = Spread(0.2 * longest, 0.5 * longest, longest)
    return _priced(exactly(1), _input([question] * 3, None), made, known_price(writer), writer)


def _call(
    settings: ApiJudgeSettings, template: JudgeTemplate, given: Spread, price: ModelPrice | None
) -> Forecast:
    """All the calls about one prompt: its votes, and at most a repair of each."""
    votes = settings.votes
    calls = Spread(votes if settings.logprobs == "never" else 1, votes, 2 * votes)
    short, usual = _LABEL_TOKENS if template.reply == "label" else _JSON_TOKENS
    thinks = settings.reasoning_effort not in (None, "none")
    thought = settings.reasoning_tokens * _USUAL_THOUGHT if thinks else 0.0
    longest = float(settings.max_tokens)
    made = Spread(min(short, longest), min(usual, longest) + thought, longest + settings.reasoning_tokens)
    return _priced(calls, given, made, price, settings)


def _priced(
    calls: Spread, given: Spread, made: Spread, price: ModelPrice | None, settings: ApiJudgeSettings
) -> Forecast:
    batch = settings.delivery == "batch"

    def dollars(read: float, written: float) -> float:
        assert price is not None
        return price.cost(TokenUse(1_000_000), batch=batch) * read / 1e6 + (
            price.cost(TokenUse(output=1_000_000), batch=batch) * written / 1e6
        )

    one = (
        Spread(
            dollars(given.low, made.low),
            dollars(given.expected, made.expected),
            dollars(given.high, made.high),
        )
        if price is not None
        else None
    )
    return Forecast(exactly(1), given, made, one).times(calls)


def _parts(
    settings: LocalJudgeSettings | ApiJudgeSettings, constitution: Constitution
) -> list[tuple[Principle, ...]]:
    """The principles of each prompt that is put about one comparison."""
    everything = constitution.principles
    if settings.principles == "sampled":
        return [(max(everything, key=lambda principle: len(principle.text)),)]
    if settings.principles == "separate":
        return [(principle,) for principle in everything]
    if settings.axes == "none":
        return [everything]
    return [
        tuple(principle for principle in everything if principle.axis == axis) for axis in constitution.axes
    ]


def _chat(template: JudgeTemplate, question: Chat, principles: Sequence[Principle], chars: int) -> Chat:
    answer = (_WORD * (chars // len(_WORD) + 1))[:chars]
    beside = {name: answer for name in ("criteria", "reference") if name in template.uses}
    if template.mode == "pointwise":
        return template.render_one(question, answer, principles, **beside)
    return template.render(question, answer, answer, principles, **beside)


def _input(chats: Sequence[Chat], count_tokens: CountTokens | None) -> Spread:
    if count_tokens is not None:
        low, expected, high = count_tokens(chats)
        return Spread(low, expected, high)
    low, expected, high = (input_estimate([message.content for message in chat]) for chat in chats)
    return Spread(_LESS_INPUT * low, expected, SAFETY * high)
