"""What an answer looks like to a judge: the same words, without what only a machine reads.

A person who reads an answer does not see characters without width, tags, overridden directions or a hundred accents
on one letter; a model reads every one of them, and can be spoken to through them. So a judge is shown the text as a
person would see it. Answers stay as they are wherever they are stored, sampled from and trained on.

Kept, because people need them: joiners inside emoji and in scripts that join letters, one variation selector on a
character that has variants, the flags made of tags, as many marks on a letter as any living script stacks. Text in
such scripts, and all plain text, comes out as it went in.

Spellings of chat markers (`<|im_start|>`, `[INST]`, `</s>`) are opened by a space. A local judge's tokenizer would
read them as text anyway (see `policy.chat`), but of a server's nobody can say.

Left out: Unicode normal forms (they change formulas), look-alike letters (they are letters), and anything about what
an answer says; that is for the judge.
"""

import re
import unicodedata

MARKS_ON_A_LETTER = 5
"""Combining marks that may follow one another: vocalised and cantillated Hebrew reaches five."""

LEFT_OUT = "[… {count:,} characters left out …]"
"""Stands where a text was cut."""

_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001fffe-\U00020000\U0002fffe-\U00030000\U0003fffe-\U0010ffff]"
    r"|[^\w\s\x21-\x7e]{6}"
)
"""What may have to go: found in no ordinary text, so that ordinary text costs one search."""
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CHAT_MARKER = re.compile(
    r"<(?=[|｜][^|｜<>\n]{1,40}[|｜]>)"  # <|im_start|>, <|eot_id|>, and their full-width sisters
    r"|<(?=/?(?:s|bos|eos|pad|unk|mask|cls|sep|(?:start|end)_of_(?:turn|text|image)|SYS|think)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|CLS|SEP|PAD|MASK|UNK|BOS|EOS)\])",
    re.IGNORECASE,
)

_ZWNJ, _ZWJ, _EMOJI_STYLE, _KEYCAP = "\u200c", "\u200d", "\ufe0f", "\u20e3"
_FLAG, _FLAG_TAGS = "\U0001f3f4", re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u034f")
"""Letters and marks that are drawn as nothing."""
_VISIBLE_FORMATS = frozenset("\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd") | {
    chr(c) for c in (*range(0x600, 0x606), *range(0x13430, 0x13440))
}
"""Format characters that are drawn: number signs, and the frame of hieroglyphs."""
_NOBODYS = re.compile(
    "[\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(p + 0xFFFE)}{chr(p + 0xFFFF)}" for p in range(0x10000, 0x110000, 0x10000))
    + "]"
)
"""Code points that are no characters and never will be."""
_UNASSIGNED_UNSEEN = re.compile("[\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]")
"""Not assigned yet, and set aside for characters that are not drawn."""
_JOINING_SCRIPTS = (
    (0x0600, 0x109F), (0x1780, 0x18AF), (0x1900, 0x1CFF), (0xA800, 0xABFF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE),
    (0x10A00, 0x10FFF), (0x11000, 0x11FFF), (0x1E900, 0x1E95F),
)  # fmt: skip
"""From Arabic and the scripts of India to Mongolian and Adlam: where a joiner changes how letters are drawn."""


def clean(text: str) -> str:
    """`text` as a person would see it; the very same text where it is plain."""
    if _SUSPECT.search(text) is not None:
        text = _visible(_LINE_ENDS.sub("\n", text))
    return _CHAT_MARKER.sub(lambda found: found[0] + " ", text)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, beside a mark that says how many are missing: its head and its tail.

    Two thirds are head. What an answer opens with and what it ends on are what it is judged by, and a cut at one end
    alone would tell where to hide. Never cuts between a letter and its marks or within joined emoji.
    """
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 3, len(text) - limit // 3
    while head > 0 and _continues(text, head):
        head -= 1
    while tail < len(text) and _continues(text, tail):
        tail += 1
    return f"{text[:head]}\n{LEFT_OUT.format(count=tail - head)}\n{text[tail:]}"


def _visible(text: str) -> str:
    kept: list[str] = []
    marks = position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == _FLAG and (tags := _FLAG_TAGS.match(text, position + 1)):
            kept.append(character + tags[0])
            position, marks = tags.end(), 0
            continue
        position += 1
        category = unicodedata.category(character)
        is_mark = category in {"Mn", "Me"} and character not in _BLANK and not _selects(character)
        marks = marks + 1 if is_mark else 0
        if is_mark and marks > MARKS_ON_A_LETTER:
            continue
        shown = _shown(character, category, kept[-1][-1] if kept else "", following)
        if shown:
            kept.append(shown)
    return "".join(kept)


def _shown(character: str, category: str, before: str, after: str) -> str:
    """What stands for `character` between these neighbours; empty where it would not be seen."""
    if character in "\t\n" or character in _VISIBLE_FORMATS:
        return character
    if character in {_ZWNJ, _ZWJ}:
        return character if _joins(character, before, after) else ""
    if _selects(character):
        return character if _has_variants(character, before, after) else ""
    if category == "Cs" or _NOBODYS.match(character):
        return "\ufffd"
    unseen = category in {"Cf", "Cc"} or character in _BLANK or _UNASSIGNED_UNSEEN.match(character)
    return "" if unseen else character


def _joins(character: str, before: str, after: str) -> bool:
    if not before or not after:
        return False
    if any(low <= ord(before) <= high for low, high in _JOINING_SCRIPTS):
        return True
    return character == _ZWJ and _is_emoji(before) and _is_emoji(after)


def _is_emoji(character: str) -> bool:
    skin = "\U0001f3fb" <= character <= "\U0001f3ff"
    arrow = "\u2190" <= character <= "\u21ff"
    drawn = unicodedata.category(character) == "So" or "\U0001f000" <= character <= "\U0001faff"
    return (
        character == _EMOJI_STYLE or skin or arrow or drawn
    )  # the second half: emoji newer than this Python


def _selects(character: str) -> bool:
    """Whether this is a variation selector."""
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or character in "\u180b\u180c\u180d\u180f"
    )


def _has_variants(selector: str, before: str, after: str) -> bool:
    """Whether `selector` can mean something behind `before`."""
    if not before or _selects(before):
        return False
    if selector <= "\u180f":
        return "\u1800" <= before <= "\u18af"
    if selector >= "\U000e0100":
        return unicodedata.name(before, "").startswith("CJK")
    if before < "\x80":
        return selector == _EMOJI_STYLE and before in "0123456789#*" and after == _KEYCAP
    return unicodedata.category(before) in {"So", "Sm", "Sk", "Po", "Pd", "Lo", "Nd"}


def _continues(text: str, position: int) -> bool:
    """Whether the character at `position` belongs to the one before it."""
    character, before = text[position], text[position - 1]
    mark = unicodedata.category(character) in {"Mn", "Me", "Mc"}
    return mark or before == _ZWJ or character == _ZWJ or _selects(character)
