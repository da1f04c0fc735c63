"""The API against its own description: schemathesis makes requests of it, right and wrong ones, as each role.

Requests go over a real connection. What is made up is mixed with ids that are there, so that operations get as far as
their work. Examples are derived from the operation and not from the clock: a failure comes again.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from review.accounts.journal import Actor
from review.accounts.roles import ROLES, SCOPES, Role, covers
from review.api.app import create_api
from review.api.openapi import Operation, described, operations
from review.api.problem import MEDIA_TYPE
from store.run_requests import RunRequests
from store.store import Store
from tests.review.questions_for_review import plain, review_run
from tests.review.rich_questions import RICH
from tests.review.serving import Served, serving

API = create_api(None)  # type: ignore[arg-type] - only its routes are looked at
DOCUMENT = described(API)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.config.generation.update(with_security_parameters=False)
OPERATIONS = {operation.name: operation for operation in operations(API)}
NOT_SAID_BY_A_SCHEMA = {
    "about:blank", "bad-file", "cursor", "idempotency-key-reused", "not-in-this-format", "withheld",
}  # fmt: skip
"""Why a request of the right form may be refused; `invalid` is not among it."""
MODES = {"right": GenerationMode.POSITIVE, "wrong": GenerationMode.NEGATIVE}


@dataclass
class Ground:
    """A site with something of everything in it, and a token of each role that may do all its role may."""

    site: Served
    tokens: dict[Role, str]
    known: dict[str, list[Any]]
    """Values that exist, by the name of a parameter or a field."""
    session: requests.Session


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    path: Path = tmp_path_factory.mktemp("api") / "rlaif.db"
    with Store.open(f"sqlite:///{path}") as store, serving(store) as site, requests.Session() as session:
        runs = [
            review_run(store, [*RICH, *plain(40)], "desk", reveal="batch"),
            review_run(store, plain(20), "at-once", reveal="at_once", overlap=2, lane="targeted"),
        ]
        tokens = {}
        for role in ROLES:
            account = site.account(role)
            made = site.desk.tokens.make(account, "fuzz", SCOPES, timedelta(days=1), Actor(account.name))
            tokens[role] = made[1]
        asked = [
            RunRequests(store.database).ask("desk", "leo", name=f"again-{n}", rounds=3) for n in range(5)
        ]
        items = [item for run in runs for item in run.review_items(1)]
        known: dict[str, list[Any]] = {
            "run": [run.name for run in runs],
            "source": ["desk"],
            "item_id": [item.id for item in items],
            "comparison_id": [item.comparison_id for item in items],
            "round": [1],
            "batch": [1, 2],
            "id": [one.id for one in asked],
        }
        yield Ground(site, tokens, known, session)


def described_case(operation: Operation) -> Any:
    return SCHEMA[operation.path][operation.method]


def cases(operation: Operation, mode: GenerationMode, known: dict[str, list[Any]]) -> st.SearchStrategy[Case]:
    """Requests of this operation; in half of them the ids in path and body are such as exist."""
    named = [name for name in known if f"{{{name}}}" in operation.path]
    made_up = described_case(operation).as_strategy(mode)
    if mode is GenerationMode.NEGATIVE:
        return made_up
    path = {name: known[name] for name in named}
    real = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in path.items()}).flatmap(
        lambda chosen: described_case(operation).as_strategy(mode, path_parameters=chosen)
    )

    def with_real_fields(case: Case, chosen: dict[str, Any]) -> Case:
        if isinstance(case.body, dict):
            case.body = {**case.body, **{name: chosen[name] for name in case.body if chosen.get(name)}}
        return case

    fields = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in known.items()})
    return st.one_of(made_up, st.builds(with_real_fields, real, fields))


def assail(ground: Ground, operation: Operation, role: Role, mode: GenerationMode, examples: int) -> None:
    """Send so many requests, and look at each answer: its status, type, headers and shape are as described."""

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(zlib.crc32(f"{operation.name} {role} {mode}".encode()))
    @hypothesis.given(case=cases(operation, mode, ground.known))
    def once(case: Case) -> None:
        answer = case.call_and_validate(
            base_url=f"{ground.site.url}/api",
            session=ground.session,
            headers={"Authorization": f"Bearer {ground.tokens[role]}"},
            excluded_checks=[positive_data_acceptance],
        )
        assert answer.status_code < 500
        if operation.role is not None and not covers(role, operation.role):
            assert answer.status_code >= 400
        if answer.status_code < 400:
            return
        assert answer.headers["content-type"] == [MEDIA_TYPE]
        problem = answer.json()
        assert problem["status"] == answer.status_code
        if mode is GenerationMode.POSITIVE:
            assert problem["type"].removeprefix("urn:rlaif:problem:") in NOT_SAID_BY_A_SCHEMA, problem

    once()


def test_the_description_is_valid_and_is_served(ground: Ground) -> None:
    served = requests.get(f"{ground.site.url}/api/v1/openapi.json", timeout=10)
    assert served.status_code == 200
    assert served.json() == json.loads(json.dumps(DOCUMENT))
    schemathesis.openapi.from_dict(served.json()).validate()


def test_every_operation_says_who_may_do_it_and_how_it_is_refused() -> None:
    assert len(OPERATIONS) > 25
    for operation in OPERATIONS.values():
        told = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert told["x-role"] == operation.role
        assert told["summary"]
        for status, answer in told["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == [MEDIA_TYPE], (operation.name, status)


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_breaks_the_api(ground: Ground, name: str) -> None:
    assail(ground, OPERATIONS[name], "lead", GenerationMode.POSITIVE, 6)
    assail(ground, OPERATIONS[name], "lead", GenerationMode.NEGATIVE, 3)
    assail(ground, OPERATIONS[name], "reviewer", GenerationMode.POSITIVE, 2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_many_requests_do_not_break_the_api(ground: Ground, name: str, role: Role, mode: str) -> None:
    assail(ground, OPERATIONS[name], role, MODES[mode], 150 if role == "lead" else 15)
