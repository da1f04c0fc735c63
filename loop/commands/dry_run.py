"""`rlaif run --dry-run`: what the judge will be asked and what that costs, with nothing loaded, asked or spent."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.engine import make_url

from judge.cost import JudgeCost, dollars, spent_by
from judge.forecast import Forecast
from judge.settings import ApiJudgeSettings
from judge.spread import Spread
from loop.check import check
from loop.commands.outcome import Invocation
from loop.config import RunConfig
from loop.forecast import RunForecast, forecast_run
from store.errors import NotFound
from store.store import Store


def show_forecast(config: RunConfig, asked: Invocation, *, as_json: bool) -> None:
    """Check the configuration, then tell what its judging takes."""
    prompts = check(config, secrets=False)
    rounds = asked.rounds or config.rounds
    spent = JudgeCost()
    if _begun(config):
        with Store.open(config.store_url) as store:
            try:
                run = store.run(asked.run)
            except NotFound:
                found = forecast_run(config, prompts, rounds, None)
            else:
                found, spent = forecast_run(config, prompts, rounds, run), spent_by(run)
    else:
        found = forecast_run(config, prompts, rounds, None)
    if as_json:
        sys.stdout.write(json.dumps(_entry(found, spent), indent=2) + "\n")
    else:
        _print(Console(), config, found, spent)


def _begun(config: RunConfig) -> bool:
    """Whether there is a store already; looking must not make one."""
    if config.store.url_env:
        return False
    url = make_url(config.store_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _print(console: Console, config: RunConfig, found: RunForecast, spent: JudgeCost) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("", "calls", "tokens in", "tokens out", "US dollars"):
        table.add_column(column, justify="right" if column else "left")
    rows = {f"  {stage}": one for stage, one in found.stages.items()}
    rows = {"each round": found.round, **rows, f"{found.rounds} rounds": found.run}
    for name, one in rows.items():
        table.add_row(
            Text(name, style="" if name.startswith(" ") else "bold"),
            _counts(one.calls),
            _counts(one.input_tokens),
            _counts(one.output_tokens),
            _money(one),
        )
    console.print(table)
    console.print(Text("Expected, and below it low–high. Nothing was asked or spent.", "dim"))
    console.print(Text(_grounds(found), "dim"))
    for judge in config.judges:
        if isinstance(judge, ApiJudgeSettings) and (judge.budget.usd or judge.budget.tokens):
            limits = [f"${judge.budget.usd:,.2f}"] if judge.budget.usd else []
            limits += [f"{judge.budget.tokens:,} tokens"] if judge.budget.tokens else []
            console.print(Text(f"Budget of {judge.model}: {' and '.join(limits)}."))
    if spent.calls:
        console.print(Text(f"Spent so far: {spent.sentence}."))


def _grounds(found: RunForecast) -> str:
    lengths = (
        f"Answers are taken to be as long as {found.measured:,} that this run has"
        if found.measured
        else "Answers are guessed to take 40% (10%–100%) of sampler.max_new_tokens"
    )
    high = "; high: every reply is as long as it may be and has to be repaired" if found.paid else ""
    return f"{lengths}; tokens are counted by {found.tokens_by}{high}. What the cache holds is not taken off."


def _counts(spread: Spread) -> Text:
    shown = [_short(count) for count in (spread.expected, spread.low, spread.high)]
    return _spread(*shown)


def _money(one: Forecast) -> Text:
    cost = one.cost_usd
    if cost is None:
        return Text("price not known", style="yellow")
    if cost.high == 0.0:
        return Text("none")
    return _spread(dollars(cost.expected), dollars(cost.low), dollars(cost.high))


def _spread(expected: str, low: str, high: str) -> Text:
    text = Text(expected)
    return text if low == expected == high else text.append(f"\n{low}–{high}", style="dim")


def _short(count: float) -> str:
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if count >= factor:
            return f"{count / min(factor, 1e3 if unit == 'k' else factor):,.1f}{unit}"
    return f"{count:,.0f}"


def _entry(found: RunForecast, spent: JudgeCost) -> dict[str, Any]:
    return {
        "rounds": found.rounds,
        "stages": {name: asdict(one) for name, one in found.stages.items()},
        "round": asdict(found.round),
        "run": asdict(found.run),
        "measured_answers": found.measured,
        "tokens_by": found.tokens_by,
        "spent": spent.model_dump(),
    }
