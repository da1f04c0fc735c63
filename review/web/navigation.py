"""The places in the head of every page: a line each, shown to the roles that may go there."""

from typing import Final, NamedTuple

from review.accounts.roles import Role
from review.web.language import message


class Place(NamedTuple):
    """A link in the head. It is the present one on its path and on all below."""

    path: str
    title: str
    role: Role

    def holds(self, path: str) -> bool:
        return path == self.path or path.startswith(f"{self.path}/")


PLACES: Final[tuple[Place, ...]] = (
    Place("/review", message("Review"), "reviewer"),
    Place("/runs", message("Runs"), "lead"),
    Place("/accounts", message("Accounts"), "admin"),
    Place("/audit-log", message("Audit log"), "admin"),
)
