"""A judge template's front matter: what it shows, what a judge may reply to it, and worked examples."""

from itertools import permutations
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from prompts.errors import BadTemplate

Mode = Literal["pairwise", "pointwise"]

SHOWN: dict[Mode, tuple[str, ...]] = {"pairwise": ("answer_a", "answer_b"), "pointwise": ("answer",)}
"""The variables that hold what is judged."""


class Example(BaseModel):
    """A request with its answers as a template's front matter gives them, and the reply they deserve.

    `answers` are two in pairwise templates, one in pointwise ones; `reasoning` is what a good judge would say first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str = Field(min_length=1)
    answers: tuple[str, ...]
    verdict: str
    reasoning: str = ""


class Header(BaseModel):
    """The keys of a front matter. `labels` are all replies: two answers, then a tie; or points in rising order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    reply: Literal["label", "json"] = "label"
    mode: Mode = "pairwise"
    ties: bool = False
    examples: tuple[Example, ...] = ()
    description: str = Field(default="", description="For people; not rendered.")

    @field_validator("labels")
    @classmethod
    def _distinguishable(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if any(not label.strip() for label in labels):
            raise ValueError("a label is empty")
        for one, other in permutations(labels, 2):
            if one.startswith(other):
                raise ValueError(f"{other!r} and {one!r} cannot be told apart: one begins with the other")
        return labels

    @model_validator(mode="after")
    def _as_many_as_the_mode_needs(self) -> Self:
        if self.mode == "pointwise":
            if self.ties:
                raise ValueError("ties: one answer by itself has none; remove the key")
            points = [int(label) for label in self.labels if label.isdecimal()]
            if len(points) < max(2, len(self.labels)) or points != sorted(set(points)):
                raise ValueError(
                    'labels: a pointwise template needs numbers in rising order: ["0", "1", "2"]'
                )
        elif len(self.labels) != 2 + self.ties:
            meant = (
                "three with ties: true, the third for a tie" if self.ties else "two, or three with ties: true"
            )
            raise ValueError(f"labels: a pairwise template has {meant}; found {len(self.labels)}")
        for number, example in enumerate(self.examples, start=1):
            if len(example.answers) != len(SHOWN[self.mode]):
                raise ValueError(f"examples: number {number} must have {len(SHOWN[self.mode])} answer(s)")
            if example.verdict not in self.labels:
                raise ValueError(f"examples: number {number}: its verdict {example.verdict!r} is no label")
        return self


def read_header(where: str, text: str) -> Header:
    """Raises `BadTemplate` naming file, key and reason."""
    try:
        return Header.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadTemplate(f"{where}: front matter is not valid YAML: {error}") from error
    except ValidationError as error:
        reasons = [
            f"{'.'.join(map(str, d['loc']))}: {d['msg']}"
            if d["loc"]
            else d["msg"].removeprefix("Value error, ")
            for d in error.errors(include_url=False)
        ]
        raise BadTemplate(f"{where}: front matter: {'; '.join(reasons)}") from error
