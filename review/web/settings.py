"""How the pages are served: where, under which names, and how large a request may be."""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServeSettings:
    """Where and how `rlaif serve` answers. `base_url` is how browsers reach it, where that differs from host and port.

    `max_request` is in bytes, for a request's body: forms and JSON, never files.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str | None = None
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_request: int = 2 * 1024 * 1024

    @property
    def secure(self) -> bool:
        """Whether browsers come over TLS, so that the cookie may insist on it."""
        return self.url.startswith("https://")

    @property
    def url(self) -> str:
        """The address to type into a browser, without a slash at its end."""
        if self.base_url is not None:
            return self.base_url.rstrip("/")
        scheme = "https" if self.tls_cert is not None else "http"
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{self.port}"

    @property
    def public(self) -> bool:
        """Whether other machines can reach it."""
        return self.host not in LOOPBACK

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server.

        A page elsewhere can make its own name point at this machine and so read what is served here; it cannot do so
        with an address, so addresses are let through.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names():
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _names(self) -> set[str]:
        names = {*LOOPBACK, self.host.lower(), *(host.lower() for host in self.allowed_hosts)}
        if self.public:
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        if self.base_url is not None:
            names.add((urlsplit(self.base_url).hostname or "").lower())
        return names
