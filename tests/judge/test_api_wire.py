"""Connections against a socket that says what it likes: whole answers, in every form, and broken ones."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from judge.api.failures import Transient
from judge.api.wire import PooledWire, Response, TransportWire, open_wire, proxy_for

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return head + await reader.readexactly(int(length.partition(b":")[2]))


def says(*answers: bytes, end: bool = True) -> Play:
    """Each request on a connection gets the next of `answers`; then the connection is closed."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request(reader)
            writer.write(answer)
            await writer.drain()
        if not end:
            await reader.read()
        writer.close()

    return play


def asked(play: Play, times: int = 1, base: str = "http://{}/v1") -> tuple[list[Response], int]:
    """The answers to so many requests, one after the other, and how many connections they took."""
    opened = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await play(reader, writer)

    async def ask() -> list[Response]:
        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        wire = PooledWire(base.format(f"{host}:{port}"), "sesame")
        try:
            return [await wire.post("/chat", b"{}") for _ in range(times)]
        finally:
            await wire.close()
            server.close()

    return asyncio.run(ask()), opened


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit: 7\r\n\r\nhi"


def test_an_answer_has_status_headers_and_body_and_leaves_the_connection_open() -> None:
    answers, opened = asked(says(OK, OK, OK), times=3)
    assert [(a.status, a.headers["x-limit"], a.content) for a in answers] == [(200, "7", b"hi")] * 3
    assert opened == 1


def test_what_is_sent_is_one_request_with_the_key() -> None:
    heard = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(OK)
        writer.close()

    asked(play)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer sesame\r\n" in head
    assert body == b"{}"


def test_credentials_in_the_address_are_sent_as_such_and_not_as_a_part_of_the_host() -> None:
    heard = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(OK)
        writer.close()

    asked(play, base="http://me:p%40ss@{}/v1")
    assert b"Authorization: Basic bWU6cEBzcw==\r\n" in heard[0]
    assert b"Host: 127.0.0.1:" in heard[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(zlib.compress(b"hi", wbits=31)), zlib.compress(b"hi", wbits=31)),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_every_form_of_an_answer_is_read(answer: bytes) -> None:
    answers, _ = asked(says(answer))
    assert answers[0].content == b"hi"


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
    answers, opened = asked(says(closing), times=3)
    assert len(answers) == opened == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi", "connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", "connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhi", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "connection"),
    ],
)
def test_an_answer_that_is_not_whole_is_worth_another_attempt(answer: bytes, kind: str) -> None:
    with pytest.raises(Transient) as failed:
        asked(says(answer))
    assert failed.value.kind == kind
    assert failed.value.answered


def test_an_answer_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.api.wire.LARGEST", 1000)
    with pytest.raises(Transient, match="larger than"):
        asked(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, end=False))


def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await asyncio.sleep(0.2)
        writer.write(OK.replace(b"hi", b"A!"))
        await request(reader)
        writer.write(OK.replace(b"hi", b"B!"))

    async def play() -> bytes:
        async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await (late if not connections else says(OK))(reader, writer)
            except (OSError, EOFError):
                pass  # the client left
            finally:
                writer.close()

        connections: list[Any] = []
        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        wire = PooledWire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "k")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await wire.post("/chat", b"{}")
        connections.append("second")
        await asyncio.sleep(0.3)
        answer = await wire.post("/chat", b"{}")
        await wire.close()
        server.close()
        return answer.content

    assert asyncio.run(play()) == b"hi"


def test_nobody_listening_is_told_from_a_server_that_breaks_off() -> None:
    async def ask() -> None:
        wire = PooledWire("http://127.0.0.1:9/v1", "k")
        try:
            await wire.post("/chat", b"{}")
        finally:
            await wire.close()

    with pytest.raises(Transient, match="cannot connect") as failed:
        asyncio.run(ask())
    assert not failed.value.answered


def test_a_proxy_of_the_environment_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "near.example")
    assert proxy_for("https://far.example/v1") == "http://proxy.example:3128"
    assert proxy_for("https://near.example/v1") is None
    assert proxy_for("http://far.example/v1") is None
    monkeypatch.setenv("https_proxy", "socks5://proxy.example")
    assert proxy_for("https://far.example/v1") is None


def test_a_proxy_is_asked_in_the_servers_place() -> None:
    heard = []

    async def play() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await request(reader))
            writer.write(OK)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        wire = open_wire("http://far.example/v1", "k", 4, proxy=proxy)
        assert isinstance(wire, TransportWire)
        answer = await wire.post("/chat", b"{}")
        await wire.close()
        server.close()
        return answer.content

    assert asyncio.run(play()) == b"hi"
    assert heard[0].startswith(b"POST http://far.example/v1/chat HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("error", "answered"),
    [(httpx.ConnectError("no"), False), (httpx.ConnectTimeout("no"), False), (httpx.ReadError("no"), True)],
)
def test_a_transports_errors_are_told_apart(error: Exception, answered: bool) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    async def ask() -> None:
        await TransportWire("http://far.example/v1", "k", httpx.MockTransport(fail)).post("/chat", b"{}")

    with pytest.raises(Transient) as failed:
        asyncio.run(ask())
    assert failed.value.answered is answered
