"""The pages of accounts by real clicks: coming in by a link, tokens, sessions, roles; how they look and are read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from review.accounts.journal import Actor
from tests.review.desk_page import PHONE
from tests.review.serving import PASSWORD, Served

pytestmark = pytest.mark.browser
PageAs = Callable[..., Any]
NEW = "four loud violet herons"
ADA = Actor("ada")


def objections(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['target']}" for one in serious for node in one["nodes"]]


def test_somebody_invited_makes_an_account_by_keys_alone(served: Served, page_as: PageAs) -> None:
    admin = page_as("admin")
    admin.goto("/accounts")
    admin.get_by_label("Role of the new account").select_option("lead")
    admin.get_by_role("button", name="Make a link").click()
    link = admin.locator("code.secret").inner_text()
    assert link.startswith(f"{served.url}/join/")
    admin.goto("/accounts")
    assert admin.locator("code.secret").count() == 0, "shown once"

    guest = page_as()
    guest.goto(link)
    assert "ada invited you" in guest.locator("main").inner_text()
    guest.keyboard.type("mina")
    guest.keyboard.press("Tab")
    guest.keyboard.type("short")
    guest.keyboard.press("Enter")
    assert guest.url == link, "the browser itself refuses a short one"
    guest.keyboard.press("Control+a")
    guest.keyboard.type("password12345")
    guest.keyboard.press("Enter")
    assert "soon be guessed" in guest.get_by_role("alert").inner_text()
    assert guest.get_by_label("Name").input_value() == "mina"
    guest.get_by_label("Password").fill(NEW)
    guest.keyboard.press("Enter")
    guest.wait_for_url(f"{served.url}/*")
    guest.goto("/account")
    assert guest.locator("h1").inner_text() == "mina"
    assert guest.get_by_role("link", name="Accounts").count() == 0
    guest.locator("summary", has_text="mina").click()
    guest.get_by_role("button", name="Log out", exact=True).click()
    guest.wait_for_url(f"{served.url}/login")
    guest.goto("/account")
    assert guest.url == f"{served.url}/login?next=/account"
    guest.get_by_label("Name").fill("mina")
    guest.get_by_label("Password").fill(NEW)
    guest.keyboard.press("Enter")
    guest.wait_for_url(f"{served.url}/account")


def test_a_token_is_made_shown_once_and_revoked(served: Served, page_as: PageAs) -> None:
    page = page_as("reviewer")
    page.goto("/account")
    page.locator("summary", has_text="Make a token").click()
    page.get_by_label("Name").fill("my script")
    assert page.get_by_label("review:").count() == 1
    assert page.get_by_label("lead:").count() == 0, "nobody is offered more than they may"
    page.get_by_label("review:").check()
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("code.secret").inner_text()
    api = served.client()
    api.headers["Authorization"] = f"Bearer {secret}"
    assert api.get("/api/v1/runs").status_code == 200
    page.goto("/account")
    assert secret not in page.content()
    page.get_by_role("row", name="my script").get_by_role("button", name="Revoke").click()
    page.wait_for_url("**/account?done=saved#tokens")
    assert api.get("/api/v1/runs").status_code == 401


def test_what_was_chosen_for_the_pages_is_kept(page_as: PageAs) -> None:
    page = page_as("reviewer")
    page.goto("/account")
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Language").select_option("zh_Hant")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/account?done=saved#appearance")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("html").get_attribute("lang") == "zh-Hant"
    assert page.get_by_role("status").inner_text() == "已儲存。"


def test_a_new_password_and_the_end_of_other_sessions(served: Served, page_as: PageAs) -> None:
    here, there = page_as("reviewer"), page_as("reviewer")
    here.goto("/account")
    here.get_by_label("Present password").fill(PASSWORD)
    here.get_by_label("New password").fill(NEW)
    here.get_by_role("button", name="Change the password").click()
    here.wait_for_url("**/account?done=saved#password")
    there.goto("/account")
    assert there.url.startswith(f"{served.url}/login")
    here.get_by_role("button", name="Log out everywhere").click()
    here.wait_for_url(f"{served.url}/login")


def test_an_admin_changes_a_role_and_disables_an_account(served: Served, page_as: PageAs) -> None:
    reviewer = page_as("reviewer")
    page = page_as("admin")
    page.goto("/accounts")
    page.get_by_label("Role of rita").select_option("lead")
    page.get_by_role("row", name="rita").get_by_role("button", name="Set").click()
    page.wait_for_url("**/accounts?done=saved")
    assert served.account("rita").role == "lead"
    page.get_by_role("button", name="Disable ada").click()
    assert "only admin" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Disable rita").click()
    page.wait_for_url("**/accounts?done=saved")
    reviewer.goto("/account")
    assert reviewer.url.startswith(f"{served.url}/login")
    page.goto("/audit-log")
    page.get_by_label("What").select_option("account.disable")
    page.get_by_role("button", name="Show").click()
    assert page.locator("tbody tr").count() == 1
    assert "rita" in page.locator("tbody tr").inner_text()


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", **PHONE},
        {"color_scheme": "dark", "locale": "zh-CN", **PHONE},
    ],
    ids=["light", "dark", "phone", "zh"],
)
def test_axe_finds_nothing_serious_and_nothing_is_out_of_sight(
    served: Served, page_as: PageAs, look: dict[str, Any]
) -> None:
    desk = served.desk
    desk.tokens.make(served.account("ada"), "a script", ["read", "admin"], timedelta(days=30), ADA)
    desk.disable(served.account("a-rather-long-name-of-forty-characters_x").id, ADA)
    link = desk.invite("reviewer", ADA)
    page, guest = page_as("admin", **look), page_as(**look)
    for path, on in (
        ("/account", page),
        ("/accounts", page),
        ("/audit-log", page),
        ("/nothing", page),
        ("/login", guest),
        (f"/join/{link}", guest),
        ("/join/used", guest),
    ):
        on.goto(path)
        assert objections(on) == [], path
        assert on.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        lost = "e => [...e].filter(b => b.getBoundingClientRect().right > innerWidth).map(b => b.textContent)"
        assert on.locator("main button, main select, main input").evaluate_all(lost) == [], path
