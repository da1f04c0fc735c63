"""Passwords: hashed with argon2id, refused where an attacker would soon guess them.

A password is asked for its length and for how many guesses zxcvbn needs, and for nothing else: rules about digits and
signs make worse passwords. Two hashes at a time at most, because each takes 64 MiB.
"""

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from review.accounts.errors import WeakPassword
from review.accounts.secret import new_secret

SHORTEST: Final = 10
LONGEST: Final = 200
_FEWEST_GUESSES: Final = 1e7
_LOOKED_AT: Final = 72  # characters; the estimate takes longer than linear time
_AT_ONCE: Final = 2


class Passwords:
    """Hash and check passwords; by default with the parameters argon2-cffi recommends (RFC 9106, low memory)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = self._hasher.hash(new_secret())

    def refuse_weak(self, password: str, *about: str) -> None:
        """Raises WeakPassword for a short or a guessable one; `about` are words that stand near its owner."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
        if float(zxcvbn(password[:_LOOKED_AT], user_inputs=[*about, "rlaif"])["guesses"]) < _FEWEST_GUESSES:
            raise WeakPassword("This password would soon be guessed. Four unusual words are a good one.")

    def hash(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(password)

    def fits(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password of this hash. With None (there is no account) it takes as long and is False."""
        with self._turns:
            try:
                self._hasher.verify(hashed or self._nobodys, password)
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)
