"""Coming in: the first link, the login page, and what a browser is given."""

import httpx

from review.accounts.identity import COOKIES
from tests.review.serving import PASSWORD, Served


def test_whoever_logs_in_is_led_to_where_they_wanted(served: Served) -> None:
    client = served.client()
    asked = client.get("/account")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/account")
    entered = client.post("/login", data={"name": "rita", "password": PASSWORD, "next": "/account"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/account")
    assert "rita" in client.get("/account").text


def test_a_wrong_password_is_no_way_in(served: Served) -> None:
    client = served.client()
    refused = client.post("/login", data={"name": "rita", "password": "wrong"})
    assert refused.status_code == 401
    assert COOKIES[False] not in client.cookies
    assert httpx.get(f"{served.url}/account").status_code == 303


def test_the_language_of_the_browser_can_be_chosen_again(served: Served) -> None:
    client = served.client("reviewer")
    for locale, shown in (("zh_Hans", "zh-Hans"), ("", "zh-Hant")):
        saved = client.post("/account/appearance", data={"locale": locale, "theme": "system"})
        assert (saved.status_code, saved.headers["location"]) == (303, "/account?done=saved#appearance")
        page = client.get("/account", headers={"Accept-Language": "zh-TW,en;q=0.5"}).text
        assert f'<html lang="{shown}"' in page


def test_a_form_that_is_not_right_is_shown_again_with_what_is_wrong(served: Served) -> None:
    client = served.client("reviewer")
    token = client.post("/account/tokens", data={"name": "script", "days": "30"})
    assert (token.status_code, "at least one scope" in token.text) == (422, True)
    password = client.post("/account/password", data={"old": "wrong", "new": "four loud violet herons"})
    assert (password.status_code, "not your present password" in password.text) == (422, True)
    weak = client.post("/account/password", data={"old": PASSWORD, "new": "password1234"})
    assert (weak.status_code, "soon be guessed" in weak.text) == (422, True)


def test_who_is_logged_in_is_led_on_from_the_login_page(served: Served) -> None:
    client = served.client("lead")
    asked = client.get("/login", params={"next": "/account"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/account")
    assert client.get("/").headers["location"] == "/runs"
    gone = client.post("/logout")
    assert (gone.status_code, gone.headers["location"]) == (303, "/login")
    assert client.get("/account").status_code == 303
