"""The front desk: how people come in and go, and what ends when something about them changes.

Each act is one transaction with its row in the audit log. What must be slow (hashing a password) is done before.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from review.accounts.attempts import Attempts
from review.accounts.errors import BadLink, WrongPassword
from review.accounts.journal import Actor, Journal
from review.accounts.links import Link, Links
from review.accounts.passwords import Passwords
from review.accounts.roles import Role
from review.accounts.roster import Account, Roster
from review.accounts.sessions import Sessions
from review.accounts.tokens import ApiTokens
from store.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Everything about who people are, of one store. `clock` and `passwords` are for tests to set."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime] = _now, passwords: Passwords | None = None
    ) -> None:
        database = store.database
        self._database = database
        self.clock = clock
        self.passwords = passwords or Passwords()
        self.journal = Journal(database, clock)
        self.roster = Roster(database, clock, self.journal)
        self.sessions = Sessions(database, clock)
        self.tokens = ApiTokens(database, clock, self.journal)
        self.links = Links(database, clock, self.journal)
        self.attempts = Attempts(database, clock)

    def sign_in(self, name: str, password: str, address: str, agent: str) -> str:
        """The secret of a new session. Raises WrongPassword, TooManyAttempts, and never says which part was wrong."""
        self.attempts.begin(name, address)
        account = self.roster.named(name)
        fits = self.passwords.fits(password, account.password_hash if account else None)
        if account is None or not fits or account.disabled_at is not None:
            known = account.name if account else ""
            self.journal.record(Actor("", address), "login.fail", known)
            raise WrongPassword("Name and password do not fit.")
        self.attempts.succeed(name, address)
        if self.passwords.outdated(account.password_hash):
            self.roster.set_password_hash(account.id, self.passwords.hash(password))
        return self._begin(account, "login", address, agent)

    def sign_out(self, account_id: str, session_id: str, by: Actor) -> None:
        with self._database.together():
            self.sessions.end(account_id, only=session_id)
            self.journal.record(by, "logout", by.name)

    def end_sessions(
        self, account_id: str, by: Actor, *, only: str | None = None, but: str | None = None
    ) -> int:
        """End sessions of an account: all, `only` one, or all `but` one."""
        with self._database.together():
            account = self.roster.get(account_id)
            ended = self.sessions.end(account_id, only=only, but=but)
            if ended:
                self.journal.record(by, "session.end", account.name, sessions=ended)
        return ended

    def first_link(self) -> str | None:
        """The secret of a link that makes the first account; None where there is one already."""
        with self._database.together():
            return None if len(self.roster) else self.links.make("setup", "admin", Actor("operator"))[1]

    def join(self, secret: str, name: str, password: str, address: str, agent: str) -> str:
        """Use a one-time link: make its account or set its password, and log in. The session's secret.

        Raises BadLink, BadName, NameTaken, WeakPassword.
        """
        link = self.links.find(secret)
        if link.account_id is not None:
            name = self.roster.get(link.account_id).name
        self.passwords.refuse_weak(password, name)
        hashed = self.passwords.hash(password)
        with self._database.together():
            account = self._joined(link, name, hashed, address)
            self.links.use(link, account.id)
            return self._begin(account, "login", address, agent)

    def _joined(self, link: Link, name: str, hashed: str, address: str) -> Account:
        if link.purpose == "setup" and len(self.roster):
            raise BadLink("There is an account already. Ask its owner for an invitation.")
        if link.account_id is None:
            return self.roster.add(name, link.role, hashed, Actor(name, address))
        account = self.roster.get(link.account_id)
        if account.disabled_at is not None:
            raise BadLink("This link was used, has expired, or was never made. Ask for a new one.")
        self._replace_password(account, hashed, Actor(account.name, address))
        return account

    def change_password(self, account: Account, old: str, new: str, by: Actor, agent: str) -> str:
        """Raises WrongPassword, WeakPassword, TooManyAttempts. Every session ends; the secret of a new one."""
        self.attempts.begin(account.name, by.address)
        if not self.passwords.fits(old, account.password_hash):
            self.journal.record(by, "password.fail", account.name)
            raise WrongPassword("This is not your present password.")
        self.attempts.succeed(account.name, by.address)
        self.passwords.refuse_weak(new, account.name)
        hashed = self.passwords.hash(new)
        with self._database.together():
            self._replace_password(account, hashed, by)
            return self._begin(account, "session.renew", by.address, agent)

    def invite(self, role: Role, by: Actor) -> str:
        """The secret of a link that makes an account of this role."""
        return self.links.make("invite", role, by)[1]

    def reset(self, account_id: str, by: Actor) -> str:
        """The secret of a link that sets a new password; until it is used the old one works."""
        account = self.roster.get(account_id)
        return self.links.make("reset", account.role, by, account)[1]

    def set_role(self, account_id: str, role: Role, by: Actor) -> Account:
        """Whoever is logged in under it must log in again: no session outlives a change of what it may do."""
        with self._database.together():
            if self.roster.get(account_id).role != role:
                self.sessions.end(account_id)
            return self.roster.set_role(account_id, role, by)

    def disable(self, account_id: str, by: Actor) -> Account:
        """Nobody logs in under it any more; its sessions end and its tokens are revoked."""
        with self._database.together():
            self.sessions.end(account_id)
            self.tokens.revoke(account_id, by)
            return self.roster.disable(account_id, by)

    def _replace_password(self, account: Account, hashed: str, by: Actor) -> None:
        self.roster.set_password_hash(account.id, hashed)
        self.sessions.end(account.id)
        self.journal.record(by, "password.change", account.name)

    def _begin(self, account: Account, action: str, address: str, agent: str) -> str:
        with self._database.together():
            _, secret = self.sessions.begin(account.id, address, agent)
            self.journal.record(Actor(account.name, address), action, account.name)
        return secret
