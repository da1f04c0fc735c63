"""Column types that bring back exactly what was put in, on SQLite and on PostgreSQL alike.

The two databases disagree about text that models do produce: PostgreSQL refuses NUL characters, and neither
takes lone surrogates. They also disagree about time zones, about NaN, and about the order of text. Each type
here settles one of these in Python, so that the same run gives the same bytes on both.
"""

import json
import re
import zlib
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Id = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Ids, names and other short text that orders rows: compared byte by byte, as SQLite does and Python does."""

_ESCAPE = "\ufdd0"  # a Unicode noncharacter: no writing uses it
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufdd0]")
_ESCAPED = re.compile("\ufdd0([0-9a-f]{4})")


class AnyText(sa.types.TypeDecorator[str]):
    """Any Python string. Characters that a database refuses are kept as U+FDD0 and four hexadecimal digits."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or _UNSTORABLE.search(value) is None:
            return value
        return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None or _ESCAPE not in value:
            return value
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


class Json(sa.types.TypeDecorator[Any]):
    """JSON in a text column. Every float comes back exactly, NaN and infinity (PostgreSQL's JSON refuses them) too."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


class Packed(sa.types.TypeDecorator[str]):
    """Long text, compressed: the exact prompts repeat a constitution and a template thousands of times."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else zlib.compress(value.encode("utf-8", "surrogatepass"), 3)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else zlib.decompress(value).decode("utf-8", "surrogatepass")


class Utc(sa.types.TypeDecorator[datetime]):
    """A moment, aware and in UTC both ways. Raises ValueError for a naive one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; use datetime.now(UTC).")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyFloat(sa.types.TypeDecorator[float]):
    """A float that is always there. NaN is kept as NULL, which is what SQLite makes of it anyway."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        return None if value is None or value != value else value

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:  # noqa: ARG002
        return float("nan") if value is None else value
