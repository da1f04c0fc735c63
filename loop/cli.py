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

from loop.judge_cli import cache_app, judge_app
from loop.options import RUNS, AnyRun, Assignments, ConfigFile, Json, Output, RunName, StoreUrl
from loop.people_cli import accounts_app, labels_app, serve

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
review_app = typer.Typer(
    help="Label comparisons, see how many wait, and what labels changed.", no_args_is_help=True
)
app.add_typer(runs_app, name="runs")
app.add_typer(config_app, name="config")
app.add_typer(policy_app, name="policy")
app.add_typer(export_app, name="export")
app.add_typer(judge_app, name="judge")
app.add_typer(review_app, name="review")
app.add_typer(cache_app, name="cache")
app.add_typer(accounts_app, name="accounts")
app.add_typer(labels_app, name="labels")
app.command("serve")(serve)


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
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/starter.yaml.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="At most so many rounds in all.")] = None,
    assignments: Assignments = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="Name of the run. Default: the file's name.")] = None,
    store: StoreUrl = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell the judge's calls, tokens and cost to expect.")
    ] = False,
    requested: Annotated[
        bool,
        typer.Option("--requested", help="Play the oldest run that was asked for on a page or by the API."),
    ] = False,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Start a run, or go on with it.

    The same command resumes after a crash or Ctrl-C, and extends a finished run with a higher --rounds. With
    --requested it needs no CONFIG: the stored configuration that was asked for is played.
    """
    if requested:
        if config or rounds or assignments or name or dry_run:
            raise typer.BadParameter("--requested plays what was asked for: give --store and --output only")
        from loop.commands.requested import play_requested

        return play_requested(store, output, as_json=as_json)
    if config is None:
        raise typer.BadParameter("say which configuration to play, or --requested", param_hint="CONFIG")
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


@runs_app.command("requested")
def requested_runs(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """List the runs that people asked for; `rlaif run --requested` plays the oldest."""
    from loop.commands.requested import list_requested

    list_requested(store, output, everything=everything, as_json=as_json)


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


@review_app.command("ledger")
def review_ledger(
    run: RunName,
    index: Annotated[int | None, typer.Option("--round", min=1, help="Default: every round.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Default: everybody's labels.")] = None,
    stage: Annotated[
        Literal["pair", "gate", "audit", "calibration"] | None, typer.Option(help="Default: every stage.")
    ] = None,
    store: StoreUrl = None,
    output: Output = RUNS,
    as_json: Json = False,
) -> None:
    """Show what every label changed: pairs flipped, dropped, added; decisions turned; or nothing, and why."""
    from loop.commands.ledger import show_ledger

    show_ledger(run, index, reviewer, stage, store, output, as_json=as_json)


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
