"""What a model's tokens cost, by class, from a data file that users can override.

A price belongs to a model at an address: the same name served by somebody else costs something else. It is found by
the longest model name that the asked name begins with, where what follows is nothing or a dated version, so that
`gpt-4o` prices `gpt-4o-2024-08-06` and not `gpt-4o-audio-preview`; a name that ends in `*` stands for everything that
begins so. A model that is not found has no price, and what it costs is unknown, which is not nothing.
"""

import re
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from judge.api.tokens import TokenUse
from judge.errors import JudgeSettingsError
from prompts.settings import Settings
from prompts.strict_yaml import read_yaml

_MILLION = 1_000_000
_VERSION = re.compile(r"(?:[-@:](?:\d{4}-?\d{2}-?\d{2}|\d{3,8}|latest))?")


class ModelPrice(Settings):
    """Dollars per million tokens of each class."""

    input: float = Field(ge=0.0, description="Input tokens.")
    output: float = Field(ge=0.0, description="Output tokens.")
    cached_input: float | None = Field(
        default=None, ge=0.0, description="Input tokens that the provider had cached. Default: as `input`."
    )
    reasoning: float | None = Field(
        default=None, ge=0.0, description="Hidden reasoning tokens. Default: as `output`."
    )
    batch: float = Field(
        default=1.0, gt=0.0, le=1.0, description="Factor on all of them for requests delivered in batches."
    )
    endpoint: str | None = Field(
        default=None, description="Host the price belongs to. Default: wherever a model has this name."
    )
    as_of: date | None = Field(default=None, description="When the figures were checked.")
    source: str | None = Field(default=None, description="Where they are published.")

    def cost(self, used: TokenUse, *, batch: bool = False) -> float:
        """US dollars for these tokens."""
        cached = self.input if self.cached_input is None else self.cached_input
        reasoning = self.output if self.reasoning is None else self.reasoning
        dollars = (
            (used.input - used.cached) * self.input
            + used.cached * cached
            + (used.output - used.reasoning) * self.output
            + used.reasoning * reasoning
        ) / _MILLION
        return dollars * self.batch if batch else dollars


Prices = Mapping[str, ModelPrice]
_PRICES = TypeAdapter(dict[str, ModelPrice])


def load_prices(overrides: str | Prices | None = None) -> Prices:
    """The shipped prices, with those of `overrides` (a YAML file or prices by model name) in their place.

    Raises `JudgeSettingsError` for a file that cannot be read or does not hold prices.
    """
    shipped = _read(
        files("judge.api").joinpath("prices.yaml").read_text(encoding="utf-8"), "judge/api/prices.yaml"
    )
    if overrides is None:
        return shipped
    if not isinstance(overrides, str):
        return {**shipped, **overrides}
    try:
        text = Path(overrides).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeSettingsError(f"judge.prices: {overrides}: cannot read it: {error}") from error
    return {**shipped, **_read(text, overrides)}


def price_of(model: str, base_url: str, prices: Prices) -> ModelPrice | None:
    """The price of `model` at this address; None where it is not known."""
    host = urlsplit(base_url).hostname
    for name in sorted(
        prices, key=lambda name: (len(name.rstrip("*")), not name.endswith("*")), reverse=True
    ):
        price = prices[name]
        if price.endpoint in (None, host) and _names(name, model):
            return price
    return None


def _names(name: str, model: str) -> bool:
    if name.endswith("*"):
        return model.startswith(name[:-1])
    return model.startswith(name) and _VERSION.fullmatch(model, len(name)) is not None


def _read(text: str, place: str) -> dict[str, ModelPrice]:
    try:
        return _PRICES.validate_python(read_yaml(text) or {})
    except yaml.YAMLError as error:
        raise JudgeSettingsError(f"judge.prices: {place}: not valid YAML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise JudgeSettingsError(f"judge.prices: {place}: {faults}") from error
