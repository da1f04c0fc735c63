"""A judge template: how a comparison is put to a judge, and what it may reply.

A file is YAML front matter between two `---` lines (`labels`, the two replies that name the first and the second
answer; `reply`, `label` or `json`) and then the text: an optional part after a `[system]` line and one after a
`[user]` line. The parts are Jinja, rendered once in a sandbox: what stands in an answer is a value and never
becomes markup. Variables: `question` (the last user turn, or the whole talk when there were several turns),
`messages`, `answer_a`, `answer_b`, `principles`, `labels`, and `fence`, a delimiter drawn from the texts' own hash
that occurs in none of them, so that no answer can forge the end of its quotation.

Left out: few-shot turns (put them in the text) and anything about how a reply is parsed, which is the judge's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prompts.constitution import Principle
from prompts.errors import BadTemplate
from prompts.hashing import content_hash
from prompts.prompt import Message, Role
from prompts.shipped import read_named

VARIABLES = frozenset({"question", "messages", "answer_a", "answer_b", "principles", "labels", "fence"})

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_PART = re.compile(r"^\[(system|user)\]\n", re.MULTILINE)
_ENVIRONMENT = SandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, str]
    reply: Literal["label", "json"] = "label"
    description: str = Field(default="", description="For people; not rendered.")

    @field_validator("labels")
    @classmethod
    def _distinguishable(cls, labels: tuple[str, str]) -> tuple[str, str]:
        first, second = labels
        if not first.strip() or not second.strip():
            raise ValueError("a label is empty")
        if first.startswith(second) or second.startswith(first):
            raise ValueError(f"{first!r} and {second!r} cannot be told apart: one begins with the other")
        return labels


@dataclass(frozen=True)
class JudgeTemplate:
    """A loaded template. `labels` name the first and the second answer; `hash` is the file's content hash."""

    name: str
    hash: str
    labels: tuple[str, str]
    reply: Literal["label", "json"]
    parts: tuple[tuple[Role, Template], ...]

    def render(
        self, question: Sequence[Message], answer_a: str, answer_b: str, principles: Sequence[Principle]
    ) -> tuple[Message, ...]:
        """The chat put to the judge, `answer_a` shown first: an optional system turn and a user turn.

        Raises `BadTemplate` where the text fails on these values.
        """
        values: dict[str, Any] = {
            "question": _as_text(question),
            "messages": [{"role": m.role, "content": m.content} for m in question],
            "answer_a": answer_a,
            "answer_b": answer_b,
            "principles": principles,
            "labels": self.labels,
            "fence": _fence([m.content for m in question] + [answer_a, answer_b]),
        }
        try:
            return tuple(Message(role=role, content=part.render(values)) for role, part in self.parts)
        except TemplateError as error:
            raise BadTemplate(f"template {self.name!r}: {error}") from error


def load_template(name_or_path: str | Path) -> JudgeTemplate:
    """Read a shipped template (a file in prompts/judge) by name, or any file by path.

    Raises `UnknownName`, or `BadTemplate` naming file, key or line, and reason.
    """
    name, where, text = read_named("judge template", "judge", (".txt",), name_or_path)
    matter = _FRONT_MATTER.match(text)
    if matter is None:
        raise BadTemplate(f"{where}: line 1: expected front matter: labels and reply between two --- lines.")
    header = _header(where, matter[1])
    body_line = text.count("\n", 0, matter.start(2)) + 1
    parts = _parts(where, matter[2], body_line)
    return JudgeTemplate(name, content_hash(text), header.labels, header.reply, parts)


def _header(where: str, text: str) -> _Header:
    try:
        return _Header.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadTemplate(f"{where}: front matter is not valid YAML: {error}") from error
    except ValidationError as error:
        reasons = [f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in error.errors(include_url=False)]
        raise BadTemplate(f"{where}: front matter: {'; '.join(reasons)}") from error


def _parts(where: str, body: str, body_line: int) -> tuple[tuple[Role, Template], ...]:
    before, *rest = _PART.split(body)
    roles = rest[0::2]
    if before.strip() or roles not in (["user"], ["system", "user"]):
        raise BadTemplate(
            f"{where}: line {body_line}: the text must be an optional part after a [system] line, then one part "
            f"after a [user] line; found {', '.join(roles) or 'neither'}."
        )
    used: set[str] = set()
    parts: list[tuple[Role, Template]] = []
    line = body_line + before.count("\n") + 1
    for role, source in zip(roles, rest[1::2], strict=True):
        try:
            used |= meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
            parts.append(
                ("system" if role == "system" else "user", _ENVIRONMENT.from_string(source.strip("\n")))
            )
        except TemplateSyntaxError as error:
            raise BadTemplate(f"{where}: line {line + error.lineno - 1}: {error.message}") from error
        line += source.count("\n") + 1
    if unknown := sorted(used - VARIABLES):
        raise BadTemplate(
            f"{where}: unknown variable {', '.join(unknown)}; known: {', '.join(sorted(VARIABLES))}."
        )
    missing = [need for need in ("answer_a", "answer_b") if need not in used]
    if not used & {"question", "messages"}:
        missing.append("question")
    if missing:
        raise BadTemplate(f"{where}: the text never shows {', '.join(missing)}; a judge must see it.")
    return tuple(parts)


def _as_text(question: Sequence[Message]) -> str:
    if len(question) == 1:
        return question[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in question)


def _fence(texts: Sequence[str]) -> str:
    """Eight hexadecimal digits that occur in none of `texts`; the same texts in the same order give the same."""
    digest = content_hash("\0".join(texts))
    while any(digest[:8] in text for text in texts):
        digest = content_hash(digest)
    return digest[:8]
