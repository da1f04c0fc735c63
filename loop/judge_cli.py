"""The command line about judges by themselves: `rlaif judge` and `rlaif cache`. It imports late, as `loop.cli` does."""
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from loop.options import RUNS, Json, Output, RunName, StoreUrl

judge_app = typer.Typer(help="Measure a judge by itself, without a run.", no_args_is_help=True)
cache_app = typer.Typer(
    help="See or prune the answers that are kept of external judges.", no_args_is_help=True
)


@judge_app.command("eval")
def judge_eval(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA", help="Labelled comparisons: a JSONL, JSON or Parquet file, or a folder."
        ),
    ] = None,
    judges: Annotated[
        list[str],
        typer.Option("--judge", metavar="JUDGE", help="A YAML file, starter or scripted. Repeatable."),
    ] = [],  # noqa: B006
    templates: Annotated[
        list[str],
        typer.Option("--template", metavar="NAME", help="In place of the judge's own. Repeatable."),
    ] = [],  # noqa: B006
    constitution: Annotated[
        str | None, typer.Option(metavar="NAME", help="In place of the judge's own.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Several judges or templates, each tested against the first.")
    ] = False,
    save_calibration: Annotated[
        bool, typer.Option("--save-calibration", help="Keep the fitted temperature for `judge.calibration`.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write figures, verdicts and a reliability plot.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the store's evaluations instead.")] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Measure a judge against people's labels: accuracy, bias, calibration, coverage, cost."""
    if listed:
        from loop.commands.judge_eval import list_evaluations

        list_evaluations(store, output, as_json=as_json)
        return
    if data is None or not judges:
        raise typer.BadParameter("needs DATA and --judge JUDGE (or --list)")
    from loop.commands.judge_eval import evaluate_judges

    evaluate_judges(
        data,
        judges,
        templates,
        constitution,
        store,
        output,
        out,
        compare=compare,
        save_calibration=save_calibration,
        as_json=as_json,
    )


@judge_app.command("calibrate")
def judge_calibrate(
    run: RunName,
    index: Annotated[int | None, typer.Option("--round", min=1, help="Default: every round.")] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Learn a judge's temperature from the labels that people gave in a run."""
    from loop.commands.judge_calibrate import calibrate

    calibrate(run, index, store, output, as_json=as_json)


@judge_app.command("attack")
def judge_attack(
    judge: Annotated[
        str,
        typer.Option("--judge", metavar="JUDGE", help="A configuration file, or starter or scripted."),
    ],
    prompts: Annotated[
        int | None, typer.Option("--prompts", min=2, metavar="N", help="Requests to try each pattern on.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    patterns: Annotated[
        str, typer.Option("--patterns", metavar="A,B", help="Only these patterns. Default: all.")
    ] = "",
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Try to fool a judge: what each attack pattern adds to a poor answer's chance against a good one."""
    from loop.commands.judge_attack import attack_judge

    names = [name for part in patterns.split(",") if (name := part.strip())]
    attack_judge(judge, prompts, seed, names, store, output, as_json=as_json)


@judge_app.command("probe")
def judge_probe(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="A YAML file whose judge is of kind api.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="In place of CONFIG: the address, version included.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="In place of CONFIG: the model's name there.")] = None,
    key: Annotated[
        str | None, typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the key.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask anew, whatever is stored.")] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Find out, once, what a model behind an API takes, and show it."""
    from loop.commands.judge_probe import probe_endpoint

    probe_endpoint(config, base_url, model, key, store, output, again=again, as_json=as_json)


@cache_app.command("stats")
def cache_stats(store: StoreUrl = None, output: Output = RUNS, as_json: Json = False) -> None:
    """Show what is kept, by model and address."""
    from loop.commands.cache import show_cache

    show_cache(store, output, as_json=as_json)


@cache_app.command("prune")
def cache_prune(
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Drop answers not used for so long, such as 30d.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Then drop the least recently used beyond this, such as 1GB."),
    ] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Drop kept answers; asking for them again costs again."""
    from loop.commands.cache import prune_cache

    prune_cache(store, output, older_than, max_size, as_json=as_json)
