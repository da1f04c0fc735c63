"""`rlaif serve`: the pages and the API over a store, until it is told to stop."""

import socket
import ssl
import sys
from pathlib import Path

from rich.console import Console

from loop.commands.opening import open_store
from loop.errors import BadServing
from review.web.app import create_app
from review.web.server import server
from review.web.settings import ServeSettings

_SWITCH_S = 0.0005
"""After so long a busy thread lets others run. Every question to the database is such a moment for a request, and with
Python's own 5 ms each one would wait that long for whatever the keeper of the books is counting."""


def serve(settings: ServeSettings, url: str | None, output: Path) -> None:
    """Serve until SIGINT or SIGTERM. Raises BadServing for settings that contradict each other."""
    _refuse(settings)
    listening = _listen(settings)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    sys.setswitchinterval(_SWITCH_S)
    with open_store(url, output) as store:
        app = create_app(store, settings)
        console.print(f"Serving {store.database} at {settings.url} — Ctrl-C ends it.", markup=False)
        for warning in cautions(settings):
            console.print(f"Warning: {warning}", style="yellow", markup=False)
        first = app.state.site.desk.first_link()
        if first is not None:
            console.print(
                f"There is no account yet. Make the first one, an admin's, within 24 hours at\n  "
                f"{settings.url}/join/{first}",
                markup=False,
            )
        server(app, settings).run(sockets=[listening])


def _listen(settings: ServeSettings) -> socket.socket:
    """Taken before anything is printed: a link to a server that cannot be there helps nobody."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: else the end of an answer waits 40 ms for the reader to confirm its beginning.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise BadServing(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}. Another program may "
            "be there already; choose another with --port or --host."
        ) from error
    return listening


def _refuse(settings: ServeSettings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise BadServing("--tls-cert and --tls-key belong together: give both, or neither.")
    for file in (settings.tls_cert, settings.tls_key):
        if file is not None and not file.is_file():
            raise BadServing(f"there is no file {file}.")
    if settings.tls_cert is not None:
        try:
            # An empty password: a key that has one is refused here instead of asked about on a terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                settings.tls_cert, settings.tls_key, lambda: ""
            )
        except (ssl.SSLError, OSError, ValueError) as error:
            raise BadServing(
                f"{settings.tls_cert} and {settings.tls_key} are not a certificate (PEM) and its own key without a "
                f"password: {error}."
            ) from error
    if settings.behind_proxy and not settings.secure:
        raise BadServing(
            "--behind-proxy needs --base-url https://…, the address at which browsers reach the proxy."
        )


def cautions(settings: ServeSettings) -> list[str]:
    """What an operator should know about this way of serving."""
    if settings.public and settings.tls_cert is None:
        return [
            "other machines can reach this, and passwords and answers cross the network unencrypted. Give "
            "--tls-cert and --tls-key, or serve on loopback behind a proxy with --behind-proxy and an https "
            "--base-url."
        ]
    if settings.secure and settings.tls_cert is None and not settings.behind_proxy:
        return [
            "an https --base-url without --tls-cert means that a proxy stands before this; without --behind-proxy "
            "everybody has the proxy's address, and shares its limit of failed logins."
        ]
    return []
