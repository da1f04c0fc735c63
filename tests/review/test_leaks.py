"""Before the vote nothing that a reviewer can fetch tells what the judge said: a search through every byte of it.

Every route is taken from the application, so that a new one is searched without anybody thinking of it; a parameter
that is new must be told here what it may be. After the reveal the same search finds the marks: so it can fail.
"""

import json
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from review.accounts.desk import Desk
from review.bookkeeping import refresh
from review.draw import Design, draw
from review.questions import is_swapped
from review.web.app import create_app
from store.figures import Figures
from store.store import Store
from tests.review.direct import Answer, Route, ask, routes
from tests.review.leaky import RUN, SHARED, Leaky, Marked, leaky
from tests.review.serving import NAMES, desk_with_accounts

QUERIES: dict[str, tuple[str, ...]] = {
    "round": ("1", "2"), "purpose": ("gate",), "principle": ("helpful",), "people": ("any", "agree", "overrule"),
    "text": ("canaryrationale*", "canaryincumbentsays*", "question"), "at_least": ("0.9",), "at_most": ("0.6",),
    "flipped": ("false",), "unscored": ("false",), "reviewer": ("rita",), "comparison_id": (), "after": ("0",),
    "a": ("1",), "b": ("1",), "cursor": ("x",), "limit": ("200",), "before": ("99",), "all": ("true",), "next": ("/",),
}  # fmt: skip
"""What is asked for behind the question mark, by name; any other name is asked for with a few words."""
NOT_TRIED = ("/unblind", "/batches/{batch}/reveal")
"""What shows on purpose; tried by hand below."""


@pytest.fixture
def desk(store: Store) -> Desk:
    return desk_with_accounts(store)


@pytest.fixture
def world(store: Store) -> Leaky:
    return leaky(store)


@pytest.fixture
def app(store: Store, desk: Desk) -> FastAPI:
    return create_app(store, desk=desk)


@pytest.fixture
def asked(app: FastAPI, desk: Desk) -> Callable[..., Answer]:
    """`asked("rita", "POST", path, said)`: an answer to this account, on a session of its own."""

    def one(
        who: str, method: str, path: str, said: object = None, form: dict[str, str] | None = None
    ) -> Answer:
        account = desk.roster.named(who)
        assert account is not None
        session = desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]
        sent = {"content-type": "application/json"} if said is not None else None
        body = b"" if said is None else json.dumps(said).encode()
        return ask(app, method, path, session=session, headers=sent, body=body, form=form)

    return one


@pytest.fixture
def api(asked: Callable[..., Answer]) -> Callable[..., Any]:
    """`api("rita", "POST", "votes", {…})`: what the API answers under the run; any refusal fails."""

    def one(who: str, method: str, what: str, said: object = None) -> Any:
        answer = asked(
            who, method, f"/api/v1/runs/{RUN}/{what}", {} if said is None and method == "POST" else said
        )
        assert answer.status in (200, 201), answer.body
        return json.loads(answer.body)

    return one


def _bytes(answer: Answer) -> bytes:
    return (
        b"\n".join(f"{name}: {value}".encode() for name, value in answer.headers.items())
        + b"\n"
        + answer.body
    )


def _values(world: Leaky, some: list[Marked]) -> dict[str, list[str]]:
    """What may stand in a path, by the parameter's name."""
    items = [item_id for item_id, one in world.by_item.items() if one in some]
    return {
        "run": [RUN], "batch": ["1", "2"], "index": ["1"], "round": ["1"], "id": ["1"], "secret": ["secret"],
        "version": ["1"], "name": ["site.css"], "item_id": items,
        "comparison_id": [one.comparison.id for one in some], "verdict_id": [one.verdict.id for one in some],
        "sample_id": [one.comparison.first.id for one in some],
    }  # fmt: skip


def _paths(route: Route, values: dict[str, list[str]]) -> Iterator[str]:
    names = re.findall(r"\{(\w+)[^}]*\}", route.pattern)
    unknown = set(names) - values.keys()
    assert not unknown, f"{route.pattern}: say in `_values` what {unknown} may be"
    for chosen in product(*(values[name] for name in names)):
        path = route.pattern
        for name, value in zip(names, chosen, strict=True):
            path = re.sub(r"\{" + name + r"[^}]*\}", value, path)
        yield path


def _crawl(
    app: FastAPI, asked: Callable[..., Answer], who: str, values: dict[str, list[str]]
) -> Iterator[tuple[str, bytes]]:
    """Every route, with whatever may be asked of it, and with bodies that are nonsense; what came back."""
    for route in routes(app):
        if route.pattern.endswith(NOT_TRIED):
            continue
        for path in _paths(route, values):
            if route.method in ("GET", "HEAD"):
                questions = [""]
                for name in route.queries:
                    known = QUERIES.get(name, ("1", "csv", "jsonl", "true"))
                    questions += [f"?{name}={quote(value)}" for value in (known or values.get(name, []))]
                for question in questions:
                    yield (
                        f"{route.method} {path}{question}",
                        _bytes(asked(who, route.method, path + question)),
                    )
            else:
                for said, form in (({"nonsense": "1"}, None), ([], None), (None, {"nonsense": "1"})):
                    yield f"{route.method} {path} {said}", _bytes(asked(who, route.method, path, said, form))


def _found(answers: Iterator[tuple[str, bytes]], marks: Callable[[str], list[str]]) -> list[str]:
    """Where which mark turned up; a mark that stood in the request itself is no news."""
    leaks = []
    count = 0
    for request, body in answers:
        count += 1
        low = body.lower()
        leaks += [f"{mark} in {request}" for mark in marks(request) if mark.lower().encode() in low]
    assert count > 30
    return leaks


def _told(marked: list[Marked]) -> Callable[[str], list[str]]:
    """All marks of these comparisons. The id of a comparison and that of its verdict may lead to one another."""

    def marks(request: str) -> list[str]:
        found = []
        for one in marked:
            ids = one.comparison.id, one.verdict.id
            named = any(id in request for id in ids)
            found += [mark for mark in (*one.marks, *one.texts) if not (named and mark in ids)]
        return [mark for mark in found if mark not in request]

    return marks


def _secret(marked: list[Marked]) -> Callable[[str], list[str]]:
    """The marks that a reviewer may see nowhere: all but the answers, which are what they are asked about."""
    marks = [*SHARED, *(mark for one in marked for mark in one.marks)]
    return lambda request: [mark for mark in marks if mark not in request]


def test_nothing_a_reviewer_can_fetch_tells_anything_before_the_reveal(
    app: FastAPI, asked: Callable[..., Answer], api: Callable[..., Any], world: Leaky
) -> None:
    secret = _secret([*world.queued, world.free])
    values = _values(world, [*world.queued[:3], world.free])
    assert _found(_crawl(app, asked, "rita", values), secret) == []

    said: list[tuple[str, bytes]] = []

    def note(what: str, answer: Any) -> Any:
        said.append((what, json.dumps(answer).encode()))
        return answer

    questions = note("claims", api("rita", "POST", "claims", {"count": 5, "render": True}))["items"]
    assert len(questions) == 5
    ids = [question["item_id"] for question in questions]
    refused = asked("rita", "POST", f"/api/v1/runs/{RUN}/votes", {"item_id": ids[0], "choice": "no"})
    assert refused.status == 422
    said.append(("a bad vote", _bytes(refused)))
    note("skip", api("rita", "POST", "skips", {"item_id": ids[4], "cause": "too_long"}))
    note("undo", api("rita", "POST", "undo", {"render": True}))
    values |= {"item_id": ids, "comparison_id": [world.by_item[id].comparison.id for id in ids]}
    for item_id in ids[:3]:
        note(
            "vote",
            api("rita", "POST", "votes", {"item_id": item_id, "choice": "left_better", "reason": "so"}),
        )
        note("queue", api("rita", "GET", "queue"))
    note("votes", api("rita", "GET", "votes"))
    assert note("batches", api("rita", "GET", "batches"))["items"][0]["revealable"]
    refresh(world.run)
    leaks = _found(iter([*said, *_crawl(app, asked, "rita", values)]), secret)
    assert leaks == []


def test_the_reveal_shows_the_marks_of_the_batch_and_of_nothing_else(
    app: FastAPI, asked: Callable[..., Answer], api: Callable[..., Any], world: Leaky
) -> None:
    ids = [question["item_id"] for question in api("rita", "POST", "claims", {"count": 4})["items"]]
    for item_id in ids[:3]:
        api("rita", "POST", "votes", {"item_id": item_id, "choice": "left_better"})
    shown = [world.by_item[item_id] for item_id in ids[:3]]
    body = json.dumps(api("rita", "POST", "batches/1/reveal")).encode()
    for one in shown:
        rationale = one.marks[0].encode()
        assert rationale in body
        assert rationale in _bytes(asked("rita", "GET", f"/review/{RUN}/batches/1"))
    assert SHARED[0].encode() in body
    hidden = [one for one in [*world.queued, world.free] if one not in shown]
    marks = [mark for one in hidden for mark in one.marks] + [*SHARED[1:]]
    values = _values(world, shown + hidden[:2])
    assert (
        _found(_crawl(app, asked, "rita", values), lambda request: [m for m in marks if m not in request])
        == []
    )


def test_a_lead_sees_nothing_of_what_is_withheld_from_them_and_the_rest(
    app: FastAPI, asked: Callable[..., Answer], api: Callable[..., Any], world: Leaky
) -> None:
    (held,) = (question["item_id"] for question in api("leo", "POST", "claims")["items"])
    others = [question["item_id"] for question in api("rita", "POST", "claims", {"count": 4})["items"]]
    for item_id in others[:3]:
        api("rita", "POST", "votes", {"item_id": item_id, "choice": "left_better", "reason": "rita says so"})
    api("rita", "POST", "batches/1/reveal")
    refresh(world.run)
    known = [world.by_item[held], world.by_item[others[0]], world.by_item[others[3]], world.free]
    answers = list(_crawl(app, asked, "leo", _values(world, known)))
    assert _found(iter(answers), _told(world.queued)) == []
    assert {mark for mark in world.free.marks[:2] if any(mark.encode() in body for _, body in answers)} == {
        *world.free.marks[:2]
    }
    sides = [body for request, body in answers if request == f"GET /runs/{RUN}/rounds/1"]
    assert all(mark.encode() in sides[0] for mark in world.free.texts)
    one = world.by_item[held]
    unblinded = asked("leo", "POST", f"/api/v1/runs/{RUN}/decisions/{one.comparison.id}/unblind")
    assert one.marks[0].encode() in unblinded.body
    after = _bytes(asked("leo", "GET", f"/api/v1/runs/{RUN}/decisions"))
    assert one.comparison.id.encode() in after
    assert not any(other.comparison.id.encode() in after for other in world.queued if other is not one)


def test_what_a_lead_holds_does_not_tell_its_lane(api: Callable[..., Any], world: Leaky) -> None:
    def held() -> int:
        return sum(lane["held"] for lane in api("leo", "GET", "lanes")["items"])

    def queue() -> list[dict[str, Any]]:
        refresh(world.run)
        figures = Figures(world.run.database, world.run.name)
        return [lane for kept in figures.kept("queue").values() for lane in kept.value]

    api("leo", "POST", "claims", {"count": 3})
    assert held() == sum(lane["held"] for lane in queue()) == 0
    api("rita", "POST", "claims", {"count": 2})
    assert held() == sum(lane["held"] for lane in queue()) == 2


def test_at_once_shows_the_verdict_of_what_was_answered_and_of_nothing_else(store: Store, desk: Desk) -> None:
    world = leaky(store, "at_once")
    app = create_app(store, desk=desk)
    rita = desk.roster.named(NAMES["reviewer"])
    assert rita is not None
    session = desk.sessions.begin(rita.id, "192.0.2.1", "a test")[1]

    def post(what: str, said: object) -> bytes:
        body = json.dumps(said).encode()
        headers = {"content-type": "application/json"}
        return ask(
            app, "POST", f"/api/v1/runs/{RUN}/{what}", session=session, headers=headers, body=body
        ).body

    first, second = (question["item_id"] for question in json.loads(post("claims", {"count": 2}))["items"])
    answered = post("votes", {"item_id": first, "choice": "same"})
    assert world.by_item[first].marks[0].encode() in answered
    assert not any(mark.encode() in answered for mark in world.by_item[second].marks)
    assert not any(mark.encode() in post("claims", {}) for mark in world.by_item[second].marks)


def test_neither_ids_nor_places_nor_sides_tell_the_lane_the_policy_or_what_the_judge_prefers(
    make_judged: Any,
) -> None:
    judged = make_judged([0.02 + 0.96 * i / 799 for i in range(800)])
    items = draw(judged, 200, 200, 5, 1, "gate", Design(strata=("margin",)))
    p_first = {comparison.id: verdict.p_first for comparison, verdict in judged}
    targeted = [item.lane == "targeted" for item in items]
    by_id = sorted(range(400), key=lambda at: items[at].id)
    assert _apart([float(place) for place in range(400)], targeted) < 3.5
    assert _apart([float(by_id.index(at)) for at in range(400)], targeted) < 3.5
    for name in ("ada", "bob", "cem"):
        first_on_the_right = [is_swapped(item, name) for item in items]
        preferred_on_the_right = [
            swapped == (p_first[item.comparison_id] > 0.5)
            for item, swapped in zip(items, first_on_the_right, strict=True)
        ]
        for sides in (first_on_the_right, preferred_on_the_right):
            assert abs(sum(sides) - 200) < 3.5 * 10
            assert _apart([float(place) for place in range(400)], sides) < 3.5
            assert abs(sum(a == b for a, b in zip(sides, targeted, strict=True)) - 200) < 3.5 * 10
    assert _apart([float(flag) for flag in targeted], targeted) > 3.5, "the measure can tell"


def _apart(values: list[float], groups: list[bool]) -> float:
    """How far apart the means of two groups are, in standard errors."""
    ones = [value for value, group in zip(values, groups, strict=True) if group]
    others = [value for value, group in zip(values, groups, strict=True) if not group]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    error = (variance / len(ones) + variance / len(others)) ** 0.5
    return abs(sum(ones) / len(ones) - sum(others) / len(others)) / error
