"""What can be wrong with wording and data, as one tree.

PromptError
├── UnknownName        a shipped template or constitution that does not exist
├── BadConstitution    a constitution file that cannot be used
├── BadTemplate        a judge template that cannot be used
├── BadSource          a source of prompts that cannot be read or split
├── BadRows            rows of a source that are not prompts
└── SplitsOverlap      a prompt, or nearly the same one, in both train and heldout
"""

from difflib import get_close_matches


class PromptError(Exception):
    """The base of every refusal in `prompts`. The message says what was wrong, where, and what to do."""


class UnknownName(PromptError):
    """A shipped file was asked for by a name that none has."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, n=3, cutoff=0.4) or known
        super().__init__(
            f"there is no {kind} named {name!r}; nearest: {', '.join(near) or 'none'}. "
            "Name one of these, or give the path of a file."
        )


class BadConstitution(PromptError):
    """A constitution file that cannot be used; the message names file, key and reason."""


class BadTemplate(PromptError):
    """A judge template that cannot be used; the message names file, key or line, and reason."""


class BadSource(PromptError):
    """A source of prompts that cannot be read, has nothing in it, or cannot be split."""


class BadRows(PromptError):
    """Rows that are not prompts. `problems` says where and why, one line a row; `total` counts them all."""

    def __init__(self, problems: list[str], total: int) -> None:
        self.problems = problems
        self.total = total
        more = f"\n  and {total - len(problems)} more" if total > len(problems) else ""
        super().__init__(
            f"{total} {'row is' if total == 1 else 'rows are'} not a usable prompt; mend or remove:\n  "
            + "\n  ".join(problems)
            + more
        )


class SplitsOverlap(PromptError):
    """Train and heldout share a prompt, or nearly, so that held-out results would mean nothing."""
