"""What every page has in common: the store, the front desk, templates, and the way a page is made of them."""

from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from review.accounts.desk import Desk
from review.accounts.identity import Viewer
from review.visible import one_line
from review.web.assets import Assets
from review.web.language import LOCALES, install, message, negotiated, speak
from review.web.navigation import PLACES
from review.web.settings import ServeSettings
from review.web.titles import titled
from store.store import Store

TEMPLATES: Final = Path(__file__).parent / "templates"
THEMES: Final = ("system", "light", "dark")
LOCALE_COOKIE: Final = "rlaif_locale"
FLASHES: Final[dict[str, str]] = {
    "saved": message("Saved."),
}
"""What a page says after a form sent its reader on to `?done=…`."""


@dataclass
class Site:
    """One application's things, at `request.app.state.site`."""

    store: Store
    settings: ServeSettings
    desk: Desk
    assets: Assets = field(default_factory=Assets)
    templates: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        install(self.templates)
        self.templates.filters.update(browser=browser, oneline=one_line, titled=titled)
        self.templates.globals.update(static=self.assets.url, locales=LOCALES, places=PLACES, flashes=FLASHES)


def site_of(request: Request) -> Site:
    """The site that answers this request."""
    site: Site = request.state.site
    return site


def page(
    request: Request, viewer: Viewer | None, template: str, *, status: int = HTTPStatus.OK, **values: Any
) -> HTMLResponse:
    """The template in the viewer's language and theme. It is nobody else's: it may not be kept by caches."""
    site = site_of(request)
    theme = viewer.preferences.get("theme", "system") if viewer else "system"
    with speak(locale_of(request, viewer)) as language:
        text = site.templates.get_template(template).render(
            request=request,
            path=request.url.path,
            viewer=viewer,
            csrf=viewer.csrf if viewer else None,
            lang=language.tag,
            theme=theme if theme in THEMES else "system",
            **values,
        )
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def locale_of(request: Request, viewer: Viewer | None) -> str:
    """The language of the account, else of a choice made before logging in, else of the browser."""
    chosen = (viewer.locale if viewer else None) or request.cookies.get(LOCALE_COOKIE)
    return negotiated(chosen, request.headers.get("Accept-Language"))


def browser(agent: str) -> str:
    """A User-Agent header in two words, as well as it can be told; empty where it cannot."""
    name = next((shown for mark, shown in _BROWSERS if mark in agent), "")
    system = next((shown for mark, shown in _SYSTEMS if mark in agent), "")
    return f"{name} · {system}" if name and system else name or system


_BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
