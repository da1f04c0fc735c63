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
