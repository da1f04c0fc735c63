"""TeX in answers, as MathML: between dollars, or as models like it, between `\\(` and `\\)`, `\\[` and `\\]`.

A formula that the converter does not know, or that is too long or too deep to be one, or one formula too many, is shown
as its source: a reviewer must see what the model wrote. So is one with markup in its words, which the converter passes
through; `review.rendering` sanitises the rest once more. Dollars followed by a space or beside a digit are money.
"""

import html
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

LONGEST: Final = 1_000
"""Characters of a formula that is converted."""

DEEPEST: Final = 30
"""Braces and environments inside one another."""

MOST: Final = 200
"""Formulas of one text that are converted."""

ELEMENTS: Final = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac",
    "msqrt", "mroot", "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mstyle", "menclose",
}  # fmt: skip
"""What a formula is made of. No `mphantom`, which hides what it holds."""

_NAMESPACE: Final = "{http://www.w3.org/1998/Math/MathML}"
_MOST_LINES: Final = 40
_CLOSING: Final = {"\\(": "\\)", "\\[": "\\]"}
_OPENING: Final = re.compile(r"\{|\\left\b|\\begin\b")
_ENDING: Final = re.compile(r"\}|\\right\b|\\end\b")


def mathematics(markdown: MarkdownIt) -> None:
    """A plugin: formulas become MathML tokens of their own."""
    dollarmath_plugin(
        markdown,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    markdown.inline.ruler.before("escape", "math_brackets", _brackets)
    markdown.block.ruler.before(
        "fence",
        "math_brackets_block",
        _brackets_block,
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )
    for kind in ("math_inline", "math_inline_double", "math_block"):
        markdown.add_render_rule(kind, _formula)


def mathml(source: str, *, display: bool = False) -> str:
    """A formula as MathML, or its escaped source where that cannot be made."""
    depth = max(len(_OPENING.findall(source)), len(_ENDING.findall(source)))
    if len(source) <= LONGEST and depth <= DEEPEST:
        # The converter has errors of its own, and raises others too on what is not TeX.
        with suppress(Exception):
            made = str(convert(source, display="block" if display else "inline"))
            if all(
                part.tag.removeprefix(_NAMESPACE) in ELEMENTS for part in ElementTree.fromstring(made).iter()
            ):
                return made
    return f"<code>{html.escape(source)}</code>"


def _formula(_: Any, tokens: Sequence[Token], index: int, __: Any, env: Any) -> str:
    env["formulas"] = env.get("formulas", 0) + 1
    token = tokens[index]
    source = token.content.strip()
    display = token.type != "math_inline"
    made = (
        mathml(source, display=display) if env["formulas"] <= MOST else f"<code>{html.escape(source)}</code>"
    )
    return f"<p>{made}</p>\n" if token.block else made


def _brackets(state: StateInline, silent: bool) -> bool:
    opening = state.src[state.pos : state.pos + 2]
    if opening not in _CLOSING:
        return False
    end = state.src.find(_CLOSING[opening], state.pos + 2, state.pos + 2 + LONGEST)
    if end < 0 or end + 2 > state.posMax:
        return False
    if not silent:
        _push(state, state.src[state.pos + 2 : end], inline=True, display=opening == "\\[")
    state.pos = end + 2
    return True


def _brackets_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].rstrip()
    if not first.startswith("\\["):
        return False
    lines: list[str] = []
    for line in range(start, min(end, start + _MOST_LINES)):
        begin = state.bMarks[line] + state.tShift[line]
        if line > start and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return False
        lines.append(state.src[begin : min(state.eMarks[line], begin + LONGEST)].rstrip())
        closing = lines[-1].find("\\]", 2 if line == start else 0)
        if closing >= 0:
            if closing + 2 < len(lines[-1]):
                return False
            if not silent:
                state.line = line + 1
                _push(state, "\n".join(lines)[2:-2], inline=False, display=True)
            return True
    return False


def _push(state: Any, source: str, *, inline: bool, display: bool) -> None:
    kind = "math_block" if not inline else "math_inline_double" if display else "math_inline"
    token = state.push(kind, "math", 0)
    token.content = source.strip()
    token.block = not inline
