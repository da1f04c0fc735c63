"""`rlaif accounts`: what an operator with access to the store may do about accounts. No password is ever typed here."""

import getpass
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loop.commands.opening import open_store
from review.accounts.desk import Desk
from review.accounts.errors import UnknownAccount
from review.accounts.journal import Actor
from review.accounts.roles import Role
from review.accounts.roster import Account
from review.visible import visible


def list_accounts(url: str | None, output: Path, *, as_json: bool) -> None:
    """Every account: name, role, state, since when, and when it was last there."""
    with open_store(url, output) as store:
        desk = Desk(store)
        accounts, seen = desk.roster.all(), desk.sessions.last_used()
    if as_json:
        rows = [
            {
                "name": account.name,
                "role": account.role,
                "created_at": account.created_at.isoformat(),
                "last_used_at": seen[account.id].isoformat() if account.id in seen else None,
                "disabled_at": account.disabled_at and account.disabled_at.isoformat(),
            }
            for account in accounts
        ]
        print(json.dumps(rows, indent=2))  # noqa: T201
        return
    table = Table("name", "role", "since", "last seen", "state", box=None, pad_edge=False)
    for account in accounts:
        last = f"{seen[account.id]:%Y-%m-%d %H:%M}" if account.id in seen else "never"
        state = "disabled" if account.disabled_at else ""
        table.add_row(visible(account.name), account.role, f"{account.created_at:%Y-%m-%d}", last, state)
    Console().print(
        table if accounts else "no accounts yet: `rlaif serve` prints a link that makes the first"
    )


def invite(role: Role, base_url: str, url: str | None, output: Path) -> None:
    """Print a link that makes an account of this role."""
    with open_store(url, output) as store:
        _print_link(base_url, Desk(store).invite(role, _operator()))


def disable(name: str, url: str | None, output: Path) -> None:
    """Raises UnknownAccount, LastAdmin."""
    with open_store(url, output) as store:
        desk = Desk(store)
        desk.disable(_account(desk, name).id, _operator())


def enable(name: str, url: str | None, output: Path) -> None:
    """Raises UnknownAccount."""
    with open_store(url, output) as store:
        desk = Desk(store)
        desk.roster.enable(_account(desk, name).id, _operator())


def set_role(name: str, role: Role, url: str | None, output: Path) -> None:
    """Raises UnknownAccount, LastAdmin."""
    with open_store(url, output) as store:
        desk = Desk(store)
        desk.set_role(_account(desk, name).id, role, _operator())


def log_out(name: str, url: str | None, output: Path) -> None:
    """Raises UnknownAccount."""
    with open_store(url, output) as store:
        desk = Desk(store)
        account = _account(desk, name)
        desk.end_sessions(account.id, _operator())
        desk.tokens.revoke(account.id, _operator())


def reset_password(name: str, base_url: str, url: str | None, output: Path) -> None:
    """Raises UnknownAccount."""
    with open_store(url, output) as store:
        desk = Desk(store)
        _print_link(base_url, desk.reset(_account(desk, name).id, _operator()))


def _account(desk: Desk, name: str) -> Account:
    found = desk.roster.named(name)
    if found is None:
        names = ", ".join(visible(account.name) for account in desk.roster.all()) or "none"
        raise UnknownAccount(f"there is no account {name!r}; there are: {names}.")
    return found


def _print_link(base_url: str, secret: str) -> None:
    print(f"{base_url.rstrip('/')}/join/{secret}")  # noqa: T201


def _operator() -> Actor:
    """No account can have this name, because it holds a space."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return Actor(f"operator {user}")
