from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.constitution import Principle, load_constitution
from prompts.errors import BadTemplate, UnknownName
from prompts.prompt import Message
from prompts.template import JudgeTemplate, load_template

GOOD = """\
---
labels: [A, B]
reply: json
---
[system]
Judge by:
{% for principle in principles %}
- {{ principle.text }}
{% endfor %}
[user]
{{ question }}
<{{ fence }}>{{ answer_a }}</{{ fence }}>
<{{ fence }}>{{ answer_b }}</{{ fence }}>
"""
PRINCIPLES = (
    Principle(id="one", axis="helpful", text="Help {{ gently }}."),
    Principle(id="two", axis="honest", text="Be true."),
)
PIECES = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "[user]\n",
    "[system]\n",
    "---\n",
    "answer_a",
    "<",
    ">",
    "\\",
    "\n",
    "x",
]
MARKUP = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


def ask(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> JudgeTemplate:
    return load_template(write(tmp_path_factory.mktemp("template"), GOOD))


def test_the_shipped_starter_template_shows_everything_once() -> None:
    template = load_template("starter")
    principles = load_constitution("starter").principles
    (turn,) = template.render(ask("why?"), "because one", "because two", principles)
    assert turn.role == "user"
    for text in ["why?", "because one", "because two", *(p.text for p in principles)]:
        assert turn.content.count(text) == 1
    assert turn.content.index("because one") < turn.content.index("because two")


def test_parts_become_turns_and_principles_are_listed(template: JudgeTemplate) -> None:
    system, user = template.render(ask("why?"), "one", "two", PRINCIPLES)
    assert (template.name, template.labels, template.reply) == ("mine", ("A", "B"), "json")
    assert (system.role, system.content) == ("system", "Judge by:\n- Help {{ gently }}.\n- Be true.\n")
    assert user.role == "user"
    assert user.content.startswith("why?\n<")


@given(question=MARKUP | st.text(), first=MARKUP | st.text(), second=MARKUP | st.text())
def test_markup_in_a_text_stays_text(template: JudgeTemplate, question: str, first: str, second: str) -> None:
    _, user = template.render(ask(question), first, second, PRINCIPLES)
    fence = user.content.rsplit("</", 1)[1].removesuffix(">")
    assert user.content == f"{question}\n<{fence}>{first}</{fence}>\n<{fence}>{second}</{fence}>"
    assert all(fence not in text for text in (question, first, second))


def test_the_same_texts_render_the_same_and_the_order_shows(template: JudgeTemplate) -> None:
    once = template.render(ask("q"), "one", "two", PRINCIPLES)
    assert once == template.render(ask("q"), "one", "two", PRINCIPLES)
    assert once != template.render(ask("q"), "two", "one", PRINCIPLES)


def test_a_talk_of_several_turns_is_shown_with_its_roles(template: JudgeTemplate) -> None:
    talk = (*ask("hi"), Message(role="assistant", content="hello"), *ask("why?"))
    _, user = template.render(talk, "one", "two", PRINCIPLES)
    assert user.content.startswith("user: hi\n\nassistant: hello\n\nuser: why?\n")


def test_the_hash_follows_the_whole_file(tmp_path: Path) -> None:
    first = load_template(write(tmp_path, GOOD))
    assert first.hash == load_template(write(tmp_path, GOOD)).hash
    assert first.hash != load_template(write(tmp_path, GOOD.replace("reply: json", "reply: label"))).hash
    assert first.hash != load_template(write(tmp_path, GOOD.replace("Judge by:", "Judge well by:"))).hash


def test_an_unknown_name_is_answered_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match=r"judge template named 'startr'; nearest: starter"):
        load_template("startr")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("labels: [A, B]", "labels: [A]", r"mine\.txt: front matter: labels"),
        ("labels: [A, B]", "labels: [A, AB]", r"cannot be told apart"),
        ("labels: [A, B]", "labels: [A, ' ']", r"a label is empty"),
        ("reply: json", "reply: essay", r"reply: .*label"),
        ("reply: json", "repyl: json", r"repyl: Extra inputs"),
        ("labels: [A, B]", "labels: [A, B", r"front matter is not valid YAML"),
        ("---\nlabels", "labels", r"line 1: expected front matter"),
        ("[user]\n", "", r"line 5: the text must be .*found system"),
        ("[system]\n", "Judge.\n[system]\n", r"optional part after a \[system\] line"),
        ("{{ answer_b }}", "", r"never shows answer_b"),
        ("{{ question }}", "", r"never shows question"),
        ("{{ question }}", "{{ question }} {{ anwser }}", r"unknown variable anwser; known: answer_a"),
        ("{{ question }}", "{{ question }", r"mine\.txt: line 11: "),
        ("{% endfor %}", "", r"mine\.txt: line "),
    ],
)
def test_a_bad_file_is_refused_with_file_place_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in GOOD
    with pytest.raises(BadTemplate, match=reason):
        load_template(write(tmp_path, GOOD.replace(old, new)))


def test_a_text_that_reaches_outside_its_values_is_stopped_by_the_sandbox(tmp_path: Path) -> None:
    escape = GOOD.replace("{{ question }}", "{{ question }}{{ question.__class__.__mro__ }}")
    with pytest.raises(BadTemplate, match="unsafe"):
        load_template(write(tmp_path, escape)).render(ask("q"), "one", "two", PRINCIPLES)


def test_a_missing_attribute_is_an_error_and_not_an_empty_string(tmp_path: Path) -> None:
    wrong = GOOD.replace("principle.text", "principle.txt")
    with pytest.raises(BadTemplate, match="txt"):
        load_template(write(tmp_path, wrong)).render(ask("q"), "one", "two", PRINCIPLES)
