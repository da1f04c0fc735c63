"""Label Studio's JSON: tasks for its pairwise template out, and its JSON export with annotations in.

Its `Pairwise` control knows only left and right; a second control says how much better, or that neither is. Of people
it names e-mail addresses or numbers; a number comes back as `label-studio:10`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, cast

from review.exchange.reading import MAX_NAME, MAX_REASON, Wrong, records, seconds_in, text_of
from review.exchange.tasks import Answer, Fault, Returned, Row, Task, as_text, shown
from review.questions import Choice

PREFERRED, EXTENT, REASON = "preferred", "extent", "reason"
MUCH, SAME, BOTH_BAD = "much better", "same", "both bad"
_TEXT = 16 * 1024 * 1024

_FORM = f"""\
<View>
  <Header value="Prompt"/>
  <Text name="prompt" value="$prompt"/>
  <Text name="principles" value="$principles"/>
  <Header value="Click the better answer"/>
  <Pairwise name="{PREFERRED}" toName="left,right"/>
  <View style="display: grid; grid-template-columns: 1fr 1fr; gap: 1em; white-space: pre-wrap">
    <View><Text name="left" value="$left"/></View>
    <View><Text name="right" value="$right"/></View>
  </View>
  <Header value="By how much, or neither"/>
  <Choices name="{EXTENT}" toName="prompt" choice="single-radio">
    <Choice value="{MUCH}"/>
    <Choice value="{SAME}"/>
    <Choice value="{BOTH_BAD}"/>
  </Choices>
  <TextArea name="{REASON}" toName="prompt" placeholder="Why?" maxSubmissions="1"/>
</View>
"""


def tasks(of: Iterable[Task]) -> Iterator[str]:
    before = "[\n"
    for task in of:
        yield before + json.dumps(_task(task))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def form() -> str:
    """The labeling configuration of the project."""
    return _FORM


def read(file: BinaryIO) -> Iterator[Row | Fault]:
    """A row for each annotation of a task, or one that nobody annotated. Raises BadFile."""
    for place, task in records(file, "A JSON export of Label Studio"):
        try:
            for returned in _returned(task):
                yield Row(place, returned)
        except Wrong as wrong:
            yield Fault(place, str(wrong))


def _task(task: Task) -> dict[str, Any]:
    data = {
        "task": task.id,
        "prompt": as_text(task.prompt),
        "left": shown(task.left),
        "right": shown(task.right),
        "principles": "\n".join(f"{id}: {text}" for id, text in task.principles),
    }
    if not task.answers:
        return {"data": data}
    return {"data": data, "annotations": [_annotation(answer) for answer in task.answers]}


def _annotation(answer: Answer) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    side = answer.choice.split("_", 1)[0]
    if side in ("left", "right"):
        value = {"selected": side}
        result.append({"from_name": PREFERRED, "to_name": PREFERRED, "type": "pairwise", "value": value})
    extent = {"same": SAME, "both_bad": BOTH_BAD}.get(
        answer.choice, MUCH if "much" in answer.choice else None
    )
    about = {"to_name": "prompt"}
    if extent:
        result.append({"from_name": EXTENT, **about, "type": "choices", "value": {"choices": [extent]}})
    if answer.reason:
        result.append({"from_name": REASON, **about, "type": "textarea", "value": {"text": [answer.reason]}})
    made: dict[str, Any] = {"result": result, "was_cancelled": False}
    if answer.seconds is not None:
        made["lead_time"] = answer.seconds
    if answer.reviewer and "@" in answer.reviewer:  # a project knows people by address, and refuses others
        made["completed_by"] = {"email": answer.reviewer}
    return made


def _returned(task: Mapping[str, Any]) -> Iterator[Returned]:
    data, annotations = task.get("data"), task.get("annotations", [])
    if not isinstance(data, dict) or not isinstance(annotations, list):
        raise Wrong("a task has data and annotations; export the project as JSON, not as JSON-MIN or CSV")
    name = text_of(data, "task", MAX_NAME)
    if not name:
        raise Wrong("data.task is missing: the name under which the question was exported (task_…)")
    left, right = (text_of(data, side, _TEXT) if data.get(side) else None for side in ("left", "right"))
    answers = [_answer(one) for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    for answer in answers or [None]:
        yield Returned(name, answer, left, right)


def _answer(annotation: Mapping[str, Any]) -> Answer | None:
    result = annotation.get("result") or []
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise Wrong("an annotation's result must be a list of objects")
    sides = [_value(one, "selected") for one in result if one.get("type") == "pairwise"]
    extents = _all(result, EXTENT, "choices")
    if not sides and not extents:
        return None
    return Answer(
        choice=_choice(sides, extents),
        reviewer=_reviewer(annotation.get("completed_by")),
        reason=text_of({REASON: "\n".join(map(str, _all(result, REASON, "text")))}, REASON, MAX_REASON),
        seconds=seconds_in(annotation.get("lead_time")),
        stamp=text_of(annotation, "updated_at", MAX_NAME) or text_of(annotation, "created_at", MAX_NAME),
    )


def _choice(sides: list[Any], extents: list[Any]) -> Choice:
    if len(sides) > 1 or len(extents) > 1:
        raise Wrong("an annotation answers twice; one side, and one of how much, can be read")
    extent = extents[0] if extents else None
    if extent not in (MUCH, SAME, BOTH_BAD, None):
        raise Wrong(f"{str(extent)[:40]!r} is none of {MUCH}, {SAME}, {BOTH_BAD}")
    if not sides:
        if extent == MUCH:
            raise Wrong(f"{MUCH!r} without a side that is better")
        return "same" if extent == SAME else "both_bad"
    (side,) = sides
    if side not in ("left", "right"):
        raise Wrong(f"{str(side)[:40]!r} is no side; the Pairwise control says left or right")
    if extent in (SAME, BOTH_BAD):
        raise Wrong(f"says that the {side} answer is better, and {extent!r}; one of them holds")
    return cast(Choice, f"{side}_much_better" if extent == MUCH else f"{side}_better")


def _value(result: Mapping[str, Any], name: str) -> Any:
    value = result.get("value")
    return value.get(name) if isinstance(value, dict) else None


def _all(result: list[Mapping[str, Any]], control: str, name: str) -> list[Any]:
    """What a control of our form was given, which may be a value or a list of them."""
    found = [_value(one, name) for one in result if one.get("from_name") == control]
    return [one for value in found for one in (value if isinstance(value, list) else [value])]


def _reviewer(completed_by: Any) -> str | None:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    if completed_by is None or isinstance(completed_by, bool):
        return None
    if isinstance(completed_by, int):
        return f"label-studio:{completed_by}"
    return text_of({"completed_by": completed_by}, "completed_by", MAX_NAME) or None
