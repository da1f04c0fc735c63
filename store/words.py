"""The words of a text, as a search index keeps them: the same on every database, for every script.

A word is a run of letters and digits, compatibility-normalised and case-folded. Scripts that are written without spaces
(Chinese, Japanese, Thai and their neighbours) give single characters and pairs of neighbours, so that any part of a
sentence can be found. What is not ASCII is spelt in hexadecimal digits of its UTF-8, because the tokenisers of the
databases know different versions of Unicode; the beginning of a word stays the beginning of its spelling.

Left out: stems and stop words, which belong to a language, and an answer may be in any.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

LONGEST_TEXT = 20_000
"""Characters of a text that are indexed; a text found by its later part alone is not found."""
_LONGEST_WORD = 40
_RUN = re.compile(r"[^\W_]+")
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)


def words(texts: Iterable[str]) -> set[str]:
    """The different words of some texts, spelt in `a`–`z` and `0`–`9`."""
    found: set[str] = set()
    for text in texts:
        for run, spaceless in _runs(text[:LONGEST_TEXT]):
            if spaceless:
                found.update(map(_spelt, run))
                found.update(_spelt(run[i : i + 2]) for i in range(len(run) - 1))
            else:
                found.add(_spelt(run))
    return found


def asked(text: str) -> list[tuple[str, bool]]:
    """The words of a search, each with whether only its beginning is given (`photo*`); empty where there are none."""
    given: dict[tuple[str, bool], None] = {}
    for part in text.split():
        runs = list(_runs(part))
        for place, (run, spaceless) in enumerate(runs):
            if spaceless:
                pairs = [run[i : i + 2] for i in range(len(run) - 1)] or [run]
                given.update(((_spelt(pair), False), None) for pair in pairs)
            else:
                given[(_spelt(run), part.endswith("*") and place == len(runs) - 1)] = None
    return list(given)


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Runs of letters and digits, each with whether it is of a script without spaces."""
    if text.isascii():
        yield from ((run, False) for run in _RUN.findall(text.lower()))
        return
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        at = 0
        for dense in _SPACELESS.finditer(run):
            if dense.start() > at:
                yield run[at : dense.start()], False
            yield dense[0], True
            at = dense.end()
        if at < len(run):
            yield run[at:], False


def _spelt(word: str) -> str:
    cut = word[:_LONGEST_WORD]
    return cut if cut.isascii() else "u" + cut.encode("utf-8", "surrogatepass").hex()
