"""A judge's address and the key to it."""

import ipaddress
import os
from urllib.parse import urlsplit

from judge.errors import JudgeSettingsError
from judge.settings import ApiJudgeSettings


def require_key(settings: ApiJudgeSettings) -> str:
    """The key from the environment; a server on this machine needs none. Raises `JudgeSettingsError`."""
    key = os.environ.get(settings.api_key_env)
    if key:
        return key
    if is_loopback(settings.base_url):
        return "none"
    raise JudgeSettingsError(
        f"judge.api_key_env: environment variable {settings.api_key_env} is not set, and the judge at "
        f"{settings.base_url} needs a key. Set it (any value will do for a server that checks none)."
    )


def is_loopback(base_url: str) -> bool:
    """Whether the address names this machine."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
