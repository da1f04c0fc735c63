"""Labels to and from files (see `review.exchange`): a download, and an upload that is taken in whole or not at all.

A file that is uploaded stands in the body as text, so that what holds for every change (a size, a key, a session's
token) holds for it too; larger ones are taken in at the command line. A download is sent while it is made, always as an
attachment: no browser shows it, whatever a model wrote into it.
"""

import io
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints

from review.accounts.identity import JournalOf, Lead
from review.api.limits import MAX_BODY
from review.api.once import OnceOnly
from review.api.place import RunOf
from review.api.problem import Refused
from review.api.shape import Shape
from review.errors import BadFile
from review.exchange.formats import FORMATS, FormatName, What
from review.exchange.gather import leaving
from review.exchange.reading import MAX_NAME
from review.exchange.take_in import Reviewers, take_in

router = APIRouter(tags=["labels"])
_CHUNK = 64 * 1024
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class LabelFile(Shape):
    format: FormatName
    content: Annotated[str, StringConstraints(max_length=MAX_BODY)] = Field(description="The file's text.")
    reviewer: Name | None = Field(default=None, description="Who answered all of it.")
    reviewers: dict[Name, Name] = Field(
        default_factory=dict, max_length=200, description="Names here, by the names in the file."
    )


class LabelsTaken(Shape):
    added: int = Field(ge=0)
    counted: int = Field(
        ge=0,
        description="Of those added: for estimates too, as they are blind and on items drawn at random.",
    )
    present: int = Field(ge=0, description="Stored already.")
    unanswered: int = Field(ge=0, description="Tasks that nobody answered.")


@router.get(
    "/v1/runs/{run}/labels/export",
    summary="Download labels, open questions or pairs",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
            "headers": {
                "X-Withheld": {
                    "description": "Comparisons whose labels are left out, as they are withheld from you.",
                    "schema": {"type": "integer"},
                }
            },
        }
    },
)
def export_labels(
    viewer: Lead,
    run: RunOf,
    journal: JournalOf,
    format: Annotated[FormatName, Query()],
    what: Annotated[What | None, Query()] = None,
    round: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
) -> StreamingResponse:
    """`what` is what the format is for where it is not given. Labels on comparisons that are withheld stay here."""
    chosen = FORMATS[format]
    try:
        made = leaving(run, chosen, what, round=round, viewer=viewer.name)
    except BadFile as error:
        raise Refused(422, f"{error.told}.", "not-in-this-format") from error
    journal.record(viewer.actor, "labels.export", run.name, format=format, what=made.what)
    name = f"{made.what}-{format}.{'xml' if (format, what) == ('label-studio', 'form') else chosen.suffix}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Withheld": str(made.withheld),
    }
    return StreamingResponse(_joined(made.chunks), media_type="application/octet-stream", headers=headers)


@router.post(
    "/v1/runs/{run}/labels/import", status_code=201, summary="Take a file of labels in, all or nothing"
)
def import_labels(
    viewer: Lead, run: RunOf, body: LabelFile, once: OnceOnly, journal: JournalOf
) -> LabelsTaken:
    """The same file again changes nothing. A file that has a fault is refused with the first twenty of them."""

    def work() -> LabelsTaken:
        file = io.BytesIO(body.content.encode("utf-8", "surrogatepass"))
        with run.database.together():
            taken = take_in(run, FORMATS[body.format], file, Reviewers(body.reviewer, body.reviewers))
            journal.record(viewer.actor, "labels.import", run.name, format=body.format, added=taken.added)
        return LabelsTaken(
            added=taken.added,
            counted=taken.counted,
            present=taken.present,
            unanswered=taken.unanswered,
        )

    return once.answer(viewer, body, LabelsTaken, work)


def _joined(lines: Iterator[str]) -> Iterator[bytes]:
    """Lines in chunks that are worth a write to a socket."""
    held = io.StringIO()
    for line in lines:
        held.write(line)
        if held.tell() >= _CHUNK:
            yield held.getvalue().encode()
            held = io.StringIO()
    yield held.getvalue().encode()
