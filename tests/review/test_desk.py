"""The front desk: one-time links, passwords, sessions, tokens and login limits, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from review.accounts.attempts import LIMITS, WINDOW
from review.accounts.desk import Desk
from review.accounts.errors import (
    AccountError,
    BadLink,
    BadName,
    LastAdmin,
    NameTaken,
    TooManyAttempts,
    TooMuch,
    UnknownAccount,
    WeakPassword,
    WrongPassword,
)
from review.accounts.journal import Actor
from review.accounts.passwords import Passwords
from review.accounts.roster import Account
from review.accounts.sessions import IDLE, LIFETIME
from store.errors import StoreBusy
from store.schema import metadata
from store.store import Store
from tests.review.front_desk import Clock
from tests.review.serving import CHEAP, PASSWORD

HERE = ("192.0.2.1", "a browser")
ADA = Actor("ada", "192.0.2.9")
NEW = "four loud violet herons"


def account(desk: Desk, name: str) -> Account:
    found = desk.roster.named(name)
    assert found is not None
    return found


def done(desk: Desk) -> list[str]:
    """The actions of the audit log, the oldest first."""
    return [entry.action for entry in reversed(desk.journal.entries(limit=1000))]


def test_the_first_link_makes_an_admin_and_works_once(both: Store, clock: Clock) -> None:
    desk = Desk(both, clock, Passwords(CHEAP))
    link = desk.first_link()
    assert link is not None
    session = desk.join(link, "Ada", NEW, *HERE)
    found = desk.sessions.find(session)
    assert found is not None
    assert (found[1].name, found[1].role) == ("Ada", "admin")
    assert desk.first_link() is None, "there is an account now"
    with pytest.raises(BadLink):
        desk.join(link, "eve", NEW, *HERE)
    assert done(desk) == ["link.setup", "account.create", "login"]


def test_every_start_ends_the_setup_link_of_the_one_before(both: Store, clock: Clock) -> None:
    desk = Desk(both, clock, Passwords(CHEAP))
    first, second = desk.first_link(), desk.first_link()
    assert first is not None
    assert second is not None
    with pytest.raises(BadLink):
        desk.links.find(first)
    clock.turn(hours=25)
    with pytest.raises(BadLink):
        desk.links.find(second)


def test_a_link_used_by_many_at_once_makes_one_account(both: Store, clock: Clock) -> None:
    desk = Desk(both, clock, Passwords(CHEAP))
    link = desk.first_link()
    assert link is not None

    def join(number: int) -> bool:
        try:
            desk.join(link, f"person{number}", NEW, *HERE)
        except BadLink:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(join, range(6))) == 1
    assert len(desk.roster) == 1


def test_an_invitation_gives_its_role_and_expires(desk: Desk, clock: Clock) -> None:
    used, late, withdrawn = (desk.invite("lead", ADA) for _ in range(3))
    desk.join(used, "lena", NEW, *HERE)
    assert account(desk, "lena").role == "lead"
    desk.links.withdraw(desk.links.find(withdrawn).id, ADA)
    clock.turn(days=7)
    for secret in (used, late, withdrawn, "nonsense", ""):
        with pytest.raises(BadLink):
            desk.join(secret, "lulu", NEW, *HERE)
    assert desk.roster.named("lulu") is None


def test_a_refused_name_or_password_leaves_the_link_usable(desk: Desk) -> None:
    link = desk.invite("reviewer", ADA)
    refused: list[tuple[str, str, type[AccountError]]] = [
        ("RITA", NEW, NameTaken),
        ("ｒｉｔａ", NEW, NameTaken),
        ("", NEW, BadName),
        ("a b", NEW, BadName),
        ("=cmd", NEW, BadName),
        ("simulated", NEW, BadName),
        ("operator", NEW, BadName),
        ("n" * 41, NEW, BadName),
        ("nora", "short", WeakPassword),
        ("nora", "password1234", WeakPassword),
        ("nora", "nora-nora-nora", WeakPassword),
        ("nora", "a" * 201, WeakPassword),
    ]
    for name, password, error in refused:
        with pytest.raises(error):
            desk.join(link, name, password, *HERE)
    desk.join(link, "nora", NEW, *HERE)


def test_a_password_may_hold_any_writing(desk: Desk) -> None:
    desk.join(desk.invite("reviewer", ADA), "明", "四隻響亮的紫色蒼鷺 \x00 é", *HERE)
    assert desk.sign_in("明", "四隻響亮的紫色蒼鷺 \x00 é", *HERE)


def test_a_page_is_read_while_the_database_is_busy(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk.sign_in("rita", PASSWORD, *HERE)
    _, token = desk.tokens.make(account(desk, "rita"), "t", ["read"], timedelta(days=1), Actor("rita"))
    clock.turn(minutes=5)

    def busy() -> None:
        raise StoreBusy("another process kept this database locked")

    with monkeypatch.context() as patched:
        patched.setattr(type(desk.sessions._database), "write", lambda _: busy())
        assert desk.sessions.find(session) is not None
        assert desk.tokens.find(token) is not None
    assert desk.sessions.running(account(desk, "rita").id)[0].used_at < clock.now


def test_a_session_ends_by_idleness_by_age_and_by_hand(desk: Desk, clock: Clock) -> None:
    idle = desk.sign_in("rita", PASSWORD, *HERE)
    clock.turn(seconds=IDLE.total_seconds() - 1)
    assert desk.sessions.find(idle) is not None
    clock.turn(seconds=IDLE.total_seconds())
    assert desk.sessions.find(idle) is None

    old = desk.sign_in("rita", PASSWORD, *HERE)
    for _ in range(int(LIFETIME / timedelta(hours=6)) - 1):
        clock.turn(hours=6)
        assert desk.sessions.find(old) is not None
    clock.turn(hours=6)
    assert desk.sessions.find(old) is None, "however busy, it is over"

    one, other = (desk.sign_in("rita", PASSWORD, *HERE) for _ in range(2))
    rita = account(desk, "rita")
    found = desk.sessions.find(one)
    assert found is not None
    desk.end_sessions(rita.id, Actor("rita"), but=found[0].id)
    assert desk.sessions.find(other) is None
    assert [session.id for session in desk.sessions.running(rita.id)] == [found[0].id]
    desk.sign_out(rita.id, found[0].id, Actor("rita"))
    assert desk.sessions.find(one) is None


def test_nobody_ends_the_session_of_another_account(desk: Desk) -> None:
    ritas = desk.sign_in("rita", PASSWORD, *HERE)
    found = desk.sessions.find(ritas)
    assert found is not None
    assert desk.end_sessions(account(desk, "leo").id, Actor("leo"), only=found[0].id) == 0
    assert desk.sessions.find(ritas) is not None


def test_a_new_password_ends_every_session_and_begins_another(desk: Desk) -> None:
    before = [desk.sign_in("rita", PASSWORD, *HERE) for _ in range(2)]
    with pytest.raises(WrongPassword):
        desk.change_password(account(desk, "rita"), "wrong", NEW, Actor("rita", HERE[0]), "a browser")
    with pytest.raises(WeakPassword):
        desk.change_password(account(desk, "rita"), PASSWORD, "short", Actor("rita", HERE[0]), "a browser")
    assert all(desk.sessions.find(secret) for secret in before)
    after = desk.change_password(account(desk, "rita"), PASSWORD, NEW, Actor("rita", HERE[0]), "a browser")
    assert not any(desk.sessions.find(secret) for secret in before)
    assert desk.sessions.find(after) is not None
    with pytest.raises(WrongPassword):
        desk.sign_in("rita", PASSWORD, *HERE)
    assert desk.sign_in("rita", NEW, *HERE)


def test_no_session_outlives_a_change_of_role(desk: Desk) -> None:
    before = desk.sign_in("rita", PASSWORD, *HERE)
    desk.set_role(account(desk, "rita").id, "reviewer", ADA)
    assert desk.sessions.find(before) is not None, "nothing changed"
    desk.set_role(account(desk, "rita").id, "lead", ADA)
    assert desk.sessions.find(before) is None


def test_a_disabled_account_has_no_way_in(desk: Desk) -> None:
    rita = account(desk, "rita")
    session = desk.sign_in("rita", PASSWORD, *HERE)
    _, token = desk.tokens.make(rita, "script", ["read"], timedelta(days=1), Actor("rita"))
    reset = desk.reset(rita.id, ADA)
    desk.disable(rita.id, ADA)
    assert desk.sessions.find(session) is None
    assert desk.tokens.find(token) is None
    with pytest.raises(WrongPassword):
        desk.sign_in("rita", PASSWORD, *HERE)
    with pytest.raises(BadLink):
        desk.join(reset, "", NEW, *HERE)
    desk.roster.enable(rita.id, ADA)
    assert desk.sessions.find(session) is None, "what was ended stays ended"
    assert desk.tokens.find(token) is None
    assert desk.sign_in("rita", PASSWORD, *HERE)


def test_a_reset_link_sets_a_password_and_logs_everybody_out(desk: Desk) -> None:
    rita = account(desk, "rita")
    older, link = desk.reset(rita.id, ADA), desk.reset(rita.id, ADA)
    before = desk.sign_in("rita", PASSWORD, *HERE)
    with pytest.raises(BadLink):
        desk.join(older, "", NEW, *HERE)
    after = desk.join(link, "someone else", NEW, *HERE)
    found = desk.sessions.find(after)
    assert found is not None
    assert found[1].name == "rita"
    assert desk.sessions.find(before) is None
    with pytest.raises(BadLink):
        desk.join(link, "", NEW, *HERE)


def test_there_is_always_an_admin_who_can_log_in(desk: Desk) -> None:
    ada = account(desk, "ada")
    session = desk.sign_in("ada", PASSWORD, *HERE)
    for act in (lambda: desk.disable(ada.id, ADA), lambda: desk.set_role(ada.id, "lead", ADA)):
        with pytest.raises(LastAdmin):
            act()
    assert desk.sessions.find(session) is not None, "what was refused changed nothing"
    desk.set_role(account(desk, "leo").id, "admin", ADA)
    desk.disable(account(desk, "leo").id, ADA)
    with pytest.raises(LastAdmin):
        desk.disable(ada.id, ADA)
    with pytest.raises(UnknownAccount):
        desk.disable("acc_nobody", ADA)


def test_a_token_is_shown_once_expires_and_is_revoked_by_its_owner_alone(desk: Desk, clock: Clock) -> None:
    rita, leo = account(desk, "rita"), account(desk, "leo")
    made, secret = desk.tokens.make(rita, "script", ["review", "read"], timedelta(days=30), Actor("rita"))
    assert secret.startswith(made.prefix)
    assert len(secret) - len("rlaif_") == 43, "256 bits"
    found = desk.tokens.find(secret)
    assert found is not None
    assert (found[0].scopes, found[1].name) == (("read", "review"), "rita")
    assert desk.tokens.usable(rita.id)[0].used_at == clock.now
    assert desk.tokens.find(made.prefix) is None
    desk.tokens.revoke(leo.id, Actor("leo"), only=made.id)
    assert desk.tokens.find(secret) is not None
    desk.tokens.revoke(rita.id, Actor("rita"), only=made.id)
    assert desk.tokens.find(secret) is None
    _, late = desk.tokens.make(rita, "script", ["read"], timedelta(days=30), Actor("rita"))
    clock.turn(days=30)
    assert desk.tokens.find(late) is None
    for scopes, days in (([], 1), (["read"], 0), (["read"], 366)):
        with pytest.raises(ValueError, match="A token needs"):
            desk.tokens.make(rita, "script", scopes, timedelta(days=days), Actor("rita"))


def test_nothing_that_opens_a_door_is_in_the_database(desk: Desk, both: Store) -> None:
    rita = account(desk, "rita")
    secrets = [
        PASSWORD,
        NEW,
        desk.sign_in("rita", PASSWORD, *HERE),
        desk.tokens.make(rita, "script", ["read"], timedelta(days=1), Actor("rita"))[1],
        desk.invite("lead", ADA),
        desk.reset(rita.id, ADA),
    ]
    desk.join(desk.invite("reviewer", ADA), "nora", NEW, *HERE)
    with both.database.read() as connection:
        kept = "".join(
            repr(connection.execute(sa.select(table)).all())
            for table in metadata.tables.values()
            if table.name != "texts"
        )
    assert "rita" in kept
    assert not [secret for secret in secrets if secret in kept]


def test_failures_run_out_in_any_process_and_come_back_with_time(
    desk: Desk, both: Store, clock: Clock
) -> None:
    other = Desk(both, clock, Passwords(CHEAP))
    for number in range(LIMITS["both"]):
        with pytest.raises(WrongPassword):
            (desk, other)[number % 2].sign_in("rita", "wrong", *HERE)
    for each in (desk, other):
        with pytest.raises(TooManyAttempts) as refused:
            each.sign_in("rita", PASSWORD, *HERE)
        assert refused.value.seconds == WINDOW.total_seconds()
    assert desk.sign_in("rita", PASSWORD, "192.0.2.200", "x"), "others are not locked out by a stranger"
    assert desk.sign_in("leo", PASSWORD, *HERE), "nor is another account at this address"
    clock.turn(seconds=WINDOW.total_seconds())
    assert desk.sign_in("rita", PASSWORD, *HERE)


def test_an_address_and_an_account_have_limits_of_their_own(desk: Desk) -> None:
    for number in range(LIMITS["address"]):
        with pytest.raises(WrongPassword):
            desk.sign_in(f"name{number}", "wrong", *HERE)
    with pytest.raises(TooManyAttempts):
        desk.sign_in("rita", PASSWORD, *HERE)
    for number in range(LIMITS["account"]):
        with pytest.raises(WrongPassword):
            desk.sign_in("leo", "wrong", f"2001:db8:0:{number:x}::1", "x")
    with pytest.raises(TooManyAttempts):
        desk.sign_in("leo", PASSWORD, "192.0.2.3", "x")


def test_many_attempts_at_once_are_no_way_around_the_limit(desk: Desk) -> None:
    def attempt(_: int) -> type[Exception]:
        try:
            desk.sign_in("rita", "wrong", *HERE)
        except AccountError as error:
            return type(error)
        raise AssertionError("a wrong password was taken")

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(attempt, range(20)))
    assert seen.count(WrongPassword) == LIMITS["both"]
    assert seen.count(TooManyAttempts) == 20 - LIMITS["both"]


def test_who_logs_in_often_is_never_locked_out(desk: Desk) -> None:
    for _ in range(LIMITS["account"] + 1):
        desk.sign_in("rita", PASSWORD, *HERE)
    for _ in range(3):
        for _ in range(LIMITS["both"] - 1):
            with pytest.raises(WrongPassword):
                desk.sign_in("rita", "wrong", *HERE)
        desk.sign_in("rita", PASSWORD, *HERE)


def test_an_unknown_name_costs_as_much_work_as_a_known_one(desk: Desk) -> None:
    looked_at: list[str | None] = []
    real = desk.passwords.fits
    desk.passwords.fits = lambda password, hashed: looked_at.append(hashed) or real(password, hashed)  # type: ignore[method-assign, func-returns-value]
    messages = set()
    for name in ("rita", "nobody"):
        with pytest.raises(WrongPassword) as refused:
            desk.sign_in(name, "wrong", *HERE)
        messages.add(str(refused.value))
    assert len(looked_at) == 2, "a hash is computed for both"
    assert len(messages) == 1


def test_a_hash_made_with_older_parameters_is_made_anew_at_login(
    both: Store, desk: Desk, clock: Clock
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    later = Desk(both, clock, Passwords(stronger))
    before = account(desk, "rita").password_hash
    later.sign_in("rita", PASSWORD, *HERE)
    after = account(desk, "rita").password_hash
    assert before != after
    assert not stronger.check_needs_rehash(after)
    later.sign_in("rita", PASSWORD, *HERE)
    assert account(desk, "rita").password_hash == after


def test_preferences_are_kept_one_by_one_and_bounded(desk: Desk) -> None:
    rita = account(desk, "rita")
    desk.roster.prefer(rita.id, theme="dark", locale="zh_Hant")
    desk.roster.prefer(rita.id, theme=None, review_keys={"skip": "z"})
    assert account(desk, "rita") == replace(
        rita, preferences={"locale": "zh_Hant", "review_keys": {"skip": "z"}}
    )
    with pytest.raises(TooMuch):
        desk.roster.prefer(rita.id, review_keys={"skip": "z" * 9000})


def test_the_audit_log_has_each_thing_that_was_done(desk: Desk) -> None:
    start = len(done(desk))
    rita = account(desk, "rita")
    session = desk.sign_in("rita", PASSWORD, *HERE)
    found = desk.sessions.find(session)
    assert found is not None
    with pytest.raises(WrongPassword):
        desk.sign_in("rita", "wrong", *HERE)
    made, _ = desk.tokens.make(rita, "script", ["read"], timedelta(days=1), Actor("rita"))
    desk.tokens.revoke(rita.id, Actor("rita"), only=made.id)
    desk.change_password(rita, PASSWORD, NEW, Actor("rita", HERE[0]), "x")
    desk.end_sessions(rita.id, Actor("rita"))
    desk.links.withdraw(desk.links.find(desk.invite("lead", ADA)).id, ADA)
    desk.reset(rita.id, ADA)
    desk.set_role(rita.id, "lead", ADA)
    desk.disable(rita.id, ADA)
    desk.roster.enable(rita.id, ADA)
    assert done(desk)[start:] == [
        "login", "login.fail", "token.create", "token.revoke", "password.change", "session.renew", "session.end",
        "link.invite", "link.withdraw", "link.reset", "account.role", "account.disable", "account.enable",
    ]  # fmt: skip
    newest = desk.journal.entries(limit=3)
    assert [(entry.actor, entry.address, entry.subject) for entry in newest] == [
        ("ada", "192.0.2.9", "rita")
    ] * 3
    assert [entry.action for entry in desk.journal.entries(actor="rita", action="login")] == ["login"]
    older = desk.journal.entries(before=newest[-1].id, limit=1)
    assert older[0].id < newest[-1].id


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"])
def test_the_database_refuses_to_rewrite_the_audit_log(desk: Desk, both: Store, change: str) -> None:
    before = desk.journal.entries()
    with pytest.raises(sa.exc.DatabaseError, match="neither changed nor removed"), both.database.write() as c:
        c.execute(sa.text(change))
    assert desk.journal.entries() == before


def test_two_admins_who_disable_each_other_do_not_both_succeed(desk: Desk) -> None:
    leo = desk.set_role(account(desk, "leo").id, "admin", ADA)

    def disable(id: str) -> bool:
        try:
            desk.disable(id, ADA)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable, [leo.id, account(desk, "ada").id])) == [False, True]
