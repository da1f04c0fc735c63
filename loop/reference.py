"""The configuration reference, written from the settings: `python -m loop.reference > docs/configuration.md`.

Every key with its type, bounds, default and meaning, in the order of the tree, so that the page cannot say
something else than the code. A test holds that the page in `docs/` is the one written here.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from loop.config import RunConfig

_INTRODUCTION = """\
# Configuration

Written by `python -m loop.reference` from the settings themselves; `rlaif config reference` prints the same.

A run is described by one YAML file. A key is set, in this order of precedence, by `--set gate.labels=100` on the
command line, by an environment variable such as `RLAIF__GATE__LABELS=100`, by the file, or it has its default. Unknown
keys are refused, and the nearest known key is named. Secrets never stand in a configuration: keys that end in `_env`
hold the *name* of an environment variable. `rlaif config check FILE` checks a file, its prompts and everything else
that can be known before a model is loaded or money is spent.
"""
_BOUNDS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))
_WORDS = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Path: "path",
    NoneType: "null",
    Any: "any",
}


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join((_INTRODUCTION, *_section(RunConfig, "", set())))


def _section(
    model: type[BaseModel], path: str, told: set[type[BaseModel]], *, optional: bool = False
) -> Iterator[str]:
    """The keys of a model as a table, then the sections below it, but for those that are `told` already."""
    if path:
        yield from (f"## {path}", "", _summary(model) + (" Not set by default." if optional else ""), "")
    below = {name: _models(info) for name, info in model.model_fields.items()}
    shared = {kinds[0] for kinds in below.values() if list(below.values()).count(kinds) > 1 and kinds}
    rows = {
        name: info
        for name, info in model.model_fields.items()
        if not below[name] or below[name][0] in shared or told.issuperset(below[name])
    }
    told.add(model)
    if rows:
        yield from ("| key | type | default | meaning |", "|---|---|---|---|")
        yield from (_row(_join(path, name), info) for name, info in rows.items())
        yield ""
    for kind in shared:
        yield from _section(kind, _join(path, "…"), told)
    for name, kinds in below.items():
        for kind in kinds if name not in rows else ():
            tag = f" (kind: {kind.model_fields['kind'].default})" if len(kinds) > 1 else ""
            unset = model.model_fields[name].default is None
            yield from _section(kind, _join(path, name) + tag, told, optional=unset)


def _join(path: str, name: str) -> str:
    return f"{path.partition(' ')[0]}.{name}" if path else name


def _summary(model: type[BaseModel]) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (model.__doc__ or "").strip().split("\n\n"))


def _row(path: str, info: FieldInfo) -> str:
    bounds = "".join(
        f", {sign} {getattr(found, name)}"
        for found in info.metadata
        for kind, name, sign in _BOUNDS
        if isinstance(found, kind)
    )
    meaning = " ".join((info.description or "").split())
    cells = (f"`{path}`", _type(info.annotation) + bounds, _default(info), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(argument) for argument in arguments))
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _WORDS[annotation]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
    shown = yaml.safe_dump(
        str(value) if isinstance(value, Path) else value, default_flow_style=True, width=1000
    )
    return f"`{shown.splitlines()[0]}`"


def _models(info: FieldInfo) -> list[type[BaseModel]]:
    """The sections that a key may hold; several for a choice by `kind`."""
    annotation = info.annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    candidates = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]


if __name__ == "__main__":
    sys.stdout.write(reference())
