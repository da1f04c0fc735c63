"""A small HTTP/1.1 server on a loopback socket that can also break off in the middle of an answer.

One request at a time on a connection, kept alive; bodies with a `Content-Length` only. What asyncio's streams or a
framework would add costs more processor time than everything that is measured here.
"""

import asyncio
from collections.abc import Callable

from judge.rehearsal.faulty_answer import Answer

Respond = Callable[[str, str, str, bytes], Answer]
"""(method, path, Authorization header, body) to an answer whose `delay` is set."""


class LoopbackServer:
    """Answers as `respond` says. `in_flight` requests are being answered now, `peak` at most so far."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.in_flight = 0
        self.peak = 0

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 in the running event loop (`port` 0: a free one) and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, backlog=4096)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.drop()
            await self._server.wait_closed()

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)

    def begin(self, method: str, path: str, key: str, body: bytes) -> Answer:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        return self._respond(method, path, key, body)

    def end(self) -> None:
        self.in_flight -= 1


class _Connection(asyncio.Protocol):
    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._server.end()
        self._server.closed(self)

    def drop(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._timer is None:
            self._take()

    def _take(self) -> None:
        """Begin on the first request in the buffer, if it is there whole."""
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        line, *fields = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)
        }
        try:
            method, path, _ = line.split(" ", 2)
            whole = end + int(headers.get("content-length", "0"))
        except ValueError:
            self.drop()
            return
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end:whole], self._buffer[whole:]
        answer = self._server.begin(method, path, headers.get("authorization", ""), body)
        self._timer = asyncio.get_running_loop().call_later(answer.delay or 0.0, self._send, answer)

    def _send(self, answer: Answer) -> None:
        assert self._transport is not None  # the timer ends with the connection
        self._transport.write(answer.to_bytes())
        if answer.cut is not None:
            self._timer = asyncio.get_running_loop().call_later(answer.hold, self._transport.close)
            return
        self._timer = None
        self._server.end()
        if self._buffer:
            self._take()
