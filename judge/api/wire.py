"""The bytes between a judge and its server: a request body out, status, headers and body back.

Judging through an API costs processor time twice: for HTTP, and for everything else. A verdict is two requests and
should cost less than a millisecond. Measured with 512 requests in flight against a loopback server, one request took
15 ms with the openai client and 17 ms with httpx (its pool looks at every connection for every request; with 16 in
flight 1.6 and 1.0 ms), 0.39 ms with httpx over aiohttp, 0.16 ms with aiohttp, and 0.05 ms with a bare protocol on
asyncio. So what stands here are connections of our own (`judge.api.connection`) around the parser that uvicorn uses.

httpx carries what needs more than that: proxies, and transports that stand in for the network.

Left out: HTTP/2 (nothing is gained where requests are few and large); redirects, which are reported.
"""

import asyncio
import base64
import contextlib
import ssl
from typing import Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from judge.api.connection import Connection, Response
from judge.api.failures import Transient

_LAST_CONNECT_S = 1.0
"""How long closing waits for connections that are on their way."""

CONNECT_S = 10.0


class Wire(Protocol):
    """Open connections to one server."""

    async def post(self, path: str, body: bytes) -> Response:
        """Send a JSON body to `path` below the base address. Raises `Transient` where no whole answer comes."""
        ...

    async def close(self) -> None: ...


class DirectWire:
    """Connections that are kept open between requests; as many as are in flight at once, which the caller bounds."""

    def __init__(self, base_url: str, key: str) -> None:
        address = urlsplit(base_url.rstrip("/"))
        secure = address.scheme == "https"
        self._host = address.hostname or ""
        self._port = address.port or (443 if secure else 80)
        self._path = address.path
        self._ssl: ssl.SSLContext | None = httpx.create_ssl_context() if secure else None
        self._head = (
            f"Host: {address.netloc.rpartition('@')[2]}\r\nAuthorization: {_authorization(base_url, key)}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
            "User-Agent: rlaif\r\nContent-Length: "
        )
        self._free: list[Connection] = []
        self._connecting: set[asyncio.Task[Connection]] = set()

    async def post(self, path: str, body: bytes) -> Response:
        """See `Wire.post`."""
        connection = await self._connection()
        request = f"POST {self._path}/{path.lstrip('/')} HTTP/1.1\r\n{self._head}{len(body)}\r\n\r\n".encode(
            "latin-1"
        )
        try:
            response = await connection.ask(request + body)
        except BaseException:
            # Whatever is still on its way must not be taken for the answer to the next request.
            connection.close()
            raise
        if connection.usable:
            self._free.append(connection)
        return response

    async def _connection(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
        # Not to be broken off: asyncio's race for the address that answers first loses a socket that is open already.
        # Where nobody waits for it any more, the connection is there for the next request.
        connecting = asyncio.get_running_loop().create_task(self._connect())
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._keep)
            raise

    def _keep(self, connecting: asyncio.Task[Connection]) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            self._free.append(connecting.result())

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await loop.create_connection(
                    Connection,
                    self._host,
                    self._port,
                    ssl=self._ssl,
                    server_hostname=self._host if self._ssl else None,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError as error:
            raise Transient(f"cannot connect within {CONNECT_S:g} s", "timeout", answered=False) from error
        except (OSError, UnicodeError) as error:
            raise Transient(f"cannot connect: {error}", "connection", answered=False) from error
        return connection

    async def close(self) -> None:
        if self._connecting:
            await asyncio.wait(self._connecting, timeout=_LAST_CONNECT_S)
            for connecting in self._connecting:
                connecting.cancel()
            await asyncio.sleep(0)  # lets what has come be kept
        for connection in self._free:
            connection.close()
        self._free.clear()
        await asyncio.sleep(0)  # lets the loop see that they are closed


class TransportWire:
    """Any transport of httpx: a proxy's, a mock, or an application in this process."""

    def __init__(self, base_url: str, key: str, transport: httpx.AsyncBaseTransport) -> None:
        self._url = base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            transport=transport,
            headers={"Authorization": _authorization(base_url, key), "Content-Type": "application/json"},
            timeout=httpx.Timeout(None, connect=CONNECT_S),
        )

    async def post(self, path: str, body: bytes) -> Response:
        """See `Wire.post`."""
        try:
            response = await self._client.post(f"{self._url}/{path.lstrip('/')}", content=body)
        except httpx.ConnectTimeout as error:
            raise Transient(f"cannot connect within {CONNECT_S:g} s", "timeout", answered=False) from error
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise Transient(f"cannot connect: {error}", "connection", answered=False) from error
        except httpx.HTTPError as error:
            raise Transient(f"the connection broke off: {error}", "connection") from error
        return Response(response.status_code, response.headers, response.content)

    async def close(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            await self._client.aclose()


def open_wire(
    base_url: str,
    key: str,
    connections: int,
    transport: httpx.AsyncBaseTransport | None = None,
    proxy: str | None = None,
) -> Wire:
    """Connections for the running event loop, through `transport` or `proxy` where one is given."""
    if transport is None and proxy is not None:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        transport = httpx.AsyncHTTPTransport(proxy=proxy, limits=limits)
    if transport is not None:
        return TransportWire(base_url, key, transport)
    return DirectWire(base_url, key)


def proxy_for(base_url: str) -> str | None:
    """The HTTP proxy that the environment names for this address."""
    address = urlsplit(base_url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    return proxy if proxy and proxy.startswith(("http://", "https://")) else None


def _authorization(base_url: str, key: str) -> str:
    """The key, or the credentials that stand in the address."""
    address = urlsplit(base_url)
    if address.username is None:
        return f"Bearer {key}"
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
