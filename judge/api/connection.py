"""One HTTP/1.1 connection on asyncio's loop that carries a request at a time; httptools (llhttp) reads the answers.

A protocol instead of streams, and no objects for requests: that is where the processor time of HTTP clients goes.
"""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import httptools

from judge.api.failures import Transient

LARGEST = 64 * 2**20
"""Bytes of one answer; what is larger is no verdict."""

_PACKED = ("gzip", "deflate", "x-gzip")
_EITHER_WRAPPER = 47  # zlib's window bits: gzip or zlib, told by the first bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of whatever status; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Connection(asyncio.Protocol):
    """`usable` says that it is open and that nothing is on its way."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._begun = False
        self._closed = False
        self.usable = True

    async def ask(self, request: bytes) -> Response:
        """Send a whole request and wait for its answer. Raises `Transient` where none comes whole."""
        if self._closed or self._transport is None:
            raise Transient("the connection broke off", "connection")
        self.usable = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self._begun = False
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Break off, whatever is on its way."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._answer is None or self._answer.done():
            self.close()  # nobody asked for it
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Transient("the server's answer is not HTTP: it changes the protocol", "malformed"))
        except httptools.HttpParserError as error:
            self._fail(Transient(f"the server's answer is not HTTP: {error}", "malformed"))

    def connection_lost(self, error: Exception | None) -> None:
        self._closed, self.usable = True, False
        answer = self._answer
        if answer is None or answer.done():
            return
        if self._ends_with_the_connection():
            self._finish()
            return
        said = f": {error}" if error and str(error) else ""
        self._fail(Transient(f"the connection broke off{said}", "connection"))

    def on_message_begin(self) -> None:
        """Called by the parser, as are all that begin with `on_`."""
        self._headers, self._body, self._size = {}, [], 0
        if self._answer is not None and self._answer.done():
            self.close()  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._fits(len(name) + len(value)):
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        self._begun = True

    def on_body(self, body: bytes) -> None:
        if self._fits(len(body)):
            self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() >= 200:  # what is below announces another
            self._finish()

    def _fits(self, size: int) -> bool:
        self._size += size
        if self._size > LARGEST:
            self._fail(Transient(f"the server's answer is larger than {LARGEST >> 20} MiB", "malformed"))
        return self._size <= LARGEST

    def _ends_with_the_connection(self) -> bool:
        """Whether an answer has begun that has no length, so that the end of the connection is its end."""
        headers = self._headers
        return self._begun and "content-length" not in headers and "transfer-encoding" not in headers

    def _finish(self) -> None:
        parser, answer = self._parser, self._answer
        assert parser is not None
        assert answer is not None
        if answer.done():
            return
        content = b"".join(self._body)
        if self._headers.get("content-encoding") in _PACKED:
            try:
                content = zlib.decompress(content, _EITHER_WRAPPER)
            except zlib.error as error:
                self._fail(Transient(f"the server's answer cannot be unpacked: {error}", "malformed"))
                return
        answer.set_result(Response(parser.get_status_code(), self._headers, content))
        if not self._closed and parser.should_keep_alive():
            self.usable = True
        else:
            self.close()

    def _fail(self, failure: Transient) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)
        self.close()
