"""The languages of the pages: what a text is called in the reader's language, and how numbers and times are written.

The strings in templates and code are English; the others come from catalogues, `locales/LOCALE/PART.po`, read as they
are (no compiled files that could be older than their source) and merged, so that each part of the pages keeps its own.
Which language is spoken is a matter of the request: `speak` sets it around the rendering of a page, and `gettext`,
`number` and the rest follow. Left out: language by address, since a page's address should not depend on its reader.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations
from jinja2 import Environment

from review.visible import visible

LOCALES: Final = {"en": "English", "zh_Hant": "繁體中文", "zh_Hans": "简体中文"}
"""What the pages speak, each by its own name; the first is the language of the source."""

CATALOGUES: Final = Path(__file__).parent / "locales"
_LONGEST_HEADER: Final = 500


@dataclass(frozen=True)
class Language:
    """One language: its texts and its way of writing numbers."""

    locale: str
    texts: Translations
    tag: str
    """As `lang` of a page: BCP 47."""


_spoken: ContextVar[str] = ContextVar("locale", default="en")


@contextmanager
def speak(locale: str) -> Iterator[Language]:
    """Everything inside is told in this language. A locale that is none of `LOCALES` is English."""
    token = _spoken.set(locale if locale in LOCALES else "en")
    try:
        yield language()
    finally:
        _spoken.reset(token)


def language() -> Language:
    """The language spoken just now; English where nobody said."""
    return _language(_spoken.get())


def negotiated(chosen: str | None, accept_language: str | None = None) -> str:
    """One of `LOCALES`: what the account chose, else the best of an Accept-Language header, else English."""
    if chosen in LOCALES:
        return str(chosen)
    for tag in _by_weight((accept_language or "")[:_LONGEST_HEADER]):
        try:
            wanted = Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
        # Babel fills in the script that a region implies: Taiwan and Hong Kong write Hant.
        for locale in (f"{wanted.language}_{wanted.script}", wanted.language):
            if locale in LOCALES:
                return locale
        if wanted.language == "zh":
            return "zh_Hans"
    return "en"


def message(text: str) -> str:
    """Mark a text that is translated where it is shown: `gettext(TITLES[name])`."""
    return text


def gettext(text: str, /, **values: object) -> str:
    """The text in the spoken language, its `%(name)s` filled in."""
    told = language().texts.gettext(text)
    return told % values if values else told


def ngettext(one: str, many: str, n: int, /, **values: object) -> str:
    """The text for `n` things; `%(num)s` is `n` as the language writes it."""
    told = language().texts.ngettext(one, many, n)
    # The `trans` tag passes no values, and fills them in by itself afterwards.
    return told % {"num": number(n), **values} if values or "%(num)s" in told else told


def number(value: float, digits: int | None = None) -> str:
    """A number with the language's separators, with so many decimals (None: as many as it has, at most three)."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return _decimal(value, pattern, _spoken.get())


@lru_cache(maxsize=8192)
def _decimal(value: float, pattern: str | None, locale: str) -> str:
    return str(format_decimal(value, format=pattern, locale=locale))


def percent(share: float, digits: int = 0) -> str:
    """A share of one as a percentage: 0.31 is 31%."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
    return str(format_percent(share, format=pattern, locale=_spoken.get()))


def day(when: datetime) -> str:
    """The day in UTC."""
    return str(format_date(when.astimezone(UTC), format="medium", locale=_spoken.get()))


def moment(when: datetime) -> str:
    """Day and time in UTC, and that it is UTC."""
    return f"{format_datetime(when.astimezone(UTC), format='medium', locale=_spoken.get())} UTC"


def install(environment: Environment) -> None:
    """Give templates `_`, `{% trans %}` and the filters `number`, `percent`, `day`, `moment` and `visible`."""
    environment.add_extension("jinja2.ext.i18n")
    environment.globals.update(_=gettext, gettext=gettext, ngettext=ngettext, language=language)
    environment.filters.update(number=number, percent=percent, day=day, moment=moment, visible=visible)
    environment.policies["ext.i18n.trimmed"] = True


@cache
def catalogue(locale: str) -> Catalog:
    """Every part's texts of a locale as one. Raises ValueError where two parts call one text differently."""
    merged = Catalog(locale=locale)
    for path in sorted((CATALOGUES / locale).glob("*.po")):
        with path.open("rb") as file:
            for entry in read_po(file, locale=locale):
                if not entry.id or not entry.string or entry.fuzzy:
                    continue
                known = merged.get(entry.id)
                if known is not None and known.string != entry.string:
                    raise ValueError(f"{path}: {entry.id!r} is {known.string!r} in another catalogue")
                merged.add(entry.id, string=entry.string, flags=entry.flags)
    return merged


@cache
def _language(locale: str) -> Language:
    binary = BytesIO()
    write_mo(binary, catalogue(locale))
    binary.seek(0)
    return Language(locale, Translations(binary), locale.replace("_", "-"))


def _by_weight(header: str) -> list[str]:
    """The tags of an Accept-Language header, the most wanted first."""
    weighed = []
    for part in header.split(","):
        tag, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=") or "1"
        try:
            weighed.append((float(weight), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0 and tag]
