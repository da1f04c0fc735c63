"""The calls of an API judge as its settings describe them: prices, budget, cache and delivery put together."""

from collections.abc import Callable
from functools import partial

import httpx

from judge.api.address import is_loopback, require_key
from judge.api.batch import BatchDelivery
from judge.api.budget import SpendingBudget
from judge.api.completion import Completion
from judge.api.paid_calls import PaidCalls, known_price
from judge.api.prices import ModelPrice
from judge.api.stored_calls import StoredCalls
from judge.errors import JudgeSettingsError
from judge.settings import ApiJudgeSettings
from store.judge_batches import JudgeBatches
from store.judge_calls import JudgeCalls, Spending

_FILE_S = 600.0
"""Time for a file of 200 MB to be taken or given."""


def open_calls(settings: ApiJudgeSettings, kept: JudgeCalls | None = None, account: str = "") -> PaidCalls:
    """The calls of this judge, kept in a store and counted on `account` where there is a store.

    Raises `JudgeSettingsError` for prices that cannot be read, for a budget in dollars without a price, and for
    batches without a store.
    """
    price = known_price(settings)
    spent = kept.spent(account) if kept else Spending()
    delivery = None
    if settings.delivery == "batch":
        if kept is None:
            raise JudgeSettingsError(
                "judge.delivery: batch needs a store to write down what is under way, and this judge was opened "
                "without one. Set judge.delivery: live."
            )
        delivery = partial(_delivery, settings, JudgeBatches(kept.database), account, price)
    return PaidCalls(
        endpoint=settings.base_url,
        price=price,
        cache=StoredCalls(kept, account, settings.base_url) if kept else None,
        budget=SpendingBudget(settings.budget, spent_usd=spent.cost_usd, spent_tokens=spent.tokens),
        delivery=delivery,
    )


def _delivery(
    settings: ApiJudgeSettings,
    stored: JudgeBatches,
    account: str,
    price: ModelPrice | None,
    tell: Callable[[str, str], None],
) -> BatchDelivery:
    def http() -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {require_key(settings)}"},
            timeout=httpx.Timeout(_FILE_S, connect=10.0),
            follow_redirects=True,
            trust_env=not is_loopback(settings.base_url),
        )

    return BatchDelivery(
        http,
        settings.batch,
        stored,
        account=account,
        endpoint=settings.base_url,
        model=settings.model,
        price=price,
        read=Completion.read,
        tell=tell,
    )
