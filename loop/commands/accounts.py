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
    """Every account: name, role, state, since when."""
    with open_store(url, output) as store:
        accounts = Desk(store).roster.all()
    if as_json:
        rows = [
            {
                "name": account.name,
                "role": account.role,
                "created_at": account.created_at.isoformat(),
                "disabled_at": account.disabled_at and account.disabled_at.isoformat(),
            }
            for account in accounts
        ]
        print(json.dumps(rows, indent=2))  # noqa: T201
        return
    table = Table("name", "role", "since", "state", box=None, pad_edge=False)
    for account in accounts:
        state = "disabled" if account.disabled_at else ""
        table.add_row(visible(account.name), account.role, f"{account.created_at:%Y-%m-%d}", state)
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
    return Actor(f"operator {getpass.getuser()}")
