"""The process that serves: uvicorn, told what these pages need, and ended without leaving anybody hanging.

No access log: an address can hold the secret of a one-time link. Left out: several worker processes, since one answers
far more people than label, and reloading.
"""

import logging

import uvicorn
from fastapi import FastAPI

from review.web.patience import PatientProtocol
from review.web.settings import LOOPBACK, ServeSettings

_GRACE_SECONDS = 5
"""How long requests may go on after an order to stop; event streams end at once by themselves."""
_KEEP_ALIVE_SECONDS = 75


def server(app: FastAPI, settings: ServeSettings) -> uvicorn.Server:
    """A server of this application, not started: `run()` it, or set `should_exit` from another thread to end it."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level=logging.WARNING,
        server_header=False,
        http=PatientProtocol,
        ws="none",
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=[*LOOPBACK, *settings.proxies],
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)
