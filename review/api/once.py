"""`Idempotency-Key`: a request that may be sent again, because it is done once.

Every unsafe operation takes the header. What is kept is the answer without its rendered HTML, which is made after the
transaction and again for a repeat: rendering must not hold SQLite's only write lock.
"""

import json
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from prompts.hashing import content_hash
from review.accounts.identity import Viewer
from review.api.place import StoreOf
from store.once import once

AnswerT = TypeVar("AnswerT", bound=BaseModel)
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Your own name for this request. Sent again with it, it is done once and answered alike.",
    ),
]


class Once:
    """The key of the request being answered, if it has one."""

    def __init__(
        self, request: Request, response: Response, store: StoreOf, key: IdempotencyKey = None
    ) -> None:
        self._request, self._response, self._database = request, response, store.database
        self.key = key

    def answer(
        self, viewer: Viewer, asked: BaseModel | None, shape: type[AnswerT], work: Callable[[], AnswerT]
    ) -> AnswerT:
        """What `work` answers, done once for this account and key. Raises KeyReused, and what `work` raises."""
        if self.key is None:
            return work()
        path = f"{self._request.method} {self._request.url.path}"
        fingerprint = content_hash(f"{path}\n{_plain(asked) if asked else ''}")
        found = once(self._database, viewer.id, self.key, fingerprint, lambda: _plain(work()))
        if found.replayed:
            self._response.headers["Idempotent-Replayed"] = "true"
        return shape.model_validate(json.loads(found.answer))


def _plain(model: BaseModel) -> str:
    return json.dumps(model.model_dump(mode="json"), sort_keys=True)


OnceOnly = Annotated[Once, Depends(Once)]
