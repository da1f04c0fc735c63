"""What models wrote as HTML: what it shows, and that nothing in it acts, whatever was written."""

import string
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from review.mathematics import ELEMENTS
from review.rendering import LONGEST, MOST_NODES, render
from tests.review.hostile import HOSTILE

ALLOWED = {
    "p", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td",
    "br", "hr", "em", "strong", "s", "code", "pre", "span", *ELEMENTS,
}  # fmt: skip
ATTRIBUTES = {
    "dir", "class", "start", "display", "stretchy", "fence", "form", "mathvariant", "linethickness", "accent",
    "width", "displaystyle", "scriptlevel", "columnalign", "notation", "xmlns",
}  # fmt: skip
VOID = {"br", "hr"}


class Reading(HTMLParser):
    """Reads a fragment: its elements in balance, nothing but what is allowed."""

    def __init__(self, fragment: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements = 0
        self.text = ""
        self.feed(fragment)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += 1
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            assert set(value or "") <= set(string.ascii_letters + string.digits + " -."), (name, value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@pytest.mark.parametrize("attack", HOSTILE)
def test_nothing_that_acts_comes_out(attack: str) -> None:
    read = Reading(render(HOSTILE[attack]))
    assert read.elements <= 2 * MOST_NODES
    for hidden in "\u202e\u2066\u200b\ufeff\x00\x1b\x9b\u2028":
        assert hidden not in read.text


PIECES = st.sampled_from(
    [
        *"<>\"'&`$\\*_[](){}!|#-+~:;=/ \n\t",
        "<script>", "</p>", "javascript:", "onerror=", "](", "![", "```", "$$", "\\[", "\\]", "\\(", "\\)", "<!--",
        "<![CDATA[", "\\frac", "\\text{", "| - |", "    ", "1. ", "> ", "&lt;", "\u202e", "\x00", "é", "字", "א",
        "style=",
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_combination_of_signs_makes_anything_that_acts(text: str) -> None:
    Reading(render(text))


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"]), max_size=200))
@settings(max_examples=100, deadline=None)
def test_plain_words_are_shown_whole(text: str) -> None:
    shown = Reading(render(text)).text
    assert [c for c in shown if not c.isspace()] == [c for c in text if not c.isspace()]


def test_markdown_is_read() -> None:
    assert render("# Title\n\n**bold** and *soft*, ~~gone~~ `code`") == (
        '<h3 dir="auto">Title</h3><p><strong>bold</strong> and <em>soft</em>, <s>gone</s> <code>code</code></p>\n'
    )
    assert render("2. two\n3. three") == '<ol start="2" dir="auto">\n<li>two</li>\n<li>three</li>\n</ol>\n'
    assert '<td class="to-right">1</td>' in render("|a|\n|-:|\n|1|")
    assert render("one\ntwo") == "<p>one<br>\ntwo</p>\n"


def test_links_and_images_are_told_and_lead_nowhere() -> None:
    assert render("[here](https://example.org/a)") == (
        '<p>here <span class="address">(https://example.org/a)</span></p>\n'
    )
    assert render("<https://example.org>") == "<p>https://example.org</p>\n"
    shown = Reading(render("![a cat](https://example.org/cat.png)")).text
    assert "a cat" in shown
    assert "https://example.org/cat.png" in shown


def test_code_is_coloured_and_markup_in_it_is_text() -> None:
    shown = render("```python\nfor x in y: print('<b>')\n```")
    assert '<span class="hl-k">for</span>' in shown
    assert "&lt;b&gt;" in shown
    assert (
        render("```unheard-of\n<b>\n```") == '<pre class="code" dir="auto"><code>&lt;b&gt;\n</code></pre>\n'
    )


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]", "\\[\nx^2\n\\]"])
def test_formulas_between_dollars_and_brackets_are_mathml(text: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render(text)


@pytest.mark.parametrize("text", ["It costs $5 and then $6.", "from $10 to $20", "$ x $", "a\\$b$"])
def test_money_is_no_formula(text: str) -> None:
    assert "<math" not in render(text)


def test_a_formula_that_is_none_is_shown_as_it_was_written() -> None:
    for source in ("\\text{<b>}", "\\phantom{x}", "{" * 50):
        shown = Reading(render(f"${source}$"))
        assert source in shown.text


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = render("word " * 20_000)
    assert shown.endswith(f'<p class="cut">{LONGEST:,} / 100,000</p>')
    assert "cut" not in render("word " * 100)


def test_what_would_be_too_many_elements_is_shown_as_written() -> None:
    shown = render("*a* " * 10_000)
    assert shown.startswith('<pre class="plain" dir="auto">*a* *a*')


def test_every_block_finds_its_own_direction() -> None:
    shown = render("- אחת\n- two\n\n> ציטוט\n\n```\ncode\n```")
    assert shown.count('dir="auto"') == 3, "the list, the quote, the code; lines in them find their own"
