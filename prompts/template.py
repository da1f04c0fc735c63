"""A judge template: how a comparison is put to a judge, and what it may reply.

A file is YAML front matter between two `---` lines and then the text: an optional part after a `[system]` line and
one after a `[user]` line. The front matter holds `labels`, the replies a judge may give; `reply`, `label` or `json`;
and, where wanted, `mode`, `ties` and `examples`:

- `mode: pairwise` (the default) shows two answers, `answer_a` and `answer_b`. Its two labels name the first and
  the second; with `ties: true` a third says that neither is better.
- `mode: pointwise` shows one `answer`. Its labels are whole numbers in rising order: the points it can get.

The parts are Jinja, rendered once in a sandbox: what stands in an answer is a value and never becomes markup. Other
variables: `question` (the last user turn, or the whole talk when there were several turns), `messages`,
`principles`, `labels`, `examples` (the front matter's, as they stand there), `criteria` (written for this request
by a call of its own), `reference` (a reference answer, empty where there is none), and `fence`, a delimiter drawn from
the texts' own hash that occurs in none of them, so that no answer can forge the end of its quotation.

Left out: including other files, since a template's hash must cover all of its text, and anything about how a
reply is parsed, which is the judge's.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel

from prompts.constitution import Principle
from prompts.errors import BadTemplate
from prompts.front_matter import SHOWN, Example, Mode, read_header
from prompts.hashing import content_hash
from prompts.prompt import Message, Role
from prompts.shipped import read_named

VARIABLES = frozenset(
    {"question", "messages", "principles", "labels", "fence", "criteria", "reference", "examples"}
)
"""The variables of every mode."""

_HEX = re.compile("[0-9a-f]{8,}")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_PART = re.compile(r"^\[(system|user)\]\n", re.MULTILINE)


_OURS: dict[type[BaseModel], frozenset[str]] = {
    kind: frozenset(kind.model_fields) for kind in (Principle, Example)
}


class _Sandbox(SandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        # The records that a template walks through hold nothing but plain values, and the walk through the types
        # that must not be reached costs as much as the rest of a rendering.
        if attribute in _OURS.get(type(obj), ()):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


_ENVIRONMENT = _Sandbox(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)


@dataclass(frozen=True)
class JudgeTemplate:
    """A loaded template. `replies` are all that a judge may answer; `hash` is the file's content hash."""

    name: str
    hash: str
    replies: tuple[str, ...]
    reply: Literal["label", "json"]
    parts: tuple[tuple[Role, Template], ...]
    mode: Mode = "pairwise"
    examples: tuple[Example, ...] = ()
    uses: frozenset[str] = frozenset()
    """The variables that stand in its text."""

    @property
    def labels(self) -> tuple[str, str]:
        """The replies that name the first and the second answer of a pairwise template."""
        return self.replies[0], self.replies[1]

    @property
    def ties(self) -> bool:
        """Whether the third reply says that neither answer is better."""
        return self.mode == "pairwise" and len(self.replies) == 3

    @property
    def points(self) -> tuple[int, ...]:
        """What each reply of a pointwise template is worth, in rising order; empty for a pairwise one."""
        return tuple(int(reply) for reply in self.replies) if self.mode == "pointwise" else ()

    def render(
        self,
        question: Sequence[Message],
        answer_a: str,
        answer_b: str,
        principles: Sequence[Principle],
        *,
        criteria: str = "",
        reference: str = "",
    ) -> tuple[Message, ...]:
        """The chat put to the judge, `answer_a` shown first: an optional system turn and a user turn.

        Raises `BadTemplate` where the text fails on these values, or shows one answer only.
        """
        return self._render("pairwise", question, (answer_a, answer_b), principles, criteria, reference)

    def render_one(
        self,
        question: Sequence[Message],
        answer: str,
        principles: Sequence[Principle],
        *,
        criteria: str = "",
        reference: str = "",
    ) -> tuple[Message, ...]:
        """The chat that asks a judge for the points of one answer. Raises `BadTemplate` as `render` does."""
        return self._render("pointwise", question, (answer,), principles, criteria, reference)

    def _render(
        self,
        mode: Mode,
        question: Sequence[Message],
        answers: tuple[str, ...],
        principles: Sequence[Principle],
        criteria: str,
        reference: str,
    ) -> tuple[Message, ...]:
        if mode != self.mode:
            raise BadTemplate(f"template {self.name!r} is {self.mode}; it cannot be put as {mode}.")
        beside = {"criteria": criteria, "reference": reference}
        asides = [text for name, text in beside.items() if text and name in self.uses]
        values: dict[str, Any] = {
            "question": as_text(question),
            "messages": [{"role": m.role, "content": m.content} for m in question],
            "principles": principles,
            "labels": self.replies,
            "examples": self.examples,
            **beside,
            "fence": fence_for([m.content for m in question] + [*answers, *asides]),
            **dict(zip(SHOWN[mode], answers, strict=True)),
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
    header = read_header(where, matter[1])
    body_line = text.count("\n", 0, matter.start(2)) + 1
    parts, uses = _parts(where, matter[2], body_line, header.mode)
    return JudgeTemplate(
        name, content_hash(text), header.labels, header.reply, parts, header.mode, header.examples, uses
    )


def _parts(
    where: str, body: str, body_line: int, mode: Mode
) -> tuple[tuple[tuple[Role, Template], ...], frozenset[str]]:
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
    known = VARIABLES | set(SHOWN[mode])
    if unknown := sorted(used - known):
        raise BadTemplate(
            f"{where}: unknown variable {', '.join(unknown)}; known: {', '.join(sorted(known))}."
        )
    missing = [need for need in SHOWN[mode] if need not in used]
    if not used & {"question", "messages"}:
        missing.append("question")
    if missing:
        raise BadTemplate(f"{where}: the text never shows {', '.join(missing)}; a judge must see it.")
    return tuple(parts), frozenset(used)


def as_text(question: Sequence[Message]) -> str:
    """The last user turn where it is the only one, else all turns with their roles."""
    if len(question) == 1:
        return question[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in question)


def fence_for(texts: Sequence[str]) -> str:
    """Eight hexadecimal digits that occur in none of `texts`, nor anything that could be taken for them.

    Drawn from the texts' own hash, so that the same texts in the same order are quoted in the same way, whoever asks
    and however often. Knowing how it is drawn helps no forger: a text that holds the code, or one that differs in
    two digits, in capitals or in full-width letters, makes it another code.
    """
    spelled = {run for text in texts for run in _HEX.findall(_plainly(text))}
    digest = content_hash("\0".join(texts))
    for tries in count():
        # A text that is one long number in hexadecimal may leave nothing that is far from all of it.
        near = max(0, 2 - tries // 64)
        if not any(_resembles(digest[:8], run, near) for run in spelled):
            break
        digest = content_hash(digest)
    return digest[:8]


def _plainly(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def _resembles(code: str, run: str, near: int) -> bool:
    """Whether eight digits in a row of `run` differ from `code` in at most `near` places."""
    return any(
        sum(a != b for a, b in zip(code, run[start : start + 8], strict=True)) <= near
        for start in range(len(run) - 7)
    )
