"""Styles and scripts, served under a path that names their content, so that a browser may keep them for ever.

The hash is over all of them together: a module that imports its neighbour by a relative path finds the neighbour of
its own version.
"""

import hashlib
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from review.accounts.identity import Anyone

STATIC: Final = Path(__file__).parent / "static"
_FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Assets:
    """The files of a folder, read once."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder

    @cached_property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self._folder.iterdir()) if path.is_file()}

    @cached_property
    def version(self) -> str:
        made = hashlib.sha256()
        for name, content in self.files.items():
            made.update(f"{name} {len(content)}\n".encode() + content)
        return made.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Where this file is served. Raises KeyError for one that is not there."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"


router = APIRouter()


@router.get("/static/{version}/{name}")
def asset(request: Request, version: str, name: str, _viewer: Anyone) -> Response:
    assets: Assets = request.app.state.site.assets
    if name not in assets.files:
        raise HTTPException(404, "There is no such file.")
    kind = _TYPES.get(Path(name).suffix) or guess_type(name)[0] or "application/octet-stream"
    caching = _FOREVER if version == assets.version else "no-cache"
    return Response(assets.files[name], media_type=kind, headers={"Cache-Control": caching})
