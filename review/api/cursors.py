"""Cursors: where a page ended, so that the next one starts behind it.

A cursor holds the key of the last row and a print of the question that was asked. Rows that are added meanwhile
neither repeat nor hide others, because keys never change. It is opaque to clients and not secret: what is in it is
checked when it comes back, and one made for another question is refused. Signing was left out, because a cursor that
is made up can only ask for what its sender may read anyway.
"""

import base64
import binascii
import json
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import Field

from prompts.hashing import content_hash
from review.api.problem import Refused
from review.api.shape import Shape

ItemT = TypeVar("ItemT")
Key = tuple[str | int | float, ...]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next` of the page before; none for the first page.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many rows a page may hold.")]


class Page(Shape, Generic[ItemT]):
    """A part of a list, and how to go on."""

    items: list[ItemT]
    next: str | None = Field(description="Pass as `cursor` for the next page; null at the end.")


def cursor_after(question: str, key: Key) -> str:
    """A cursor behind the row of this key, for this question (the path and its filters)."""
    plain = json.dumps([content_hash(question)[:12], *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def after(question: str, text: str | None, types: tuple[type, ...]) -> Key | None:
    """The key in a cursor; None for the first page. Raises Refused (422) for one that is not of this question."""
    if text is None:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _foreign() from error
    if not isinstance(values, list) or len(values) != len(types) + 1:
        raise _foreign()
    if values[0] != content_hash(question)[:12]:
        raise _foreign()
    if any(type(value) is not kind for value, kind in zip(values[1:], types, strict=True)):
        raise _foreign()
    return tuple(values[1:])


def _foreign() -> Refused:
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This cursor is not one of this list and these filters. Start without one.",
        "cursor",
    )
