"""`rlaif serve`: the pages and the API over a store, until it is told to stop."""

from pathlib import Path

from rich.console import Console

from loop.commands.opening import open_store
from loop.errors import BadServing
from review.web.app import create_app
from review.web.server import server
from review.web.settings import ServeSettings


def serve(settings: ServeSettings, url: str | None, output: Path) -> None:
    """Serve until SIGINT or SIGTERM. Raises BadServing for settings that contradict each other."""
    _refuse(settings)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with open_store(url, output) as store:
        app = create_app(store, settings)
        console.print(f"Serving {store.database} at {settings.url} — Ctrl-C ends it.", markup=False)
        for warning in _warnings(settings):
            console.print(f"Warning: {warning}", style="yellow", markup=False)
        first = app.state.site.desk.first_link()
        if first is not None:
            console.print(
                f"There is no account yet. Make the first one, an admin's, within 24 hours at\n  "
                f"{settings.url}/join/{first}",
                markup=False,
            )
        server(app, settings).run()


def _refuse(settings: ServeSettings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise BadServing("--tls-cert and --tls-key belong together: give both, or neither.")
    for file in (settings.tls_cert, settings.tls_key):
        if file is not None and not file.is_file():
            raise BadServing(f"there is no file {file}.")
    if settings.behind_proxy and not settings.secure:
        raise BadServing(
            "--behind-proxy needs --base-url https://…, the address at which browsers reach the proxy."
        )


def _warnings(settings: ServeSettings) -> list[str]:
    if settings.public and not settings.secure:
        return [
            "other machines can reach this, and passwords and answers cross the network unencrypted. Give "
            "--tls-cert and --tls-key, or serve on loopback behind a proxy with --behind-proxy and an https "
            "--base-url."
        ]
    return []
