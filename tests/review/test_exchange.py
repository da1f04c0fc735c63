"""Files of labels, tasks and pairs: what leaves is blind and whole, what comes back is right, once, or refused."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from review.blinding import withheld_ids
from review.errors import BadFile
from review.estimates import audit
from review.exchange.formats import FORMATS
from review.exchange.gather import leaving
from review.exchange.take_in import Reviewers, take_in
from review.overrides import override
from review.queue import skip, undo, vote
from review.reveals import unblind
from store.records import Label
from tests.review.questions_for_review import JUDGED, plain, review_run

IN_TASKS = ("jsonl", "csv", "argilla", "label-studio")
ANA = Reviewers("ana")


@pytest.fixture
def run(store):
    return review_run(store, plain(6), batch=2)


def written(run, format, what=None, **options):
    return "".join(leaving(run, FORMATS[format], what, **options).chunks)


def taken(run, format, text, reviewers=None):
    data = text if isinstance(text, bytes) else text.encode()
    return take_in(run, FORMATS[format], io.BytesIO(data), reviewers)


def all_labels(run):
    items = [item for purpose in ("train", "gate") for item in run.review_items(1, purpose)]
    return sorted((label for item in items for label in run.label_history(item.id)), key=lambda one: one.id)


def answered(run, format, choice, who="ana", count=None):
    """The run's tasks as a person fills them in with the format's own tool; `choice` of each task's left text."""
    text = written(run, format, "tasks")
    if format == "jsonl":
        lines = [json.loads(line) for line in text.splitlines()]
        for line in [one for one in lines if one["kind"] == "task"][:count]:
            line.update(choice=choice(line["left"]), reviewer=who, reason="so")
        return "\n".join(json.dumps(line) for line in lines)
    if format == "csv":
        jsonl = answered(run, "jsonl", choice, who, count)
        filled = {one["task"]: one for one in map(json.loads, jsonl.splitlines()) if one["kind"] == "task"}
        rows = text.split("\r\n")
        for number, row in enumerate(rows):
            one = filled.get(row[1:26])
            if one and one["choice"]:
                question = row[: row.index(',"","","","","",""')]
                rows[number] = f'{question},"{one["choice"]}","","so","","","{who}"'
        return "\r\n".join(rows)
    records = json.loads(text)
    for record in records[:count]:
        if format == "argilla":
            value = choice(record["fields"]["left"])
            record["responses"] = {
                "preference": [{"value": value, "user_id": who}],
                "reason": [{"value": "so", "user_id": who}],
            }
        else:
            value = choice(record["data"]["left"])
            side = {"type": "pairwise", "from_name": "preferred", "value": {"selected": value.split("_")[0]}}
            extent = {"same": "same", "both_bad": "both bad", "left_much_better": "much better"}.get(value)
            result = [side] if value.startswith(("left", "right")) else []
            if extent:
                result.append({"type": "choices", "from_name": "extent", "value": {"choices": [extent]}})
            result.append({"type": "textarea", "from_name": "reason", "value": {"text": ["so"]}})
            record["annotations"] = [
                {"result": result, "was_cancelled": False, "completed_by": {"id": 3, "email": who}}
            ]
    return json.dumps(records)


def prefers_the_first(left):
    """Every first answer of `plain` has bold print."""
    return "left_much_better" if "**" in left else "right_better"


@pytest.mark.parametrize("format", IN_TASKS)
def test_answers_come_back_on_the_right_side_whichever_side_was_shown(run, format):
    assert taken(run, format, answered(run, format, prefers_the_first)).added == 6
    labels = all_labels(run)
    assert {label.value for label in labels} <= {"much_better", "better"}
    assert {(label.reviewer, label.source, label.reason, label.lane) for label in labels} == {
        ("ana", "import", "so", "random")
    }
    # A label that was given with the first sample on the right says so, and still speaks of the first.
    sides = {
        task.item_id: task.swapped for task in run.export_tasks(i.id for i in run.review_items(1)).values()
    }
    assert {label.item_id: label.swapped for label in labels} == sides
    assert {label.value for label in labels if label.swapped} <= {"better"}
    assert {label.value for label in labels if not label.swapped} <= {"much_better"}


@pytest.mark.parametrize("format", IN_TASKS)
@pytest.mark.parametrize("choice", ["same", "both_bad"])
def test_neither_side_comes_back_as_neither(run, format, choice):
    taken(run, format, answered(run, format, lambda _: choice))
    assert {label.value for label in all_labels(run)} == {choice}


@pytest.mark.parametrize("format", IN_TASKS)
def test_tasks_tell_nothing_of_verdict_lane_model_item_or_order(run, format):
    text = written(run, format, "tasks")
    items = list(run.review_items(1))
    comparison = run.comparison(items[0].comparison_id)
    secrets = [
        str(JUDGED), "0.9512", "scripted-judge", "random", "margin-low", "0.25", "says why in one line",
        comparison.first.policy, comparison.second.policy, comparison.first.id, comparison.second.id,
        comparison.prompt.id, *(item.id for item in items), *(item.comparison_id for item in items),
    ]  # fmt: skip
    assert [secret for secret in secrets if secret in text] == []
    assert "Question 1" in text
    assert "I think it is" in text


def test_exported_sides_are_shuffled_and_stay_as_they_were(store):
    run = review_run(store, plain(60), name="many")
    first, again = (written(run, "jsonl", "tasks") for _ in range(2))
    assert first == again
    lefts = [json.loads(line).get("left", "") for line in first.splitlines()[1:]]
    # Under fair coins fewer than 10 of 60 on one side come once in 10^8.
    assert 10 <= sum("**" in left for left in lefts) <= 50


def test_tasks_are_what_waits_without_the_repeat_lane(run):
    items = list(run.review_items(1))
    vote(run, items[0].id, "bo", "same")
    skip(run, items[1].id, "bo")
    again = items[2].model_copy(update={"lane": "repeat", "repeat_of": items[2].id, "id": "itm_again"})
    run.add_review_items([again])
    text = written(run, "csv", "tasks")
    assert text.count("task_") == 5  # what one person skipped still waits for others
    assert leaving(run, FORMATS["csv"], "tasks", round=2).written == 0


@pytest.mark.parametrize("format", IN_TASKS)
def test_the_same_file_again_changes_nothing(run, format):
    file = answered(run, format, prefers_the_first)
    taken(run, format, file)
    before = all_labels(run)
    again = taken(run, format, file)
    assert (again.added, again.present) == (0, 6)
    assert all_labels(run) == before


def test_a_changed_answer_is_a_revision_and_the_old_file_does_not_undo_it(run):
    old, new = (answered(run, "jsonl", lambda _, c=choice: c, count=1) for choice in ("same", "both_bad"))
    taken(run, "jsonl", old)
    assert taken(run, "jsonl", new).added == 1
    assert taken(run, "jsonl", old).added == 0
    (labels,) = [run.label_history(item.id) for item in run.review_items(1) if run.label_history(item.id)]
    assert [(label.revision, label.value) for label in labels] == [(0, "same"), (1, "both_bad")]


def test_answers_on_items_drawn_at_random_enter_the_estimate(run):
    assert taken(run, "csv", answered(run, "csv", prefers_the_first)).counted == 6
    report = audit(run, 1, "train")
    assert (report.answered, report.disagreement.rate.value) == (6, 0.0)
    assert all(item.overlap == 1 and not run.is_wanted(item.id) for item in run.review_items(1))


def test_answers_on_targeted_items_enter_no_estimate(store):
    run = review_run(store, plain(4), name="aimed", lane="targeted")
    outcome = taken(run, "csv", answered(run, "csv", prefers_the_first))
    assert (outcome.added, outcome.counted) == (4, 0)


def test_an_answer_that_comes_when_its_item_has_its_own_is_kept_and_not_blind(run):
    file = answered(run, "jsonl", prefers_the_first)
    item = next(run.review_items(1))
    vote(run, item.id, "bo", "same")
    assert taken(run, "jsonl", file).counted == 5
    blind = {label.reviewer: label.blind for label in run.label_history(item.id)}
    assert blind == {"bo": True, "ana": False}


def test_an_answer_of_somebody_who_was_shown_the_verdict_is_not_blind(run):
    file = answered(run, "jsonl", prefers_the_first)
    comparison = run.comparison(next(run.review_items(1)).comparison_id)
    unblind(run, comparison, "ana")
    outcome = taken(run, "jsonl", file)
    assert (outcome.added, outcome.counted) == (6, 5)
    assert [one.comparison_id for one in all_labels(run) if not one.blind] == [comparison.id]


def test_two_people_of_one_file_are_both_blind_and_the_item_counts_once(run):
    ana, bo = (answered(run, "jsonl", prefers_the_first, who) for who in ("ana", "bo"))
    assert taken(run, "jsonl", ana + "\n" + bo).counted == 12
    assert audit(run, 1, "train").answered == 6


def test_an_unanswered_task_is_counted_and_makes_no_label(run):
    outcome = taken(run, "argilla", answered(run, "argilla", prefers_the_first, count=2))
    assert (outcome.added, outcome.unanswered) == (2, 4)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_labels_come_back_exactly_in_another_store_of_the_run(run, store, format, tmp_path):
    items = list(run.review_items(1))
    marks = {"correct": "left", "plain": "same"}
    vote(
        run, items[0].id, "bo", "left_better", marks=marks, reason='=HYPERLINK("x")\n"\u202e\x00', seconds=2.5
    )
    vote(run, items[0].id, "bo", "both_bad", reason="'=, '- and ''", key="k1", flagged=True)
    vote(run, items[1].id, "bo", "same")
    undo(run, "bo")
    override(run, items[2].comparison_id, "li", "worse", "-1")
    text = written(run, format, waiting=True)
    with type(store).open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        copy = review_run(other, plain(6), batch=2)
        assert taken(copy, format, text).added == len(all_labels(run)) == 5
        assert all_labels(copy) == all_labels(run)
        assert taken(copy, format, text).present == 5
        assert written(copy, format, waiting=True) == text
        assert [copy.is_wanted(item.id) for item in items] == [run.is_wanted(item.id) for item in items]


def test_labels_on_comparisons_that_wait_stay_here_and_are_counted(store):
    run = review_run(store, plain(4), name="two", overlap=2)
    items = list(run.review_items(1))
    vote(run, items[0].id, "ana", "same")
    vote(run, items[0].id, "bo", "same")
    vote(run, items[1].id, "ana", "same")
    made = leaving(run, FORMATS["jsonl"], "labels")
    text = "".join(made.chunks)
    assert (made.withheld, made.written) == (1, 2)
    assert items[1].comparison_id not in text
    # Who answered, and was not shown the verdicts, gets no more by asking for a file.
    assert "".join(leaving(run, FORMATS["jsonl"], "labels", viewer="ana").chunks).count("\n") == 1
    assert withheld_ids(run, "ana", [items[0].comparison_id])


def test_pairs_say_what_people_prefer_and_come_back_by_their_texts(run):
    items = list(run.review_items(1))
    for item, value in zip(items, ("better", "worse", "same", "much_better"), strict=False):
        override(run, item.comparison_id, "li", value, "")
    text = written(run, "trl", waiting=True)
    rows = [json.loads(line) for line in text.splitlines()]
    assert sorted("**" in row["chosen"][0]["content"] for row in rows) == [False, True, True]
    assert all([message["role"] for message in row["prompt"]] == ["user"] for row in rows)
    outcome = taken(run, "trl", text, ANA)
    assert (outcome.added, outcome.counted) == (3, 0)
    mine = [label for label in all_labels(run) if label.reviewer == "ana"]
    assert all((one.source, one.lane, one.blind) == ("import", "override", False) for one in mine)
    assert sorted(label.value for label in mine) == ["better", "better", "worse"]
    assert taken(run, "trl", text, ANA).added == 0


def test_preferences_are_read_in_every_form_that_trl_documents(run):
    comparison = run.comparison(next(run.review_items(1)).comparison_id)
    asked, better, worse = (
        comparison.prompt.messages[0].content,
        comparison.second.text,
        comparison.first.text,
    )
    user, answers = (
        {"role": "user", "content": asked},
        ({"role": "assistant", "content": t} for t in (better, worse)),
    )
    chosen, rejected = answers
    forms = [
        {"prompt": asked, "chosen": better, "rejected": worse},
        {"prompt": [user], "chosen": [chosen], "rejected": [rejected]},
        {"chosen": [user, chosen], "rejected": [user, rejected]},
    ]
    for number, form in enumerate(forms):
        assert taken(run, "trl", json.dumps(form), Reviewers(f"r{number}")).added == 1
    assert {label.value for label in all_labels(run)} == {"worse"}


def test_argilla_knows_our_people_by_uuid_and_they_come_back_by_name(run):
    taken(run, "csv", answered(run, "csv", prefers_the_first))
    text = written(run, "argilla", "labels")
    assert "ana" not in text.replace("banana", "")
    assert taken(run, "argilla", text).present == 6


def test_people_of_a_file_are_named_one_by_one(run):
    ana, bo = (answered(run, "argilla", prefers_the_first, who, count=3) for who in ("u-1", "u-2"))
    records = json.loads(ana)
    for mine, other in zip(records, json.loads(bo), strict=True):
        for question, listed in other["responses"].items():
            mine["responses"][question] += listed
    text = json.dumps(records)
    with pytest.raises(BadFile, match="2 people answered"):
        taken(run, "argilla", text, ANA)
    assert taken(run, "argilla", text, Reviewers(by_name={"u-1": "ana", "u-2": "bo"})).added == 6
    assert {label.reviewer for label in all_labels(run)} == {"ana", "bo"}


def test_a_number_of_label_studio_is_a_name_until_somebody_gives_it_one(run):
    records = json.loads(answered(run, "label-studio", prefers_the_first, count=1))
    records[0]["annotations"][0]["completed_by"] = 10
    taken(run, "label-studio", json.dumps(records))
    assert {label.reviewer for label in all_labels(run)} == {"label-studio:10"}


def test_cancelled_and_draft_answers_are_none(run):
    records = json.loads(answered(run, "label-studio", prefers_the_first, count=1))
    records[0]["annotations"][0]["was_cancelled"] = True
    assert taken(run, "label-studio", json.dumps(records)).unanswered == 6
    records = json.loads(answered(run, "argilla", prefers_the_first, count=1))
    records[0]["responses"]["preference"][0]["status"] = "draft"
    assert taken(run, "argilla", json.dumps(records)).unanswered == 6


def test_forms_ask_for_what_is_read(run):
    settings = json.loads(written(run, "argilla", "form"))
    options = [one["value"] for one in settings["questions"][0]["settings"]["options"]]
    record = json.loads(written(run, "argilla"))[0]
    assert set(record["fields"]) <= {field["name"] for field in settings["fields"]}
    for option in options:
        record["responses"] = {"preference": [{"value": option, "user_id": f"u-{option}"}]}
        assert taken(run, "argilla", json.dumps([record])).added == 1
    form = written(run, "label-studio", "form")
    data = json.loads(written(run, "label-studio"))[0]["data"]
    assert all(f'"${name}"' in form for name in data if name != "task")


def test_a_format_is_asked_only_for_what_it_holds(run):
    with pytest.raises(BadFile, match="trl holds no tasks; it holds pairs"):
        leaving(run, FORMATS["trl"], "tasks")
    assert {name: format.writes for name, format in FORMATS.items()} == {
        "jsonl": ("labels", "tasks"),
        "csv": ("labels", "tasks"),
        "trl": ("pairs",),
        "argilla": ("tasks", "form", "labels"),
        "label-studio": ("tasks", "form", "labels"),
    }


def test_every_field_of_a_label_has_a_column(run):
    vote(run, next(run.review_items(1)).id, "bo", "same")
    header = written(run, "csv").splitlines()[0]
    assert header == ",".join(f'"{name}"' for name in Label.model_fields)


def test_the_same_file_at_once_from_several_sides_is_taken_in_once(both):
    run = review_run(both, plain(12), name="hurry")
    file = answered(run, "jsonl", prefers_the_first)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: taken(run, "jsonl", file), range(4)))
    assert sorted((one.added, one.present) for one in outcomes) == [(0, 12), (0, 12), (0, 12), (12, 0)]
    assert len(all_labels(run)) == 12


def test_what_a_database_refuses_goes_in_and_out(both, tmp_path):
    run = review_run(both, plain(1), name="odd")
    vote(run, next(run.review_items(1)).id, "bo", "same", reason="nul \x00, half \ud83d, bidi \u202e")
    text = written(run, "jsonl")
    with type(both).open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        copy = review_run(other, plain(1), name="odd")
        assert taken(copy, "jsonl", text).added == 1
        assert all_labels(copy) == all_labels(run)
