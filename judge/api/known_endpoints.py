"""What is known of endpoints: asked for once for each model, then read from the store."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from judge.api.endpoint_features import EndpointFeatures
from judge.api.paid_calls import known_price
from judge.api.probe import probe
from judge.api.tokens import TokenUse
from judge.settings import ApiJudgeSettings, JudgeSettings, single_judges
from store.judge_calls import JudgeCalls, PaidCall
from store.judge_endpoints import FoundEndpoint, JudgeEndpoints


@dataclass(frozen=True)
class KnownEndpoint:
    """What `model` at `address` was found to take, and when."""

    address: str
    model: str
    features: EndpointFeatures
    probed_at: datetime


def known_endpoint(
    settings: ApiJudgeSettings, endpoints: JudgeEndpoints, *, again: bool = False
) -> KnownEndpoint:
    """What is stored about the endpoint and model of `settings`; where nothing is (or `again`), a probe, then stored.

    Raises as `judge.api.probe.probe` does.
    """
    stored = None if again else stored_endpoint(settings, endpoints)
    if stored is not None:
        return stored
    features = probe(settings)
    kept = endpoints.keep(_address(settings.base_url), settings.model, features.model_dump(mode="json"))
    return KnownEndpoint(kept.endpoint, kept.model, features, kept.probed_at)


def learn_endpoints(settings: JudgeSettings, calls: JudgeCalls, account: str) -> None:
    """Probe the endpoints of these judges that nothing is stored about; what it takes is spent on `account`.

    Raises as `judge.api.probe.probe` does.
    """
    endpoints = JudgeEndpoints(calls.database)
    for single in single_judges(settings):
        if isinstance(single, ApiJudgeSettings) and stored_endpoint(single, endpoints) is None:
            features = known_endpoint(single, endpoints).features
            calls.add(account, [_paid(single, features)])


def _paid(settings: ApiJudgeSettings, features: EndpointFeatures) -> PaidCall:
    price = known_price(settings)
    used = TokenUse(input=features.input_tokens, output=features.output_tokens)
    return PaidCall(
        key=None,
        endpoint=settings.base_url,
        model=settings.model,
        response=b"",
        input_tokens=used.input,
        output_tokens=used.output,
        cost_usd=price.cost(used) if price else None,
    )


def stored_endpoint(settings: ApiJudgeSettings, endpoints: JudgeEndpoints) -> KnownEndpoint | None:
    """What is stored, without asking anyone; None where nothing is, or was written in other terms than today's."""
    stored: FoundEndpoint | None = endpoints.find(_address(settings.base_url), settings.model)
    if stored is None:
        return None
    try:
        features = EndpointFeatures.model_validate(stored.found)
    except ValidationError:
        return None
    return KnownEndpoint(stored.endpoint, stored.model, features, stored.probed_at)


def _address(base_url: str) -> str:
    """The address without the user and password that it may hold."""
    parts = urlsplit(base_url.rstrip("/"))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
