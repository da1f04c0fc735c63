"""Finding a text file by a shipped name or by a path, and reading it.

A name with a folder separator or the file suffix is a path; anything else is a shipped name, so that a stray
file in the working directory never stands in for a shipped one.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from prompts.errors import PromptError, UnknownName


def read_named(
    kind: str, folder: str, suffixes: Sequence[str], name_or_path: str | Path
) -> tuple[str, str, str]:
    """(name, where, text) of the file of `prompts/<folder>` with this name, or at this path.

    Raises `UnknownName` for a name that no shipped file has, `PromptError` for an unreadable path.
    """
    given = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in given or "\\" in given or given.endswith(tuple(suffixes)):
        path = Path(given)
        return path.stem, given, _read(path, kind)
    shipped = {
        entry.name.removesuffix(suffix): entry
        for entry in files("prompts").joinpath(folder).iterdir()
        for suffix in suffixes
        if entry.name.endswith(suffix)
    }
    if given not in shipped:
        raise UnknownName(kind, given, sorted(shipped))
    entry = shipped[given]
    return given, f"prompts/{folder}/{entry.name}", entry.read_text(encoding="utf-8")


def _read(path: Path, kind: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PromptError(f"{path}: cannot read this {kind}: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise PromptError(
            f"{path}: this {kind} is not UTF-8 (byte {error.start}). Save it as UTF-8."
        ) from error
