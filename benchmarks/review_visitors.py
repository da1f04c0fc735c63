"""Fifteen reviewers and a lead who looks around, by HTTP, in a process of their own.

Reviewers do what the review page's script does: claim two questions with their HTML, vote with a key of their own,
and reveal each batch when it is full. The lead goes from page to page. What every request took is measured from
sending it until the last byte is read, so the visitors' own share of the processors is in it.

Reads one JSON object (see `Visit`) from standard input and prints one: seconds by operation, and what went wrong.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

CHOICES = (
    "left_much_better",
    "left_better",
    "same",
    "right_better",
    "right_much_better",
    "both_bad",
)
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Visitor:
    """One logged-in account: the session's cookie, and the token that lets it change things."""

    name: str
    cookie: str
    csrf: str


@dataclass(frozen=True)
class Visit:
    """What is to be done. `think_s` is between two votes of a reviewer, `pause_s` between two pages of the lead."""

    url: str
    run: str
    reviewers: Sequence[Visitor]
    lead: Visitor
    pages: Mapping[str, str]
    """The lead's, by what they are called."""
    own_pages: Mapping[str, str]
    """A reviewer's, looked at after each batch."""
    seconds: float
    think_s: float
    pause_s: float


@dataclass
class Taken:
    """Seconds of every request by operation, in order, and how many failed for which reason."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    votes: int = 0


class _Person:
    """One account and what its requests take."""

    def __init__(self, visit: Visit, visitor: Visitor, taken: Taken) -> None:
        self.visit = visit
        self.name = visitor.name
        self.taken = taken
        self.counting = True
        self.chance = random.Random(visitor.name)
        self.client = httpx.AsyncClient(
            base_url=visit.url,
            cookies={"rlaif_session": visitor.cookie},
            headers={"X-CSRF-Token": visitor.csrf, "Origin": visit.url},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    async def ask(self, what: str, method: str, path: str, **sent: Any) -> httpx.Response:
        start = time.perf_counter()
        answer = await self.client.request(method, path, **sent)
        if self.counting:
            self.taken.seconds.setdefault(what, []).append(time.perf_counter() - start)
        if answer.status_code >= 400:
            self.taken.wrong[f"{what}: {answer.status_code}"] += 1
        return answer

    async def label(self, until: float) -> None:
        """Claim, think, vote; reveal a batch when it is full. Reviewers start apart, as people do."""
        api = f"/api/v1/runs/{self.visit.run}"
        await asyncio.sleep(self.chance.random() * self.visit.think_s)
        for number in count():
            if time.monotonic() >= until:
                return
            claimed = (
                await self.ask("next item", "POST", f"{api}/claims", json={"count": 2, "render": True})
            ).json()
            if not claimed.get("items"):
                self.taken.wrong["no item was left"] += 1
                return
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * self.visit.think_s)
            item = claimed["items"][0]
            vote = {"item_id": item["item_id"], "choice": self.chance.choice(CHOICES), "seconds": 18.0}
            key = f"{self.name}-{number}-{self.visit.think_s:g}"
            voted = await self.ask(
                "vote", "POST", f"{api}/votes", json=vote, headers={"Idempotency-Key": key}
            )
            self.taken.votes += voted.status_code == 201
            mine = voted.json().get("mine", {})
            if mine.get("in_batch") == 0:
                await self._look_back(api, mine["batch"] - 1)

    async def _look_back(self, api: str, batch: int) -> None:
        await self.ask("list of batches (API)", "GET", f"{api}/batches")
        await self.ask("batch reveal", "POST", f"{api}/batches/{batch}/reveal", json={})
        for what, path in self.visit.own_pages.items():
            await self.ask(what, "GET", path.replace("{batch}", str(batch)))

    async def look_around(self, until: float) -> None:
        """Every page in turn, all of them at least once."""
        for tour in count():
            for what, path in self.visit.pages.items():
                if tour and time.monotonic() >= until:
                    return
                await self.ask(what, "GET", path)
                await asyncio.sleep(self.visit.pause_s)

    async def warm_up(self) -> None:
        """Every page once, not counted: the first request after a start compiles and fills caches."""
        self.counting = False
        for what, path in self.visit.pages.items():
            await self.ask(what, "GET", path)
        self.counting = True


async def visit(asked: Visit) -> Taken:
    taken = Taken()
    lead = _Person(asked, asked.lead, taken)
    people = [_Person(asked, visitor, taken) for visitor in asked.reviewers]
    try:
        await lead.warm_up()
        until = time.monotonic() + asked.seconds
        await asyncio.gather(lead.look_around(until), *(person.label(until) for person in people))
    finally:
        for person in (lead, *people):
            await person.client.aclose()
    return taken


def main() -> None:
    told = json.load(sys.stdin)
    reviewers = [Visitor(**one) for one in told.pop("reviewers")]
    taken = asyncio.run(visit(Visit(**told | {"reviewers": reviewers, "lead": Visitor(**told["lead"])})))
    print(json.dumps(vars(taken)))


if __name__ == "__main__":
    main()
