"""What external judges took: of a round's verdicts, and of the whole run.

The two need not add up: the run's figure is what was really asked and paid, replies that nobody could read among it; a
round's is what its verdicts stand on, also where their answers were kept from another run and cost this one nothing.
"""

from prompts.settings import Settings
from store.judge_calls import JudgeCalls
from store.judge_usage import VerdictUsage
from store.run import RunStore


class JudgeCost(Settings):
    """Calls, tokens and US dollars; `cost_usd` is None where a price is not known."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    @property
    def sentence(self) -> str:
        """In words, for a person."""
        tokens = f"{self.input_tokens:,} tokens read and {self.output_tokens:,} written"
        return f"{self.calls:,} calls, {tokens}, {dollars(self.cost_usd)}"


def cost_of(usage: VerdictUsage | None) -> JudgeCost:
    """The cost of a round's verdicts; of a judge that calls nobody, nothing."""
    if usage is None:
        return JudgeCost()
    return JudgeCost(
        calls=usage.calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )


def spent_by(store: RunStore) -> JudgeCost:
    """What the run's judge was paid in all, over every session."""
    spent = JudgeCalls(store.database).spent(store.name)
    known = spent.calls > 0 and spent.unpriced_calls == 0
    return JudgeCost(
        calls=spent.calls,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_usd=spent.cost_usd if known else None,
    )


def dollars(amount: float | None) -> str:
    """US dollars with as many digits as small sums need; a price that is not known is said, not left out."""
    if amount is None:
        return "price not known"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
