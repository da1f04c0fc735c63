"""`rlaif accounts`: what an operator does about accounts while nothing is served."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from loop.cli import main
from loop.exits import BAD_INPUT
from review.accounts.desk import Desk
from review.accounts.journal import Actor
from review.accounts.passwords import Passwords
from review.accounts.roster import Account
from store.store import Store

PASSWORD = "four loud violet herons"
HERE = ("192.0.2.1", "a browser")
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'rlaif.db'}"


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    with Store.open(url) as store:
        yield Desk(store, passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))


@pytest.fixture
def say(url: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> Say:  # noqa: ARG001
    def said(*arguments: str) -> tuple[int, str, str]:
        code = main(["accounts", *arguments, "--store", url])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return said


def person(desk: Desk, name: str) -> Account:
    found = desk.roster.named(name)
    assert found is not None
    return found


def test_an_invitation_is_a_link_that_makes_an_account(say: Say, desk: Desk) -> None:
    code, link, _ = say("invite", "admin", "--base-url", "https://review.example.org/")
    address, _, secret = link.strip().rpartition("/")
    assert (code, address) == (0, "https://review.example.org/join")
    desk.join(secret, "ada", PASSWORD, *HERE)
    assert person(desk, "ada").role == "admin"
    assert desk.journal.entries(action="link.invite")[0].actor.startswith("operator ")


def test_the_list_tells_who_there_is(say: Say, desk: Desk) -> None:
    assert "no accounts yet" in say("list")[1]
    desk.join(desk.invite("reviewer", Actor("x")), "rita", PASSWORD, *HERE)
    desk.roster.add("明", "lead", "", Actor("x"))
    _, shown, _ = say("list")
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == [["rita", "reviewer"], ["明", "lead"]]
    assert shown.splitlines()[2].rstrip().endswith("never")
    listed = json.loads(say("list", "--json")[1])
    assert [(row["name"], row["role"], row["disabled_at"]) for row in listed] == [
        ("rita", "reviewer", None),
        ("明", "lead", None),
    ]
    assert PASSWORD not in shown
    assert not [row for row in listed if "password" in "".join(row)]


def test_a_role_a_disabling_and_its_end(say: Say, desk: Desk) -> None:
    desk.join(desk.invite("admin", Actor("x")), "ada", PASSWORD, *HERE)
    session = desk.join(desk.invite("reviewer", Actor("x")), "rita", PASSWORD, *HERE)
    assert say("role", "rita", "lead")[0] == 0
    assert person(desk, "rita").role == "lead"
    assert desk.sessions.find(session) is None
    assert say("disable", "RITA")[0] == 0
    assert person(desk, "rita").disabled_at is not None
    assert say("enable", "rita")[0] == 0
    assert person(desk, "rita").disabled_at is None
    code, _, told = say("disable", "ada")
    assert (code, "only admin" in told) == (BAD_INPUT, True)


def test_logging_out_ends_sessions_and_tokens_and_nothing_else(say: Say, desk: Desk) -> None:
    session = desk.join(desk.invite("reviewer", Actor("x")), "rita", PASSWORD, *HERE)
    token = desk.tokens.make(person(desk, "rita"), "t", ["read"], timedelta(days=1), Actor("rita"))[1]
    assert say("log-out", "rita")[0] == 0
    assert desk.sessions.find(session) is None
    assert desk.tokens.find(token) is None
    assert desk.sign_in("rita", PASSWORD, *HERE)


def test_a_lost_password_is_set_anew_by_a_link(say: Say, desk: Desk) -> None:
    desk.join(desk.invite("admin", Actor("x")), "ada", PASSWORD, *HERE)
    _, link, _ = say("reset-password", "ada")
    desk.join(link.strip().rpartition("/")[2], "", "six quiet orange kettles", *HERE)
    assert desk.sign_in("ada", "six quiet orange kettles", *HERE)


@pytest.mark.parametrize("act", [["disable"], ["enable"], ["log-out"], ["reset-password"], ["role"]])
def test_a_name_that_nobody_has_is_told_with_those_there_are(say: Say, desk: Desk, act: list[str]) -> None:
    desk.roster.add("rita", "reviewer", "", Actor("x"))
    code, out, told = say(*act, "rika", *(["lead"] if act == ["role"] else []))
    assert (code, out) == (BAD_INPUT, "")
    assert "rika" in told
    assert "rita" in told


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert main(["accounts", "list", "--output", str(tmp_path / "none")]) == BAD_INPUT
    assert not (tmp_path / "none").exists()
