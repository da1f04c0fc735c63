"""What models wrote, as safe HTML: Markdown, code and formulas, and nothing that acts.

Three walls stand one behind the other. Markdown is read with its HTML switched off, so that markup in an answer is
text. Our own rules write only plain elements: a link is its text with the address beside it, an image its description
and address, so that nothing leads away or fetches. Last, whatever came out passes an allow-list of elements, attributes
and classes; the page's content security policy is the wall outside. Characters that would reorder or hide text are
spelled out (`review.visible`), and every block finds its own direction.

The work is bounded: a text is cut at `LONGEST` characters and ends with `shown / all` (a page says it in words), and
one whose Markdown would make more than `MOST_NODES` elements is shown as it is. The source can be read beside it.
"""

import html
import math
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from review.mathematics import ELEMENTS, mathematics
from review.visible import visible

LONGEST: Final = 40_000
"""Characters that are read as Markdown; an answer of 8,000 tokens has about 32,000."""

MOST_NODES: Final = 10_000
DEEPEST: Final = 20
"""Quotes and lists inside one another."""

_LONGEST_CODE: Final = 10_000
_LONGEST_LINE: Final = 400
_COLOURING: Final = 0.1
"""Seconds that the colours of one text may take: some lexers are quadratic in hostile code."""

_LONGEST_ADDRESS: Final = 200
_HEADINGS: Final = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}
"""An answer's headings stand below the page's own."""

_LEXERS: Final = {
    "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "go", "haskell", "html", "ini", "java",
    "javascript", "js", "json", "kotlin", "latex", "lua", "perl", "php", "python", "python3", "py", "r",
    "ruby", "rust", "scala", "sh", "shell", "sql", "swift", "toml", "ts", "typescript", "xml", "yaml",
    "yml",
}  # fmt: skip
"""Languages whose code is coloured; any other stands in one colour."""

_CODE: Final = "hl-"
_DIRECTED: Final = frozenset(["h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre"])
"""What runs as its first letter does: the marks of a list, the columns of a table. The rest finds its direction line by
line, by the style sheet: an element with a direction of its own would not be asked for the first letter."""

_PLAIN: Final = frozenset(
    ["p", "li", "th", "td", "thead", "tbody", "tr", "br", "hr", "em", "strong", "s", "code", "span"]
)
_SPACES: Final = {"0.167em", "0.222em", "0.278em", "0.333em", "1em", "2em"}

_CLEANER: Final = nh3.Cleaner(
    tags=set(_DIRECTED | _PLAIN | ELEMENTS),
    clean_content_tags={"script", "style"},
    attributes={},
    tag_attribute_values={
        "math": {"display": {"block", "inline"}},
        "mo": {"stretchy": {"true", "false"}, "fence": {"true"}, "form": {"prefix", "postfix"}},
        "mi": {"mathvariant": {"normal"}},
        "mfrac": {"linethickness": {"0"}},
        "mover": {"accent": {"true"}},
        "mspace": {"width": _SPACES},
        "mstyle": {"displaystyle": {"true", "false"}, "scriptlevel": {"0", "1"}},
        "mtd": {"columnalign": {"left", "right", "center"}},
        "menclose": {"notation": {"box"}},
        "ol": {"start": {str(n) for n in range(1_000)}},
    },
    set_tag_attribute_values={tag: {"dir": "auto"} for tag in _DIRECTED},
    allowed_classes={
        "p": {"cut"},
        "pre": {"code", "plain"},
        "span": {_CODE + short for short in STANDARD_TYPES.values() if short} | {"address", "picture"},
        "th": {"to-right", "to-center"},
        "td": {"to-right", "to-center"},
    },
    link_rel=None,
    url_schemes=set(),
)


def render(text: str) -> str:
    """`text` as an HTML fragment that is safe to put into a page."""
    read = visible(text[:LONGEST])
    rendered = str(_markdown().render(read))
    if rendered.count("<") > 2 * MOST_NODES:
        rendered = f'<pre class="plain">{html.escape(read)}</pre>'
    if len(text) > LONGEST:
        rendered += f'<p class="cut">{LONGEST:,} / {len(text):,}</p>'
    return str(_CLEANER.clean(rendered))


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST})
    markdown.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    mathematics(markdown)
    for name, rule in {
        "link_open": _link_open,
        "link_close": _link_close,
        "image": _image,
        "fence": _fence,
        "code_block": _fence,
        "heading_open": _heading,
        "heading_close": _heading,
        "th_open": _cell,
        "td_open": _cell,
    }.items():
        markdown.add_render_rule(name, rule)
    return markdown


def _link_open(_: Any, tokens: Sequence[Token], index: int, __: Any, env: Any) -> str:
    """Nothing: the link's text stands by itself, and its address follows it."""
    inside = [token for token in tokens[index + 1 : index + 3] if token.type != "link_close"]
    told = inside[0].content if len(inside) == 1 else ""
    env.setdefault("links", []).append((str(tokens[index].attrs.get("href", "")), told))
    return ""


def _link_close(_: Any, tokens: Sequence[Token], index: int, __: Any, env: Any) -> str:  # noqa: ARG001
    address, told = env["links"].pop()
    return "" if told == address else f" {_address(address)}"


def _image(markdown: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    described = markdown.renderInlineAsText(token.children or [], options, env)
    return (
        f'<span class="picture">🖼 {html.escape(described)} {_address(str(token.attrs.get("src", "")))}</span>'
    )


def _address(address: str) -> str:
    cut = address if len(address) <= _LONGEST_ADDRESS else address[:_LONGEST_ADDRESS] + "…"
    return f'<span class="address">({html.escape(cut)})</span>'


def _fence(_: Any, tokens: Sequence[Token], index: int, __: Any, env: Any) -> str:
    code = tokens[index].content
    named = tokens[index].info.split()[:1]
    language = named[0].lower() if named else ""
    short = len(code) <= _LONGEST_CODE and all(len(line) <= _LONGEST_LINE for line in code.splitlines())
    coloured = _coloured(code, language, env) if language in _LEXERS and short else None
    return f'<pre class="code"><code>{html.escape(code) if coloured is None else coloured}</code></pre>\n'


def _coloured(code: str, language: str, env: Any) -> str | None:
    """The code with a class for each kind of word; None where the text's time for colours is over."""
    parts = []
    lexer = _lexer(language)
    started = time.thread_time()
    for kind, word in lexer.get_tokens(code):
        if env.get("coloured", 0.0) + time.thread_time() - started > _COLOURING:
            env["coloured"] = math.inf
            return None
        short = STANDARD_TYPES.get(kind, "")
        told = html.escape(word)
        parts.append(f'<span class="{_CODE}{short}">{told}</span>' if short else told)
    env["coloured"] = env.get("coloured", 0.0) + time.thread_time() - started
    return "".join(parts)


@cache
def _lexer(language: str) -> Lexer:
    lexer: Lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return lexer


def _heading(_: Any, tokens: Sequence[Token], index: int, __: Any, ___: Any) -> str:
    token = tokens[index]
    return f"<{'/' if token.nesting < 0 else ''}{_HEADINGS[token.tag]}>"


def _cell(_: Any, tokens: Sequence[Token], index: int, __: Any, ___: Any) -> str:
    token = tokens[index]
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f'<{token.tag} class="to-{side}">' if side in {"right", "center"} else f"<{token.tag}>"
