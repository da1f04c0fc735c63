"""Servers for the tests of the API judge."""

from collections.abc import Callable, Iterator

import pytest

from tests.judge.chat_server import Behaviour, ChatServer

Serve = Callable[[Behaviour], ChatServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; they are stopped when the test ends."""
    servers: list[ChatServer] = []

    def start(behaviour: Behaviour) -> ChatServer:
        servers.append(ChatServer(behaviour))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
