"""What only a real connection shows: bodies without a length, heads without a body, and nothing in the log."""

import logging
import socket
from urllib.parse import urlsplit

import pytest

from review.accounts.journal import Actor
from review.web.settings import ServeSettings
from store.store import Store
from tests.review.serving import PASSWORD, Served, serving


def spoken(site: Served, *parts: bytes) -> bytes:
    """All that comes back on one connection, until the server closes it."""
    address = urlsplit(site.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        for part in parts:
            line.sendall(part)
        taken = b""
        while piece := line.recv(65536):
            taken += piece
    return taken


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", "")).encode()


@pytest.mark.parametrize("path", ["/login", "/api/v1/runs/none/votes"])
def test_a_body_beyond_the_limit_is_refused_over_a_socket(store: Store, path: str) -> None:
    with serving(store, ServeSettings(max_request=2000)) as site:
        session = f"Cookie: rlaif_session={site.session('rita')}"
        kind = "Content-Type: application/x-www-form-urlencoded"
        body = b"name=" + b"x" * 300_000  # more than one read of a socket
        told = head("POST", path, kind, session, f"Content-Length: {len(body)}", "Connection: close")
        assert spoken(site, told, body).startswith(b"HTTP/1.1 413 ")
        untold = head("POST", path, kind, session, "Transfer-Encoding: chunked", "Connection: close")
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        expected = (
            b"HTTP/1.1 413 " if path == "/login" else b"HTTP/1.1 4"
        )  # refused before it is read, or there
        assert spoken(site, untold, chunks).startswith(expected)


def test_head_has_no_body_over_a_socket(served: Served) -> None:
    said = spoken(served, head("HEAD", "/login", "Connection: close"))
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"\r\n\r\n")
    assert b"<html" not in said


def test_a_request_of_two_lengths_is_not_heard(served: Served) -> None:
    sent = head("POST", "/login", "Content-Length: 0", "Transfer-Encoding: chunked", "Connection: close")
    said = spoken(served, sent, b"0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")


def test_no_secret_of_an_address_is_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    link = served.desk.invite("lead", Actor("ada"))
    with caplog.at_level(logging.DEBUG):
        client = served.client()
        assert client.get(f"/join/{link}").status_code == 200
        made = client.post(f"/join/{link}", data={"name": "lena", "password": PASSWORD})
        assert made.status_code == 303
        assert client.get(f"/join/{link}").status_code == 410
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert not [line for line in ours if link in line or PASSWORD in line]


@pytest.mark.parametrize("proxied", [True, False])
def test_the_address_that_a_proxy_tells_is_believed_of_a_proxy_alone(store: Store, proxied: bool) -> None:
    settings = ServeSettings(base_url="https://review.example.org", behind_proxy=proxied)
    with serving(store, settings) as site:
        said = {"Origin": settings.url, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        # Most proxies put their own name for us into Host, unless they are told not to.
        for host in ("review.example.org", urlsplit(site.url).netloc):
            sent = {**said, "Host": host}
            made = site.client().post("/login", data={"name": "rita", "password": PASSWORD}, headers=sent)
            assert made.status_code == 303
            name, value = made.headers["set-cookie"].split(";")[0].split("=")
            assert name == "__Host-rlaif"
            page = site.client().get("/account", headers={**sent, "Cookie": f"{name}={value}"}).text
            assert ("198.51.100.7" in page, "127.0.0.1" in page) == (proxied, not proxied)
