"""One estimate, wherever it is told: the API, the kept figures of the pages and the gate's evidence say the same."""

import json

import pytest

from review.bookkeeping import refresh
from review.estimates.agreement import audit_agreement
from review.estimates.audit import audit
from review.estimates.people import people
from review.web.app import create_app
from store.figures import Figures
from store.records import StageMarker
from tests.review.direct import ask
from tests.review.labelled import Labelled
from tests.review.serving import desk_with_accounts

CONFIG = {"rounds": 5, "gate": {"patience": 9}}


@pytest.fixture
def made(store):
    """Two parts drawn unlike, some items for two, marks, a repeat, and a gate with labels."""
    made = Labelled(store, "told", **CONFIG)
    for number in range(24):
        rare = number % 3 == 0
        item = made.item(
            0.9 - number / 30, stratum="margin=even" if rare else "margin=sure", overlap=2,
            inclusion_probability=0.2 if rare else 0.02, parts={"helpful": 0.8},
        )  # fmt: skip
        for reviewer in ("ada", "bob")[: 1 + number % 2]:
            made.say(item, ("better", "worse", "same")[number % 3], reviewer, marks={"helpful": "first"})
    for number in range(12):
        made.say(
            made.item(0.7, purpose="gate", inclusion_probability=0.5), ("better", "worse")[number % 4 == 0]
        )
    made.run.mark(StageMarker(round=1, stage="judge", seconds=1.0))
    return made


@pytest.mark.parametrize("purpose", ["train", "gate"])
def test_the_api_tells_the_audit(made, store, clock, purpose):
    desk = desk_with_accounts(store, clock)
    app = create_app(store, desk=desk)
    lead = desk.roster.named("leo")
    session = desk.sessions.begin(lead.id, "127.0.0.1", "a test")[1]
    answer = ask(app, "GET", f"/api/v1/runs/told/estimates/1?purpose={purpose}", session=session)
    assert answer.status == 200
    assert json.loads(answer.body) == json.loads(audit(made.run, 1, purpose).model_dump_json())


def test_the_pages_keep_the_audit_and_the_people(made, store):
    refresh(made.run)
    kept = Figures(store.database, "told").kept()
    assert kept[1, "train", "audit"].value == audit(made.run, 1).model_dump(mode="json")
    assert kept[0, "", "people"].value == people(made.run).model_dump(mode="json")


def test_the_gates_evidence_is_the_same_rate_seen_from_the_other_side(made):
    found, evidence = audit(made.run, 1).disagreement, audit_agreement(made.run, 1)
    assert found.method == evidence.method == "stratified"
    assert evidence.why == found.why
    assert evidence.agreement.value == pytest.approx(1 - found.rate.value)
    assert evidence.agreement.low == pytest.approx(1 - found.rate.high)
    assert evidence.agreement.high == pytest.approx(1 - found.rate.low)
    assert (evidence.labels, evidence.agreed, evidence.undecided) == (
        found.comparisons, found.agreed, found.undecided,
    )  # fmt: skip
