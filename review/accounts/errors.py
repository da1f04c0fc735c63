"""What can go wrong at the front desk.

ReviewError
└── AccountError
    ├── BadName           a name that no account can have
    ├── NameTaken         another account has it
    ├── WeakPassword      too short, or among the first an attacker would try
    ├── WrongPassword     name and password do not fit, or the account is disabled: nobody is told which
    ├── TooManyAttempts   wait; `seconds` says how long
    ├── BadLink           a link that was used, has expired, or never was
    ├── UnknownAccount    no account of this name or id
    ├── LastAdmin         nobody would be left to keep the accounts
    └── TooMuch           preferences or a list beyond what is kept of one account
"""

from review.errors import ReviewError


class AccountError(ReviewError):
    """Base of the errors of `review.accounts`."""


class BadName(AccountError):
    """A name is 1 to 40 letters, digits, dots, dashes, underscores, and is nobody else's."""


class NameTaken(AccountError):
    """There is an account of this name."""


class WeakPassword(AccountError):
    """The password is too short or too common."""


class WrongPassword(AccountError):
    """Name and password do not fit."""


class TooManyAttempts(AccountError):
    """Too many failed attempts; `seconds` until the next one is heard."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class BadLink(AccountError):
    """A one-time link that is of no use (any more)."""


class UnknownAccount(AccountError):
    """There is no such account."""


class LastAdmin(AccountError):
    """The only admin who can log in cannot be disabled or given another role."""


class TooMuch(AccountError):
    """More than is kept of one account."""
