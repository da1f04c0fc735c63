"""The commands about people and their pages: their words and options (see `loop.cli` for why imports stand inside)."""
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated, Literal

import typer

from loop.options import RUNS, Json, Output, RunName, StoreUrl

accounts_app = typer.Typer(help="Who may log in to the pages of `rlaif serve`.", no_args_is_help=True)
labels_app = typer.Typer(help="Write people's labels to files, and take labels in.", no_args_is_help=True)
Person = Annotated[str, typer.Argument(metavar="NAME", help="An account; `rlaif accounts list` names them.")]
FileFormat = Annotated[
    Literal["jsonl", "csv", "trl", "argilla", "label-studio"],
    typer.Option("--format", help="jsonl and csv are our own; the others are those tools'."),
]
BaseUrl = Annotated[
    str,
    typer.Option("--base-url", help="Address of the pages, for the link that is printed."),
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="How browsers reach it, where not by host and port.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy on this machine does TLS; needs --base-url https://…."),
    ] = False,
    proxy: Annotated[
        list[str],
        typer.Option(metavar="ADDRESS", help="With --behind-proxy: where else it may be. Repeatable."),
    ] = [],  # noqa: B006
    allow_host: Annotated[
        list[str], typer.Option(metavar="NAME", help="A further name this server goes by. Repeatable.")
    ] = [],  # noqa: B006
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Serve the pages where people label, and where a lead sees what it shows.

    The first start prints a link that makes the first account.
    """
    from loop.commands.serve import serve
    from review.web.settings import ServeSettings

    settings = ServeSettings(
        host=host,
        port=port,
        base_url=base_url,
        behind_proxy=behind_proxy,
        proxies=tuple(proxy),
        tls_cert=tls_cert,
        tls_key=tls_key,
        allowed_hosts=tuple(allow_host),
    )
    serve(settings, store, output)


@accounts_app.command("list")
def list_accounts(store: StoreUrl = None, output: Output = RUNS, as_json: Json = False) -> None:
    """List the accounts: name, role, when they were last there."""
    from loop.commands.accounts import list_accounts

    list_accounts(store, output, as_json=as_json)


@accounts_app.command("invite")
def invite(
    role: Annotated[
        Literal["reviewer", "lead", "admin"], typer.Argument(help="What the new account may do.")
    ],
    base_url: BaseUrl = "http://127.0.0.1:8000",
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Print a one-time link that makes an account; it is good for seven days."""
    from loop.commands.accounts import invite

    invite(role, base_url, store, output)


@accounts_app.command("disable")
def disable(name: Person, store: StoreUrl = None, output: Output = RUNS) -> None:
    """Let an account log in no more, end its sessions, revoke its tokens. Its labels stay."""
    from loop.commands.accounts import disable

    disable(name, store, output)


@accounts_app.command("enable")
def enable(name: Person, store: StoreUrl = None, output: Output = RUNS) -> None:
    """Let a disabled account log in again. What was ended or revoked stays so."""
    from loop.commands.accounts import enable

    enable(name, store, output)


@accounts_app.command("role")
def set_role(
    name: Person,
    role: Annotated[Literal["reviewer", "lead", "admin"], typer.Argument(help="What it may do from now on.")],
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Give an account another role. Its sessions end."""
    from loop.commands.accounts import set_role

    set_role(name, role, store, output)


@accounts_app.command("log-out")
def log_out(name: Person, store: StoreUrl = None, output: Output = RUNS) -> None:
    """End every session of an account, and revoke its tokens. It may log in again."""
    from loop.commands.accounts import log_out

    log_out(name, store, output)


@accounts_app.command("reset-password")
def reset_password(
    name: Person, base_url: BaseUrl = "http://127.0.0.1:8000", store: StoreUrl = None, output: Output = RUNS
) -> None:
    """Print a one-time link that sets a new password; it is good for a day."""
    from loop.commands.accounts import reset_password

    reset_password(name, base_url, store, output)


@labels_app.command("export")
def export_labels(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file to write; - for stdout.")],
    format: FileFormat,
    what: Annotated[
        Literal["labels", "tasks", "pairs", "form"] | None,
        typer.Option(help="Default: labels (jsonl, csv), pairs (trl), tasks (argilla, label-studio)."),
    ] = None,
    index: Annotated[int | None, typer.Option("--round", min=0, help="Default: every round.")] = None,
    waiting: Annotated[
        bool,
        typer.Option("--include-waiting", help="Also labels on comparisons that people are still to answer."),
    ] = False,
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Write a run's labels, its open questions, or the pairs people prefer to a file.

    tasks are the questions that wait, to be answered in another tool: without verdicts, lanes or models, the sides
    shuffled anew, under names that tell nothing. form is what that tool has to be given first: Argilla's settings,
    Label Studio's labeling configuration. trl's pairs are what people prefer; `rlaif export pairs` has those that a
    round was trained on.
    """
    from loop.commands.labels import export_labels

    export_labels(run, file, format, what, index, store, output, waiting=waiting)


@labels_app.command("import")
def import_labels(
    run: RunName,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What this command's export, or a tool, wrote.")
    ],
    format: FileFormat,
    reviewer: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Who answered all of it; or THEIRS=NAME for a person of several. Repeatable.",
        ),
    ] = [],  # noqa: B006
    store: StoreUrl = None,
    output: Output = RUNS,
) -> None:
    """Take a file of labels, answered tasks or preferences in: all of it, or nothing and a list of what is wrong.

    The same file again changes nothing. Answers on tasks that were exported count for estimates where their item was
    drawn at random and still waited for answers; preferences (trl) are for pairs alone.
    """
    from loop.commands.labels import import_labels

    import_labels(run, file, format, reviewer, store, output)
