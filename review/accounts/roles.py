"""What a person may do, by role, and what a token may do of it, by scope."""

from typing import Final, Literal, get_args

Role = Literal["reviewer", "lead", "admin"]
"""Each may do what the ones before it may: answer the own queue; see and steer runs; keep the accounts."""

Scope = Literal["read", "review", "lead", "admin"]
"""What a token is for: `read` what its owner may read, the others to change what a role may change.

Whatever stands to admins alone needs `admin`, reading included.
"""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_SCOPE_OF: Final[dict[Role, Scope]] = {"reviewer": "review", "lead": "lead", "admin": "admin"}


def covers(role: Role, needed: Role) -> bool:
    """Whether `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def scope_needed(role: Role, *, safe: bool) -> Scope:
    """The scope a token needs where `role` is asked for; `safe` methods only read."""
    return "read" if safe and role != "admin" else _SCOPE_OF[role]


def scopes_of(role: Role) -> tuple[Scope, ...]:
    """The scopes that do something in the hands of this role."""
    return ("read", *(_SCOPE_OF[known] for known in ROLES if covers(role, known)))
