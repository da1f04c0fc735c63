"""Stored configurations without what might be a secret.

Settings hold the names of environment variables, never a secret itself. But an address may have been written with a
password in it, and somebody may have put a key where a name belongs; what looks like one is not shown.
"""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(not shown)"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_SECRET_VALUE = re.compile(r"\b(?:sk|pk|hf|ghp|gho|xox[abp]|AKIA|eyJ)[-_A-Za-z0-9]{12,}")
_SECRET_NAME = re.compile(r"(?:^|_)(?:password|passwd|secret|token|api_key|authorization)$", re.IGNORECASE)
_IN_QUERY = re.compile(r"([?&](?:key|api[_-]?key|token|secret|password|sig)=)[^&\s]+", re.IGNORECASE)


def masked(value: Any, name: str = "") -> Any:
    """A copy of a JSON value with what may be a secret replaced; names of environment variables stay."""
    if isinstance(value, Mapping):
        return {str(key): masked(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, name) for one in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET_NAME.search(name):
        return HIDDEN
    value = _IN_QUERY.sub(lambda found: f"{found[1]}{HIDDEN}", value)
    return _SECRET_VALUE.sub(HIDDEN, _CREDENTIALS.sub(f"{HIDDEN}@", value))
