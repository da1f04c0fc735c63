"""A budget that cannot be overrun: every call reserves the most it may cost before it is sent.

After the call the reservation gives way to what the server reported. A call that does not fit beside the reservations
of others waits for them to settle; one that does not fit with nothing else in flight stops the run. So the run ends
with no call in flight, nothing is lost, and a larger budget goes on from there. What a run spent in earlier sessions
counts: it stands in the store.

Left out: attempts that ended without an answer (a timeout, a broken connection). A provider may bill them, and
nothing in the protocol says whether it did.
"""

import asyncio
from collections import deque
from typing import Protocol

from pydantic import Field

from judge.api.prices import ModelPrice
from judge.api.tokens import TokenUse
from judge.errors import JudgeSettingsError, JudgeStopped
from prompts.settings import Settings


class BudgetSettings(Settings):
    """What external judges of a run may spend in all, earlier sessions included. Not set: no limit."""

    usd: float | None = Field(
        default=None, gt=0.0, description="US dollars; the model's price must be known."
    )
    tokens: int | None = Field(default=None, gt=0, description="Input and output tokens together.")


class Reservation(Protocol):
    def settle(self, used: TokenUse, cost_usd: float | None) -> None:
        """The call was answered and took this."""
        ...

    def release(self) -> None:
        """The call was not answered. Without effect after `settle`."""
        ...


class Budget(Protocol):
    async def reserve(self, most: TokenUse, usd: float) -> Reservation:
        """Set aside the most that a call may take and cost. Raises `JudgeStopped` where it does not fit any more."""
        ...


class SpendingBudget:
    """The budget of one run; `spent_usd` and `spent_tokens` are of its earlier sessions."""

    def __init__(self, limits: BudgetSettings, *, spent_usd: float = 0.0, spent_tokens: int = 0) -> None:
        self._limits = limits
        self._usd = spent_usd
        self._tokens = spent_tokens
        self._held_usd = 0.0
        self._held_tokens = 0
        self._held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def spent_usd(self) -> float:
        return self._usd

    @property
    def spent_tokens(self) -> int:
        return self._tokens

    async def reserve(self, most: TokenUse, usd: float) -> "Held":
        """See `Budget.reserve`."""
        while not self._fits(usd, most.total):
            if not self._held:
                raise JudgeStopped(self._exhausted(usd, most.total))
            await self._settlement()
        self._held += 1
        self._held_usd += usd
        self._held_tokens += most.total
        return Held(self, usd, most.total)

    def _fits(self, usd: float, tokens: int) -> bool:
        limits = self._limits
        in_money = limits.usd is None or self._usd + self._held_usd + usd <= limits.usd
        return in_money and (
            limits.tokens is None or self._tokens + self._held_tokens + tokens <= limits.tokens
        )

    async def _settlement(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _give_back(self, usd: float, tokens: int) -> None:
        self._held -= 1
        # No reservation is none at all: sums of floats must not leave dust behind.
        self._held_usd = self._held_usd - usd if self._held else 0.0
        self._held_tokens -= tokens
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _spend(self, usd: float, tokens: int) -> None:
        self._usd += usd
        self._tokens += tokens

    def _exhausted(self, usd: float, tokens: int) -> str:
        limits = self._limits
        if limits.usd is not None and self._usd + usd > limits.usd:
            spent = f"${self._usd:,.4f} of ${limits.usd:,.4f} is spent and the next call may cost ${usd:,.4f}"
            key = "judge.budget.usd"
        else:
            spent = f"{self._tokens:,} of {limits.tokens:,} tokens are spent and the next call may take {tokens:,}"
            key = "judge.budget.tokens"
        return f"{key}: {spent}. Raise {key} and run again: verdicts so far are kept, and no call is paid for twice."


class Held:
    """A reservation of a `SpendingBudget`."""

    def __init__(self, budget: SpendingBudget, usd: float, tokens: int) -> None:
        self._budget = budget
        self._usd = usd
        self._tokens = tokens
        self._open = True

    def settle(self, used: TokenUse, cost_usd: float | None) -> None:
        """See `Reservation.settle`."""
        if self._open:
            self._budget._spend(cost_usd or 0.0, used.total)
        self.release()

    def release(self) -> None:
        """See `Reservation.release`."""
        if self._open:
            self._open = False
            self._budget._give_back(self._usd, self._tokens)


def require_price(limits: BudgetSettings, model: str, price: ModelPrice | None) -> None:
    """Raise `JudgeSettingsError` for a budget in dollars on a model without a known price."""
    if limits.usd is not None and price is None:
        raise JudgeSettingsError(
            f"judge.budget.usd: the price of {model!r} at this address is not known. Give it in judge.prices (dollars "
            "per million tokens), or set judge.budget.tokens instead."
        )
