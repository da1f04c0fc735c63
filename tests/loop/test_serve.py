"""`rlaif serve`: what it refuses, what it warns of, and a process that comes, answers and goes."""

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from loop.cli import main
from loop.commands.serve import cautions
from loop.exits import BAD_INPUT
from review.accounts.desk import Desk
from review.web.settings import ServeSettings
from store.store import Store

NEW = "four loud violet herons"


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'rlaif.db'}"
    with Store.open(address):
        return address


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def served(url: str, *options: str) -> Iterator[tuple[int, str]]:
    """A process that serves, its port, and all it printed before it answered. It must end well when told to."""
    port = free_port()
    command = [sys.executable, "-m", "loop.cli", "serve", "--port", str(port), "--store", url, *options]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    try:
        _wait(running, port)
        yield port, _printed(running)
    finally:
        running.send_signal(signal.SIGTERM)
        _, rest = running.communicate(timeout=30)
    assert "Traceback" not in rest
    assert running.returncode in (0, -signal.SIGTERM)


def _wait(running: "subprocess.Popen[str]", port: int) -> None:
    for _ in range(600):
        if running.poll() is not None:
            raise AssertionError(running.stderr.read() if running.stderr else "it ended")
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nothing answers")


def _printed(running: "subprocess.Popen[str]") -> str:
    assert running.stderr is not None
    told = ""
    os.set_blocking(running.stderr.fileno(), False)
    while select.select([running.stderr], [], [], 0.1)[0]:
        piece = running.stderr.read()
        if not piece:
            break
        told += piece
    os.set_blocking(running.stderr.fileno(), True)
    return told


def test_the_first_start_leads_to_the_first_account_over_tls(
    url: str, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    with served(url, "--tls-cert", str(cert), "--tls-key", str(key)) as (port, told):
        site = f"https://127.0.0.1:{port}"
        assert f"at {site} — Ctrl-C ends it" in told
        assert "Warning" not in told
        (link,) = re.findall(rf"{site}/join/\S+", told)
        trusted = ssl.create_default_context(cafile=cert)
        with httpx.Client(headers={"Origin": site}, verify=trusted) as client:
            assert "The first account" in client.get(link).text
            made = client.post(link, data={"name": "ada", "password": NEW})
            assert (made.status_code, made.headers["location"]) == (303, "/")
            assert made.headers["strict-transport-security"]
            cookie = made.headers["set-cookie"]
            assert cookie.startswith("__Host-rlaif=")
            assert "; Secure" in cookie
            assert client.get(f"{site}/accounts").status_code == 200
            assert client.get(link).status_code == 410
    with Store.open(url) as store:
        assert Desk(store).first_link() is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tls-cert", "{here}/no.pem"], "belong together"),
        (["--tls-cert", "{here}/no.pem", "--tls-key", "{here}/no.pem"], "there is no file"),
        (["--tls-cert", "{here}/rlaif.db", "--tls-key", "{here}/rlaif.db"], "not a certificate"),
        (["--behind-proxy"], "--base-url https://"),
        (["--behind-proxy", "--base-url", "http://a.example"], "--base-url https://"),
        (["--host", "203.0.113.5"], "cannot listen on 203.0.113.5"),
        (["--host", "no such host"], "cannot listen on"),
        (["--port", "{taken}"], "Another program may"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_printed(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        filled = [option.format(here=tmp_path, taken=taken) for option in options]
        assert main(["serve", "--store", url, *filled]) == BAD_INPUT
    shown = capsys.readouterr()
    assert told in shown.err
    assert "/join/" not in shown.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (ServeSettings(), None),
        (ServeSettings(host="::1"), None),
        (ServeSettings(host="0.0.0.0"), "unencrypted"),
        (ServeSettings(host="192.0.2.7"), "unencrypted"),
        (ServeSettings(host="::", base_url="https://a.example", behind_proxy=True), "unencrypted"),
        (ServeSettings(host="0.0.0.0", tls_cert=Path("c"), tls_key=Path("k")), None),
        (ServeSettings(base_url="https://a.example", behind_proxy=True), None),
        (ServeSettings(base_url="https://a.example"), "without --behind-proxy"),
    ],
)
def test_what_an_operator_should_know_is_told(settings: ServeSettings, told: str | None) -> None:
    found = cautions(settings)
    assert [told in line for line in found] == ([True] if told else [])  # type: ignore[operator]
