"""The catalogue of verdicts on both databases: filled once, searched by words of any script, paged without a gap."""

from collections.abc import Iterable, Sequence

import pytest

from prompts.hashing import content_hash
from store import catalogue as module
from store.catalogue import Catalogue, Span, Wanted, _ranges
from store.cataloguing import Unit
from store.figures import Figures
from store.records import Comparison, Message, Prompt, Sample, Verdict
from store.run import RunStore
from store.side_by_side import SideBySide, Spoken
from store.words import asked, words


class Judged:
    """Adds comparisons one by one, each on a prompt of its own."""

    def __init__(self, run: RunStore) -> None:
        self.run = run
        self.books = Catalogue(run.database, run.name)

    def add(self, first: str, second: str = "no", *, round: int = 1, **verdict: object) -> str:
        """The id of the verdict."""
        prompt = Prompt(messages=(Message(role="user", content=f"Which, {first}?"),), split="train")
        samples = [
            Sample(
                prompt_id=prompt.id, policy="rev_a", round=round, purpose="train", index=index, seed=0, settings="s",
                text=text, tokens=len(text), finish_reason="stop",
            )
            for index, text in enumerate((first, second))
        ]  # fmt: skip
        comparison = Comparison(
            prompt=prompt, first=samples[0], second=samples[1], round=round, purpose="train",
            constitution=content_hash("be good"),
        )  # fmt: skip
        said = Verdict(
            comparison_id=comparison.id, judge="j", template=content_hash("t"), constitution=comparison.constitution,
            **{**({} if "unscored" in verdict else {"p_first": 0.75}), **verdict},
        )  # fmt: skip
        self.run.add_prompts([prompt])
        self.run.add_samples(samples)
        self.run.add_comparisons([comparison])
        self.run.add_verdicts([said])
        return said.id

    def fill(self) -> int:
        return sum(self.books.fill(unit) for unit in self.books.units())

    def spans(self) -> dict[Unit, Span]:
        found = {unit: self.books.span(unit) for unit in self.books.units()}
        return {unit: span for unit, span in found.items() if span is not None}

    def ids(self, rows: Sequence[int]) -> list[str]:
        return [row.verdict_id for row in self.books.listed(rows)]

    def search(self, **wanted: object) -> set[str]:
        page = self.books.find(Wanted(**wanted), self.spans())  # type: ignore[arg-type]
        assert page.next is None
        return set(self.ids(page.rows))


@pytest.fixture
def judged(run: RunStore) -> Judged:
    return Judged(run)


def test_each_verdict_is_catalogued_once_and_one_given_after_all_is_mended(judged: Judged) -> None:
    kept = judged.add("apple")
    failed = judged.add("pear", unscored="the judge was silent")
    assert judged.fill() == 2
    assert judged.fill() == 0
    assert judged.search(unscored=True) == {failed}
    comparison_id = judged.run.verdict(failed).comparison_id
    given = judged.run.verdict(failed).model_copy(update={"p_first": 0.9, "unscored": None})
    judged.run.add_verdicts([given])
    judged.fill()
    assert judged.search(unscored=True) == set()
    assert judged.search(at_least=0.9) == {failed}
    assert judged.search() == {kept, failed}
    assert judged.run.verdict(failed).comparison_id == comparison_id


def test_words_are_found_in_any_script_by_whole_words_and_beginnings(judged: Judged) -> None:
    photo = judged.add("Photosynthesis feeds plants")
    chinese = judged.add("植物用光合作用製造養分")
    accent = judged.add("Ça dépend, naïve CAFÉ")
    hostile = judged.add("quotes \" ' * ( ) AND OR NOT -minus")
    judged.fill()
    assert judged.search(text="photosynthesis") == {photo}
    assert judged.search(text="photo") == set()
    assert judged.search(text="photo*") == {photo}
    assert judged.search(text="feeds PLANTS") == {photo}
    assert judged.search(text="feeds stones") == set()
    assert judged.search(text="光合作用") == {chinese}
    assert judged.search(text="作光") == set()
    assert judged.search(text="café") == {accent}
    assert judged.search(text="minus not") == {hostile}
    assert judged.search(text="\"'*()") == {photo, chinese, accent, hostile}, (
        "nothing that could be looked for"
    )


def test_filters_hold_together(judged: Judged) -> None:
    flipped = judged.add("a", p_first=0.6, p_first_shown_first=0.9, p_first_shown_second=0.3)
    steady = judged.add("b", p_first=0.95, p_first_shown_first=0.95, p_first_shown_second=0.95)
    later = judged.add("c", round=2, p_first=0.2, p_first_shown_first=0.2, p_first_shown_second=0.2)
    judged.fill()
    assert judged.search(flipped=True) == {flipped}
    assert judged.search(flipped=False) == {steady, later}
    assert judged.search(round=2) == {later}
    assert judged.search(at_least=0.8) == {steady, later}
    assert judged.search(at_least=0.8, at_most=0.9) == {later}
    judged.books.set_people([(steady, 1), (later, -1)])
    assert judged.search(people="agree") == {steady}
    assert judged.search(people="overrule") == {later}
    assert judged.search(people="any", round=1) == {steady}
    judged.books.set_people([(steady, None)])
    assert judged.search(people="any") == {later}


@pytest.mark.parametrize("text", ["", "which"])
def test_pages_meet_every_row_once_however_small_the_windows(
    judged: Judged, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(module, "WINDOWS", (1, 2, 3))
    given = [judged.add(f"item{number}", round=1 + number % 3) for number in range(17)]
    judged.fill()
    met: list[str] = []
    before: int | None = None
    while True:
        page = judged.books.find(Wanted(text=text), judged.spans(), before=before, limit=4)
        assert len(page.rows) <= 4
        met += judged.ids(page.rows)
        if page.next is None:
            break
        before = page.next
    assert sorted(met) == sorted(given)


def test_a_page_whose_time_is_up_says_where_it_stopped_and_goes_on_from_there(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOWS", (2,))
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    oldest = judged.add("needle")
    for number in range(9):
        judged.add(f"hay{number}")
    judged.fill()
    looks, before = 0, None
    found: list[str] = []
    while True:
        page = judged.books.find(Wanted(text="needle"), judged.spans(), before=before)
        found += judged.ids(page.rows)
        looks += 1
        if page.next is None:
            break
        assert page.stopped
        before = page.next
    if judged.run.database.dialect == "sqlite":
        assert looks == 5
    assert found == [oldest]


def test_counts_are_what_the_rows_come_to(judged: Judged) -> None:
    judged.add("aa", "b", p_first=0.9, p_first_shown_first=0.9, p_first_shown_second=0.9)
    judged.add("c", "dd", p_first=0.6, p_first_shown_first=0.9, p_first_shown_second=0.3)
    judged.add("e", unscored="silent")
    judged.fill()
    ((unit, span),) = judged.spans().items()
    counts = judged.books.count(unit, span)
    assert (counts["verdicts"], counts["scored"], counts["flips"], counts["flips_to_first"]) == (3, 2, 1, 1)
    assert counts["unscored"] == {"silent": 1}
    assert counts["slot"] == pytest.approx((0.5 + 0.8) / 2)
    assert counts["confidence"] == pytest.approx(0.75)
    assert (counts["differing_lengths"], counts["longer"]) == (2, 1)
    assert counts["sure"] == {"12": 1, "18": 1}
    assert judged.books.worth_looking(Wanted(at_least=0.97), {unit: counts}) == {}
    assert judged.books.worth_looking(Wanted(at_least=0.9, flipped=True), {unit: counts}) == {unit: span}
    assert judged.books.worth_looking(Wanted(principle="kind"), {unit: counts}) == {}


@pytest.mark.parametrize(
    ("spans", "joined"),
    [
        ([], []),
        ([Span(1, 3), Span(4, 6)], [Span(1, 6)]),
        ([Span(1, 9), Span(3, 4)], [Span(1, 9)]),
        ([Span(1, 3), Span(5, 9), Span(7, 12)], [Span(5, 12), Span(1, 3)]),
    ],
)
def test_ranges_are_looked_through_once(spans: Iterable[Span], joined: list[Span]) -> None:
    assert _ranges(spans) == joined


def test_figures_are_replaced_in_their_place(run: RunStore) -> None:
    figures = Figures(run.database, run.name)
    figures.keep((1, "train", "verdicts"), "a", {"n": 1})
    figures.keep((0, "", "overview"), "x", [1, 2])
    figures.keep((1, "train", "verdicts"), "b", {"n": 2}, final=True)
    kept = figures.kept()
    assert list(kept) == [(0, "", "overview"), (1, "train", "verdicts")]
    assert (kept[(1, "train", "verdicts")].value, kept[(1, "train", "verdicts")].final) == ({"n": 2}, True)
    assert figures.versions()[(1, "train", "verdicts")] == ("b", True)
    assert list(figures.kept("overview")) == [(0, "", "overview")]


def test_two_policies_answers_stand_beside_each_other_page_by_page(run: RunStore) -> None:
    prompts = [Prompt(messages=(Message(role="user", content=f"{n}?"),), split="heldout") for n in range(7)]
    run.add_prompts(prompts)
    run.add_samples(
        Sample(
            prompt_id=prompt.id, policy=policy, round=1, purpose="gate", index=0, seed=0, settings="s",
            text=f"{policy} says {prompt.text}", tokens=3, finish_reason="stop",
        )
        for policy in ("rev_a", "rev_b")
        for prompt in prompts
        if (policy, prompt.text) != ("rev_b", "2?")
    )  # fmt: skip
    beside = SideBySide(run.database, run.name)
    one, other = Spoken(1, "rev_a"), Spoken(1, "rev_b")
    hidden = {prompts[0].id, prompts[4].id}
    first = beside.page(one, other, limit=2, less=hidden)
    assert [both.prompt for both in first] == ["1?", "3?"]
    assert (first[0].one, first[0].other) == ("rev_a says 1?", "rev_b says 1?")
    rest = beside.page(one, other, after=first[-1].position, limit=9, less=hidden)
    assert [both.prompt for both in rest] == ["5?", "6?"]


def test_the_spelling_of_words_is_plain_ascii_and_keeps_beginnings() -> None:
    assert words(["The cat's 3 mats"]) == {"the", "cat", "s", "3", "mats"}
    assert all(word.isascii() and word.isalnum() for word in words(["naïve ＡＢＣ 犬小屋 ไทย עברית"]))
    assert words(["ＡＢＣ"]) == {"abc"}
    (whole,) = words(["Ünsinn"])
    ((start, begins),) = asked("Üns*")
    assert begins
    assert whole.startswith(start)
    assert len(max(words(["x" * 500]), key=len)) <= 40
