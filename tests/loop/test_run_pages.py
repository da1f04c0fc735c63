"""The pages of a run over a real store: what they say, that it is what the rows say, and what they keep back."""

import html
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from review import keeper as keeping
from review.bookkeeping import STEP, refresh
from review.overrides import override
from review.queue import claim, vote
from review.web.app import create_app
from store.catalogue import Catalogue
from store.catalogue_tables import catalogue, figures
from store.errors import StoreError
from store.figures import Figures
from store.records import Comparison, ReviewItem
from store.run import RunStore
from store.store import Store
from tests.loop.runs_with_rounds import played
from tests.review.direct import Answer, ask
from tests.review.serving import NAMES, Served, desk_with_accounts


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return played(tmp_path_factory.mktemp("demo") / "rlaif.db", "demo", 3, prompts=90)


@pytest.fixture
def store(demo: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of the store with the run `demo`."""
    copied = shutil.copy(demo, tmp_path / "rlaif.db")
    with Store.open(f"sqlite:///{copied}") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> RunStore:
    return store.run("demo")


class Pages:
    """The application, asked without a network and without its thread: the books are kept when a test says so."""

    def __init__(self, store: Store) -> None:
        self.desk = desk_with_accounts(store)
        self.app: FastAPI = create_app(store, desk=self.desk)

    def _session(self, who: str) -> str:
        account = self.desk.roster.named(NAMES[who])  # type: ignore[index]
        assert account is not None
        return self.desk.sessions.begin(account.id, "192.0.2.1", "a test")[1]

    def get(self, path: str, who: str = "lead", status: int = 200, **more: Any) -> str:
        answer = ask(self.app, "GET", path, session=self._session(who), **more)
        assert answer.status == status, (path, answer.status)
        return answer.body.decode()

    def post(self, path: str, who: str = "lead", **form: str) -> Answer:
        return ask(self.app, "POST", path, session=self._session(who), form=form)

    def decisions(self, query: str) -> list[str]:
        """The ids on all the pages of a search."""
        found: list[str] = []
        address: str | None = f"/runs/demo/decisions?{query}"
        while address is not None:
            text = self.get(address)
            found += decision_ids(text)
            further = re.search(r'rel="next" href="([^"]+)"', text)
            address = html.unescape(further[1]) if further else None
        return found


@pytest.fixture
def pages(store: Store) -> Pages:
    return Pages(store)


def decision_ids(text: str) -> list[str]:
    return re.findall(r'class="whole" href="/runs/[^/]+/decisions/(ver_[0-9a-f]+)"', text)


def catalogue_of(run: RunStore) -> Catalogue:
    return Catalogue(run.database, run.name)


def words(comparison: Comparison) -> str:
    texts = comparison.prompt.text, comparison.first.text, comparison.second.text
    return f" {re.sub(r'[^a-z0-9]+', ' ', ' '.join(texts).lower())} "


def open_item(run: RunStore, comparison_id: str, position: int = 0) -> ReviewItem:
    """Somebody is to answer this comparison."""
    comparison = run.comparison(comparison_id)
    item = ReviewItem(
        comparison_id=comparison_id, round=comparison.round, purpose=comparison.purpose, lane="targeted",
        inclusion_probability=1.0, seed=1, position=position, overlap=1,
    )  # fmt: skip
    run.add_review_items([item])
    return item


def test_the_dashboard_begins_with_the_sentence_that_matters(pages: Pages) -> None:
    text = pages.get("/runs/demo")
    said = re.search(r'<h1 class="headline">(.*?)</h1>', text)
    assert said is not None
    found = re.fullmatch(
        r"Round 3: the judge disagrees with the simulated reviewer on (\d+)% of its pairs, "
        r"95% CI (\d+)–(\d+), n = (\d+): kept the incumbent\.",
        html.unescape(said[1]),
    )
    assert found is not None, said[1]
    rate, low, high, n = map(int, found.groups())
    assert low < rate < high
    assert n <= 60
    assert text.index(said[0]) < text.index("<table")


def test_every_figure_leads_to_its_rows(pages: Pages) -> None:
    text = pages.get("/runs/demo")
    addresses = {html.unescape(one) for one in re.findall(r'href="(/runs/demo[^"]*)"', text)}
    assert len(addresses) > 30
    for address in addresses:
        answer = ask(pages.app, "GET", address, session=pages._session("lead"))
        assert answer.status in (200, 303), address


def test_a_count_is_the_number_of_rows_behind_it(pages: Pages) -> None:
    text = pages.get("/runs/demo")
    for query in ("round=1&amp;purpose=train&amp;people=overrule", "round=2&amp;purpose=gate&amp;scored=no"):
        count = re.search(rf'decisions\?{re.escape(query)}">(\d+)</a>', text)
        assert count is not None, query
        rows = decision_ids(pages.get(f"/runs/demo/decisions?{html.unescape(query)}"))
        assert len(rows) == int(count[1]) > 0


def test_each_picture_has_a_table_of_its_numbers(pages: Pages) -> None:
    figures = re.findall(r'<figure class="card plot.*?</figure>', pages.get("/runs/demo"), re.S)
    drawn = [one for one in figures if "<svg" in one]
    assert len(drawn) > 8
    for one in drawn:
        assert '<div class="drawing" role="img" aria-label="' in one
        assert "<details" in one
        assert "<table>" in one


def test_a_run_that_nobody_has_counted_says_so_at_once(run: RunStore, pages: Pages) -> None:
    with run.database.write() as connection:
        for table in (figures, catalogue):
            connection.execute(table.delete())
    assert "The figures of this run are being made." in pages.get("/runs/demo")
    assert "No decision has been catalogued yet" in pages.get("/runs/demo/decisions")
    assert "not counted yet" in pages.get("/runs")
    pages.get("/runs/demo/rounds/1", status=404)
    refresh(run)
    assert "Round 3:" in pages.get("/runs/demo")
    pages.get("/runs/demo/rounds/1")


def test_paging_through_all_decisions_meets_each_once(run: RunStore, pages: Pages) -> None:
    met = pages.decisions("purpose=train")
    assert len(met) == len(set(met))
    expected = {verdict.id for index in (1, 2, 3) for _, verdict in run.judged(index, "train")}
    assert set(met) == expected


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("flip=yes", lambda _, v: v.flipped is True),
        ("scored=no", lambda _, v: v.p_first is None),
        ("at_least=90", lambda _, v: v.p_first is not None and max(v.p_first, 1 - v.p_first) >= 0.9),
        ("at_most=55", lambda _, v: v.p_first is not None and max(v.p_first, 1 - v.p_first) <= 0.55),
        ("text=SORRY", lambda c, _: " sorry " in words(c)),
        ("text=afte*%2017", lambda c, _: " 17 " in words(c)),
    ],
)  # fmt: skip
def test_filters_and_search_find_what_the_rows_say(
    run: RunStore, pages: Pages, query: str, holds: Callable[..., Any]
) -> None:
    found = pages.decisions(f"round=2&purpose=train&{query}")
    expected = {verdict.id for comparison, verdict in run.judged(2, "train") if holds(comparison, verdict)}
    assert set(found) == expected
    assert len(found) == len(expected) > 0


def test_what_waits_for_blind_answers_is_left_out_counted_and_told_nothing_of(
    run: RunStore, pages: Pages
) -> None:
    comparison, verdict = next(
        (c, v) for c, v in run.judged(3, "train") if not run.labels_on(c.id) and v.p_first is not None
    )
    listed = "/runs/demo/decisions?round=3&purpose=train"
    assert "left out" not in pages.get(listed)
    open_item(run, comparison.id)
    assert "1 comparison is left out" in pages.get(listed)
    for query in ("", "&flip=yes", "&scored=yes", "&at_least=50", "&text=count"):
        assert verdict.id not in pages.get(listed + query)
    told = pages.get(f"/runs/demo/decisions/{verdict.id}")
    assert "This decision is blind for you" in told
    for secret in (comparison.prompt.text, comparison.first.policy, verdict.judge, "targeted", comparison.id):
        assert html.escape(secret) not in told
    assert 'class="rendered"' not in told
    refused = pages.post(f"/runs/demo/decisions/{verdict.id}/override", value="better", reason="")
    assert refused.status == 409
    assert run.labels_on(comparison.id) == []


def test_a_lead_looks_only_by_asking_and_that_is_written_down(run: RunStore, pages: Pages) -> None:
    comparison, verdict = next((c, v) for c, v in run.judged(3, "train") if not run.labels_on(c.id))
    open_item(run, comparison.id)
    address = f"/runs/demo/decisions/{verdict.id}"
    assert pages.post(f"{address}/unblind").status == 303
    assert html.escape(comparison.first.text) in pages.get(address)
    assert run.revealed("leo", [comparison.id])
    assert "This decision is blind for you" in pages.get(address, who="admin")
    assert "comparison.unblind" in pages.get("/audit-log", who="admin")


def test_a_decision_tells_where_it_came_from_and_where_it_went(run: RunStore, pages: Pages) -> None:
    pair = next(iter(run.pairs(1)))
    comparison, verdict = next((c, v) for c, v in run.judged(1, "train") if c.id == pair.comparison_id)
    override(run, comparison.id, "leo", "both_bad", "Neither counts.")
    text = html.unescape(pages.get(f"/runs/demo/decisions/{verdict.id}"))
    checkpoint = run.checkpoint(comparison.first.policy)
    for told in (
        comparison.prompt.text, comparison.first.text, comparison.second.text, verdict.judge, pair.id,
        checkpoint.sha256, comparison.first.id, comparison.prompt.id, "Neither counts.", "both bad",
    ):  # fmt: skip
        assert told in text, told
    answer = ask(pages.app, "GET", f"/runs/demo/comparisons/{comparison.id}", session=pages._session("lead"))
    assert (answer.status, answer.headers["location"]) == (303, f"/runs/demo/decisions/{verdict.id}")


def test_an_override_from_a_decision_flows_into_the_ledger(run: RunStore, pages: Pages) -> None:
    comparison, verdict = next((c, v) for c, v in run.judged(2, "train") if not run.labels_on(c.id))
    refresh(run)
    address = f"/runs/demo/decisions/{verdict.id}"
    sent = pages.post(f"{address}/override", value="much_worse", reason="Wrong number.")
    assert (sent.status, sent.headers["location"]) == (303, f"{address}?done=saved")
    (label,) = run.labels_on(comparison.id)
    assert (label.value, label.reviewer, label.lane) == ("much_worse", "leo", "override")
    ledger = pages.get("/runs/demo/ledger")
    assert "Wrong number." in ledger
    assert "waits for the next training set" in ledger
    refresh(run)
    assert "1 override by a lead." in pages.get("/runs/demo")
    assert verdict.id in pages.decisions("round=2&purpose=train&people=any")


def test_a_reviewer_may_see_none_of_it(run: RunStore, pages: Pages) -> None:
    (_, verdict), *_ = run.judged(1, "train")
    for path in (
        "",
        "/demo",
        "/demo/decisions",
        f"/demo/decisions/{verdict.id}",
        "/demo/rounds/1",
        "/demo/ledger",
    ):
        pages.get(f"/runs{path}", who="reviewer", status=403)


def test_no_single_vote_moves_a_figure_that_knows_the_judge(tmp_path: Path) -> None:
    """Else whoever voted last would read from the page what the judge had said."""
    path = played(tmp_path / "open.db", "open", 1, prompts=40, reviewed=False)
    with Store.open(f"sqlite:///{path}") as store:
        _vote_and_watch(store.run("open"))


def _vote_and_watch(run: RunStore) -> None:
    telling = ("audit", "labels", "people")

    def kept() -> dict[Any, Any]:
        found = Figures(run.database, run.name).kept()
        return {key: one.value for key, one in found.items() if key[2] in telling}

    def answer() -> None:
        (question,) = claim(run, "rita").items
        vote(run, question.item_id, "rita", "left_better")

    before = kept()
    for _ in range(STEP - 1):
        answer()
        refresh(run)
        assert kept() == before
    for _ in range(STEP):
        answer()
        refresh(run)
    assert kept() != before
    while claim(run, "rita").items:
        answer()
    refresh(run)
    labels = kept()[(1, "gate", "labels")]
    assert sum(labels.values()) == len(list(run.labels(1, "gate"))) > STEP


def test_a_round_shows_the_answers_before_and_after(run: RunStore, pages: Pages) -> None:
    text = html.unescape(pages.get("/runs/demo/rounds/2"))
    decision = next(one for one in run.decisions() if one.round == 2)
    assert decision.reason in text
    assert "Incumbent" in text
    first = next(iter(run.samples(2, "gate", str(decision.incumbent))))
    assert first.text in text
    both = html.unescape(pages.get("/runs/demo/compare?a=1&b=3"))
    assert "Round 1" in both
    assert "Round 3" in both
    moved = ask(pages.app, "GET", "/runs/demo/compare", session=pages._session("lead"))
    assert moved.headers["location"] == "/runs/demo/compare?a=2&b=3"


def test_prompts_with_a_blind_comparison_are_left_out_of_a_round(run: RunStore, pages: Pages) -> None:
    comparison = next(c for c, _ in run.judged(2, "gate") if not run.labels_on(c.id))
    question = html.escape(comparison.prompt.text)

    def all_pages() -> str:
        text, after = "", ""
        while True:
            got = pages.get(f"/runs/demo/rounds/2{after}")
            text += got
            further = re.search(r'rel="next" href="([^"#]+)', got)
            if further is None:
                return text
            after = further[1]

    assert question in all_pages()
    open_item(run, comparison.id)
    later = all_pages()
    assert question not in later
    assert "1 prompt is left out" in later


def test_answers_that_act_are_shown_and_do_nothing(tmp_path: Path) -> None:
    acting = ["<script>alert(1)</script>", "\u202eevil", "a" * 5000]
    path = played(tmp_path / "hostile.db", "hostile", 1, prompts=12, texts=acting)
    with Store.open(f"sqlite:///{path}") as store:
        _look_at_hostile(store.run("hostile"), Pages(store))


def _look_at_hostile(hostile: RunStore, pages: Pages) -> None:
    (_, verdict), *_ = hostile.judged(1, "gate")
    paths = ["", "/decisions", f"/decisions/{verdict.id}", "/rounds/1", "/ledger"]
    for path in paths:
        text = pages.get(f"/runs/hostile{path}")
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert " style=" not in text
    assert "⟨U+202E⟩" in pages.get("/runs/hostile/rounds/1")


def test_nonsense_in_an_address_is_refused_not_failed(pages: Pages) -> None:
    refused = {
        "/runs/nobody": 404,
        "/runs/demo/rounds/99": 404,
        "/runs/demo/rounds/x": 422,
        "/runs/demo/decisions/ver_ffffffffffffffffffff": 404,
        "/runs/demo/decisions/x": 404,
        "/runs/demo/comparisons/cmp_ffff": 404,
        "/runs/demo/ledger?after=eff_none": 404,
        "/runs/demo/decisions?round=x": 422,
        "/runs/demo/decisions?at_least=7": 422,
    }
    for path, status in refused.items():
        pages.get(path, status=status)
    for query in (
        "text=%22%27%2A%28",
        "text=" + "%F0%9F%A6%8A" * 20,
        "people=none&flip=odd&purpose=all",
        "before=",
    ):
        pages.get(f"/runs/demo/decisions?{query}")


def test_the_pages_speak_the_readers_language(pages: Pages) -> None:
    text = pages.get("/runs/demo", headers={"Accept-Language": "zh-TW"})
    assert '<html lang="zh-Hant"' in text
    assert "第 3 輪" in text


def test_the_catalogue_holds_each_verdict_once(run: RunStore) -> None:
    refresh(run)
    refresh(run)
    books = catalogue_of(run)
    counts = books.counted()
    for unit, value in counts.items():
        judged = list(run.judged(unit.round, unit.purpose))
        assert value["verdicts"] == len(judged)
        assert value["scored"] == sum(v.p_first is not None for _, v in judged)
        assert value["flips"] == sum(bool(v.flipped) for _, v in judged)
        assert value["slot"] == pytest.approx(
            sum((v.p_first_shown_first + 1 - v.p_first_shown_second) / 2 for _, v in judged if v.p_first is not None)
            / value["both_orders"]
        )  # fmt: skip


def test_the_stream_tells_that_something_changed_and_nothing_else(run: RunStore, served: Served) -> None:
    comparison = next(c for c, _ in run.judged(2, "train") if not run.labels_on(c.id))
    with served.client("lead").stream("GET", "/runs/demo/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = (line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: "))
        first = next(one for one in told if one)
        override(run, comparison.id, "leo", "same", "")
        second = next(told)
    assert first != second
    assert served.client("lead").get("/runs/demo/pulse").json() == {"pulse": second}
    assert re.fullmatch(r"[0-9a-f]+", second), "a hash, that tells nobody what it is of"


def test_what_keeps_the_figures_from_being_made_is_said_once(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fails(run: RunStore) -> str:
        tried.append(run.name)
        raise StoreError("the disk is full")

    monkeypatch.setattr(keeping, "refresh", fails)
    monkeypatch.setattr(keeping, "OFTEN_S", 0.01)
    keeper = keeping.Keeper(store)
    keeper.start()
    try:
        keeper.look("demo")
        deadline = time.monotonic() + 20
        while len(tried) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        keeper.stop()
    assert len(tried) >= 3
    assert [record.getMessage() for record in caplog.records if "late" in record.getMessage()] == [
        "the figures of the pages are late: the disk is full"
    ]
