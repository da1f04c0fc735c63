"""`rlaif judge probe`: what a model behind an API takes, found out once and then read from the store."""

import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.api.endpoint_features import EndpointFeatures
from judge.api.known_endpoints import KnownEndpoint, known_endpoint
from judge.settings import ApiJudgeSettings
from loop.errors import ConfigError
from loop.judge_choice import choose_judge
from review.visible import one_line
from store.judge_endpoints import JudgeEndpoints
from store.store import Store

_MEANT = {
    "models": "lists its models at /models",
    "system": "a system message",
    "temperature": "temperature 0",
    "max_tokens": "a token limit called max_tokens",
    "max_completion_tokens": "a token limit called max_completion_tokens",
    "n": "several choices in one answer",
    "logprobs": "log-probabilities with the likeliest tokens",
    "json_schema": "replies held to a JSON schema",
    "json_object": "replies held to JSON",
    "systemone": "typed decisions at /systemone",
    "decisions": "typed decisions at /decisions",
}
_STYLE = {"yes": "green", "ignored": "yellow", "no": "red"}


def probe_endpoint(
    config: Path | None,
    base_url: str | None,
    model: str | None,
    key: str | None,
    store: str | None,
    output: Path,
    *,
    again: bool,
    as_json: bool,
) -> None:
    """Print what the endpoint takes; asks it where the store does not know, or where `again` says so."""
    settings = _settings(config, base_url, model, key)
    with Store.open(store or f"sqlite:///{output / 'rlaif.db'}") as opened:
        known = known_endpoint(settings, JudgeEndpoints(opened.database), again=again)
    if as_json:
        told = {
            "endpoint": known.address,
            "model": known.model,
            "probed_at": known.probed_at.isoformat(),
            **known.features.model_dump(mode="json"),
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    _show(Console(), known)


def _settings(
    config: Path | None, base_url: str | None, model: str | None, key: str | None
) -> ApiJudgeSettings:
    if config is not None:
        if base_url or model or key:
            raise ConfigError("judge probe: give a configuration, or --base-url and --model, not both")
        settings = choose_judge(str(config)).settings
        if not isinstance(settings, ApiJudgeSettings):
            raise ConfigError(
                f"{config}: judge.kind is {settings.kind}; only a judge of kind api has an endpoint to probe"
            )
        return settings
    if not base_url or not model:
        raise ConfigError("judge probe: give a configuration, or both --base-url and --model")
    named = {"api_key_env": key} if key else {}
    return ApiJudgeSettings(base_url=base_url, model=model, **named)


def _show(console: Console, known: KnownEndpoint) -> None:
    features = known.features
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("it takes", "", "said by the server"):
        table.add_column(heading)
    for name in EndpointFeatures.names():
        finding = features.finding(name)
        table.add_row(
            _MEANT[name], Text(finding.taken, style=_STYLE[finding.taken]), Text(one_line(finding.said, 100))
        )
    console.print(Text(f"{known.model} at {known.address}", style="bold"), soft_wrap=True)
    console.print(table)
    for line in _notes(known):
        console.print(Text(line), soft_wrap=True)


def _notes(known: KnownEndpoint) -> list[str]:
    features = known.features
    listed = f"lists {features.top_logprobs} likely tokens; " if features.top_logprobs else ""
    thought = (
        f"thinks before it replies ({features.reasoning_tokens} tokens); "
        if features.reasoning_tokens
        else ""
    )
    usage = "reports tokens" if features.usage else "reports no tokens"
    return [
        f"{listed}{thought}{usage}; answers in {features.seconds:.2f} s (median)",
        f"found out {known.probed_at:%Y-%m-%d %H:%M} UTC with {features.requests} requests; --again asks anew",
    ]
