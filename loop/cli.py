"""The command line: every command's words and options, and what becomes of an error.

What a command does stands in `loop.commands`, a noun a file. Those modules are imported when their command runs, and
only then: this is the one place of ours where imports stand inside functions, so that `rlaif --help`, a typing
error or a refused configuration is answered at once, without a database or a model library being loaded.
"""
# ruff: noqa: PLC0415

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

EXIT_CODES = """\
\b
Exit codes:
  0    done
  1    unexpected error
  2    bad input or configuration; nothing was started
  3    the run stopped half-way; the same command resumes it
  130  interrupted; the same command resumes it
\b
An error is one message on stderr; --debug or RLAIF_DEBUG=1 adds the traceback.
"""

app = typer.Typer(
    name="rlaif",
    help="Let a language model improve itself by AI feedback, and stop it when evidence says it no longer does.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help takes half the time of boxes
    pretty_exceptions_enable=False,
)
runs_app = typer.Typer(help="List runs, or show the rounds of one.", invoke_without_command=True)
config_app = typer.Typer(help="Check a configuration, or read what can be set.", no_args_is_help=True)
policy_app = typer.Typer(help="List, roll back or export policy revisions.", no_args_is_help=True)
export_app = typer.Typer(help="Write the pairs of a run to a file.", no_args_is_help=True)
judge_app = typer.Typer(help="Measure a judge by itself, without a run.", no_args_is_help=True)
review_app = typer.Typer(help="Label comparisons, and see how many wait.", no_args_is_help=True)
cache_app = typer.Typer(
    help="See or prune the answers that are kept of external judges.", no_args_is_help=True
)
app.add_typer(runs_app, name="runs")
app.add_typer(config_app, name="config")
app.add_typer(policy_app, name="policy")
app.add_typer(export_app, name="export")
app.add_typer(judge_app, name="judge")
app.add_typer(review_app, name="review")
app.add_typer(cache_app, name="cache")

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/starter.yaml.")
]
Assignments = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as gate.labels=100. Repeatable."),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run; `rlaif runs` lists them.")]
AnyRun = Annotated[str | None, typer.Option("--run", help="Name of a run. Default: wherever it is found.")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", envvar="RLAIF_STORE", help="Default: sqlite:///OUTPUT/rlaif.db."),
]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs' files.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
RUNS = Path("runs")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"rlaif {version('rlaif')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["RLAIF_DEBUG"] = "1"


@app.command("run")
def run_config(
    config: ConfigFile,
    rounds: Annotated[int | None, typer.Option(min=1, help="At most so many rounds in all.")] = None,
    assignments: Assignments = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="Name of the run. Default: the file's name.")] = None,
    store: StoreUrl = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell the judge's calls, tokens and cost to expect.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a run, or go on with it.

    The same command resumes after a crash or Ctrl-C, and extends a finished run with a higher --rounds.
    """
    from loop.commands.outcome import Invocation

    asked = Invocation(config, rounds, assignments, name, store)
    read = asked.config()  # refused, if at all, before the seconds that torch takes to load

    if dry_run:
        from loop.commands.dry_run import show_forecast

        return show_forecast(read, asked, as_json=as_json)

    from loop.commands.run import run_and_show

    return run_and_show(read, asked, as_json=as_json)


@runs_app.callback()
def _runs(
    context: typer.Context, store: StoreUrl = None, output: Output = RUNS, as_json: Json = False
) -> None:
    """List the runs of a store; `rlaif runs show RUN` shows one."""
    if context.invoked_subcommand is None:
        from loop.commands.runs import list_runs

        list_runs(store, output, as_json=as_json)


@runs_app.command("show")
def show_run(run: RunName, store: StoreUrl = None, output: Output = RUNS, as_json: Json = False) -> None:
    """Show the rounds of a run, in any state."""
    from loop.commands.runs import show_run

    show_run(run, store, output, as_json=as_json)


@app.command("report")
def report(run: RunName, store: StoreUrl = None, output: Output = RUNS) -> None:
    """Write the HTML report of a run, in any state."""
    from loop.commands.report import write_run_report

    write_run_report(run, store, output)


@app.command("league")
def league(run: RunName, store: StoreUrl = None, output: Output = RUNS, as_json: Json = False) -> None:
    """Rate every policy a run has trained, each against each, by its judge on held-out prompts.

    The answers are those of the gates, so only judging is paid, and once. Reported; decides nothing.
    """
    from loop.commands.league import show_league

    show_league(run, store, output, as_json=as_json)


@app.command("show")
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="An id (rev_…, par_…, ver_…), or its beginning.")],
    run: AnyRun = None,
    full: Annotated[bool, typer.Option("--full", help="Show long texts whole.")] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Walk anything back to what made it.

    A policy to its pairs, a pair to its verdicts and labels, a verdict to the exact prompt the judge saw.
    """
    from loop.commands.show import show_unit

    show_unit(id, run, store, output, full=full, as_json=as_json)


@config_app.command("check")
def check_config(config: ConfigFile, assignments: Assignments = []) -> None:  # noqa: B006
    """Check a configuration and its prompts without loading a model or spending anything."""
    from loop.commands.config import check_config

    check_config(config, assignments)


@config_app.command("reference")
def config_reference() -> None:
    """Print every key, its type, default and meaning (Markdown)."""
    from loop.reference import reference

    typer.echo(reference(), nl=False)


@policy_app.command("list")
def list_policies(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Default: every run.")] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """List policy revisions and what the gate decided on them."""
    from loop.commands.policy import list_policies

    list_policies(run, store, output)


@policy_app.command("rollback")
def roll_back(
    run: RunName,
    revision: Annotated[
        str, typer.Argument(metavar="REVISION", help="A revision (rev_…), or its beginning.")
    ],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; kept with the decision.")] = "",
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Make an earlier revision the policy again; the next round starts from it."""
    from loop.commands.policy import roll_back

    roll_back(run, revision, reason, store, output)


@policy_app.command("export")
def export_policy(
    run: RunName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Default: the one that ships.")] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Copy a policy, verified, with its provenance, to a folder that transformers loads."""
    from loop.commands.policy import export_policy

    export_policy(run, folder, revision, store, output)


@export_app.command("pairs")
def export_pairs(
    run: RunName,
    format: Annotated[
        Literal["trl", "jsonl"],
        typer.Option("--format", help="trl: prompt, chosen, rejected; jsonl: with ids, margins and sources."),
    ] = "trl",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Default: stdout.")] = None,
    index: Annotated[int | None, typer.Option("--round", min=1, help="Default: every round.")] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Write the preference pairs of a run as JSON Lines."""
    from loop.commands.export import export_pairs

    export_pairs(run, format, out, index, store, output)


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


@review_app.command("next")
def review_next(
    run: AnyRun = None,
    reviewer: Annotated[
        str | None, typer.Option(envvar="RLAIF_REVIEWER", help="Your name. Default: your user's.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Go on until none is left.")] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Label one comparison, blind: no verdict is shown and the sides are shuffled."""
    from loop.commands.review import review_next

    review_next(run, reviewer, store, output, everything=everything)


@review_app.command("status")
def review_status(run: AnyRun = None, store: StoreUrl = None, output: Output = RUNS) -> None:
    """Show how much has been drawn, labelled and skipped."""
    from loop.commands.review import review_status

    review_status(run, store, output)


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
    as_json: Json = False,
) -> None:
    """Try to fool a judge: what each attack pattern adds to a poor answer's chance against a good one."""
    from loop.commands.judge_attack import attack_judge

    names = [name for part in patterns.split(",") if (name := part.strip())]
    attack_judge(judge, prompts, seed, names, as_json=as_json)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command (default: that of `sys.argv`) and return its exit code; `EXIT_CODES` says what each means."""
    # Read by OpenMP when torch loads it, here and in the processes we start. Threads that wait by spinning, as they do
    # by default, take the cores from the work they wait for wherever something else runs too: with two runs on two
    # cores this is ten times as fast, and alone it costs nothing measurable.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    try:
        app(args=arguments, prog_name="rlaif")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from loop.exits import explain

        if os.environ.get("RLAIF_DEBUG"):
            traceback.print_exc()
        code, message = explain(error)
        print(message, file=sys.stderr)  # noqa: T201
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
