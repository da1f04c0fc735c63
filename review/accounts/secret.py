"""Secrets that are handed out once: 256 random bits, of which only a hash is kept.

SHA-256 without salt or stretching is enough for them: nobody guesses 256 random bits, unlike a password.
"""

import hashlib
import hmac
import secrets

_BYTES = 32


def new_secret() -> str:
    """256 bits, 43 characters that a URL and a header take as they are."""
    return secrets.token_urlsafe(_BYTES)


def new_id(kind: str) -> str:
    """An id that says nothing: the kind and 80 random bits."""
    return f"{kind}_{secrets.token_hex(10)}"


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def derived(secret: str, use: str) -> str:
    """Another secret for one use, from which the first cannot be found."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()
