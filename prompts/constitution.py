"""A constitution: the written principles a judge compares answers by, named, versioned and hashed.

The hash is over the file's text, so a verdict that stores it can be traced to the exact wording. Principles
are data: nothing in code knows an id.
"""

from collections import Counter
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prompts.errors import BadConstitution
from prompts.hashing import content_hash
from prompts.shipped import read_named
from prompts.strict_yaml import read_yaml

Axis = Literal["helpful", "harmless", "honest"]


class Principle(BaseModel):
    """One rule, what it serves, and how much it counts against the others (any positive number)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    axis: Axis
    weight: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    text: str = Field(min_length=1)


class Constitution(BaseModel):
    """Principles with distinct ids. `hash` is the content hash of the file they were read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    principles: tuple[Principle, ...] = Field(min_length=1)
    hash: str

    @model_validator(mode="after")
    def _distinct_ids(self) -> Self:
        twice = [id for id, count in Counter(p.id for p in self.principles).items() if count > 1]
        if twice:
            raise ValueError(f"principle id used twice: {', '.join(twice)}")
        return self

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that its principles serve, in the order in which they first come."""
        return tuple(dict.fromkeys(p.axis for p in self.principles))

    def select(self, ids: tuple[str, ...]) -> tuple[Principle, ...]:
        """The principles with these ids, in the constitution's order; empty `ids` means all.

        Raises `BadConstitution` for an id that is not there.
        """
        if not ids:
            return self.principles
        unknown = sorted(set(ids) - {p.id for p in self.principles})
        if unknown:
            raise BadConstitution(
                f"constitution {self.name!r} {self.version} has no principle {', '.join(unknown)}; "
                f"it has {', '.join(p.id for p in self.principles)}."
            )
        return tuple(p for p in self.principles if p.id in ids)


def load_constitution(name_or_path: str | Path) -> Constitution:
    """Read a shipped constitution (a file in prompts/constitutions) by name, or any file by path.

    Raises `UnknownName`, or `BadConstitution` naming file, key and reason.
    """
    _, where, text = read_named("constitution", "constitutions", (".yaml", ".yml"), name_or_path)
    return parse_constitution(text, where)


def parse_constitution(text: str, where: str) -> Constitution:
    """A constitution from its file's text; `where` names it in errors. Raises `BadConstitution` as its loader."""
    try:
        content = read_yaml(text)
    except yaml.YAMLError as error:
        raise BadConstitution(f"{where}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise BadConstitution(f"{where}: expected the keys name, version and principles.")
    if "hash" in content:
        raise BadConstitution(f"{where}: hash: is computed from the file; remove the key.")
    try:
        return Constitution(**{str(key): value for key, value in content.items()}, hash=content_hash(text))
    except ValidationError as error:
        raise BadConstitution(f"{where}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    lines = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"])
        lines.append(f"{key}: {detail['msg']}" if key else detail["msg"])
    return "; ".join(lines)
