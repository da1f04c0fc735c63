"""The API's own description (OpenAPI 3.1), with what FastAPI cannot know: who may do what, and how refusals look."""

from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from review.accounts.identity import SAFE, Requires
from review.accounts.roles import Role, scope_needed
from review.api.problem import Problem, problem_responses
from review.api.shape import AnyJson

router = APIRouter(tags=["description"])
TAGS = {
    "queue": "Blind questions for reviewers: claim, vote, skip, undo.",
    "reveals": "Your votes beside the judge's verdicts, once that may be shown.",
    "runs": "Runs and their configurations.",
    "rounds": "What was done in each round, and what was decided on which evidence.",
    "decisions": "What the judge decided: search, look, unblind.",
    "labels": "What people answered.",
    "overrides": "Corrections by leads.",
    "estimates": "How far the judge can be believed, and how far the queue is.",
    "ledger": "What labels changed.",
    "run requests": "Runs that are asked for, and played by a process that takes them.",
    "description": "This document.",
}
ABOUT = """\
Log in as on the pages (a session's cookie; changes need its token in `X-CSRF-Token`), or send `Authorization: Bearer`
with a token made on your account's page.

* Refusals are problem documents (RFC 9457, `application/problem+json`).
* Unsafe operations take an `Idempotency-Key`: sent again with it, a request is done once and answered alike, with
  `Idempotent-Replayed: true`; with another request the key is refused (422). Keys are kept for 48 hours, those of votes
  for good.
* Reads answer with an `ETag`; send it as `If-None-Match` to be told 304 where nothing changed.
* Lists go on by `cursor`. Rows that are added meanwhile neither repeat nor hide others.
* While a comparison is withheld from you, nothing about it that a judge said is in any answer; lists leave it out.
"""


@router.get("/v1/openapi.json", summary="This description", include_in_schema=False)
def show_description(request: Request) -> AnyJson:
    return AnyJson(described(request.app))


def described(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if api.openapi_schema is None:
        api.openapi_schema = _made(api)
    return api.openapi_schema


class Operation(NamedTuple):
    """One method of one path of the API; `role` is None where anyone may."""

    method: str
    path: str
    name: str
    role: Role | None


def operations(api: FastAPI) -> list[Operation]:
    """Every operation that is described, in the order of the routers."""
    return [
        Operation(method, route.path_format or "", route.name or "", role_of(route.dependant))
        for route in iter_route_contexts(api.routes)
        if getattr(route, "include_in_schema", False)
        for method in sorted(route.methods or ())
    ]


def role_of(dependant: Dependant) -> Role | None:
    """The role that an operation asks for, from its dependencies; None where anyone may."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Requires):
            return dependency.call.role
    return None


def _made(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="rlaif",
        version="1",
        summary="Runs, their decisions, and the queue that people answer",
        description=ABOUT,
        routes=api.routes,
        servers=[{"url": "/api"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    schemas = made["components"]["schemas"]
    schemas.update(_problem_schemas())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "rlaif_session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    for operation in operations(api):
        _describe(made["paths"][operation.path][operation.method.lower()], operation)
    return made


def _describe(described: dict[str, Any], operation: Operation) -> None:
    described["operationId"] = operation.name
    safe = operation.method in SAFE
    refusals = {400, 405, 500, 503}
    if operation.role is not None:
        described["x-role"] = operation.role
        described["x-scope"] = scope_needed(operation.role, safe=safe)
        session: dict[str, list[str]] = {"session": []} if safe else {"session": [], "csrf": []}
        described["security"] = [session, {"token": []}]
        refusals |= {401, 403}
    if "{" in operation.path:
        refusals.add(404)
    if described.get("parameters") or "requestBody" in described:
        refusals.add(422)
    if not safe:
        refusals |= {409, 413}
    if operation.method == "PUT":
        refusals |= {412, 428}
    responses = described["responses"]
    responses.update({str(status): said for status, said in problem_responses(*sorted(refusals)).items()})
    if safe:
        responses["304"] = {"description": "Nothing changed since the ETag in If-None-Match."}


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs", {})
    return {"Problem": schema, **parts}
