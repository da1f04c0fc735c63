"""Untrusted text, made safe to show: what could act on a terminal or a page is shown instead.

Answers and prompts come from models and from files. A control character can rewrite a terminal's screen, and a
bidirectional override can reorder a line, so that a reader would judge another text than the one that is there.
Joiners stay, because emoji and several scripts need them. Markup is the concern of whoever prints: pages escape,
terminals print `rich.text.Text`, which is never parsed.
"""

import unicodedata

_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PLAIN = {ord("\n"): " ", ord("\t"): " "}
_HARMLESS = {"\n", "\t", "\u200c", "\u200d"}


def visible(text: str) -> str:
    """`text` with line ends as `\\n` and every acting character as `⟨U+202E⟩`."""
    text = text.replace("\r\n", "\n")
    if text.translate(
        _PLAIN
    ).isprintable():  # printable characters act on nothing, and most texts have no others
        return text
    return "".join(
        f"⟨U+{ord(c):04X}⟩" if c not in _HARMLESS and unicodedata.category(c) in _ACTING else c for c in text
    )


def one_line(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters, cut with an ellipsis."""
    line = " ".join(visible(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"
