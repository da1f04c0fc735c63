"""Content hashes and ids: the same content has the same name, everywhere and forever.

Ids are short prefixes of SHA-256 over canonical JSON, so a unit can be computed again after a crash and
recognised as the one already stored. Seeds come from the same digest, so every draw is a function of
what is drawn and of nothing else.
"""

import hashlib
import json


def content_hash(text: str) -> str:
    """SHA-256 of `text` in UTF-8, 64 hexadecimal digits. Lone surrogates are kept, not refused."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_id(kind: str, *parts: object) -> str:
    """`kind_` and 20 hexadecimal digits (80 bits) of the hash of `parts`, which must be JSON values."""
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return f"{kind}_{content_hash(canonical)[:20]}"


def derive_seed(*parts: object) -> int:
    """A seed in [0, 2**63) that depends on every one of `parts` (JSON values) and on their order."""
    canonical = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return int(content_hash(canonical)[:16], 16) >> 1
